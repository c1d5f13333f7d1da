import os
import pickle

import pytest

pytest.importorskip("torch", reason="needs torch, of the extra `train`")

import torch

from scr_live.errors import ModelError, ModelNotFoundError, OutputUnwritableError
from scr_live.training.checkpoint import load_latest, load_state, save_state

torch.set_num_threads(1)

STATE = {"step": 3, "best": float("-inf"), "network": {"x": torch.arange(4.0)}}


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def test_a_state_comes_back_as_it_was(tmp_path):
    save_state(tmp_path / "s.pt", STATE)
    loaded = load_state(tmp_path / "s.pt")
    assert (loaded["step"], loaded["best"]) == (3, float("-inf"))
    assert torch.equal(loaded["network"]["x"], torch.arange(4.0))
    assert [path.name for path in tmp_path.iterdir()] == ["s.pt"]


@pytest.mark.parametrize(
    "write", [torch.save, lambda state, path: path.write_bytes(pickle.dumps(state, protocol=2))]
)
def test_code_in_a_state_is_refused_and_not_run(tmp_path, write):
    path, sprung = tmp_path / "s.pt", tmp_path / "sprung"
    write({"step": 3, "trap": Trap(sprung)}, path)
    with pytest.raises(ModelError, match=r"s\.pt.*Nothing of it was run"):
        load_state(path)
    assert not sprung.exists()


@pytest.mark.parametrize("content", [b"", b"no state at all", "cut"])
def test_a_damaged_state_is_refused(tmp_path, content):
    path = tmp_path / "s.pt"
    save_state(path, STATE)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content == "cut" else content)
    with pytest.raises(ModelError, match=r"s\.pt"):
        load_state(path)


def test_something_else_than_a_state_is_refused(tmp_path):
    torch.save(torch.zeros(2), tmp_path / "s.pt")
    with pytest.raises(ModelError, match="no training state but a Tensor"):
        load_state(tmp_path / "s.pt")


def test_a_missing_state_is_named(tmp_path):
    with pytest.raises(ModelNotFoundError, match=r"Nothing to resume: .*s\.pt"):
        load_state(tmp_path / "s.pt")


def test_an_unwritable_place_is_named(tmp_path):
    with pytest.raises(OutputUnwritableError, match="nowhere"):
        save_state(tmp_path / "nowhere" / "s.pt", STATE)


def saved_twice(folder):
    for step in (1, 2):
        save_state(folder / "last.pt", {"step": step}, previous=folder / "last.previous.pt")


def test_the_state_before_the_last_one_is_kept(tmp_path):
    saved_twice(tmp_path)
    assert load_state(tmp_path / "last.previous.pt")["step"] == 1
    path, state = load_latest(tmp_path)
    assert (path.name, state["step"]) == ("last.pt", 2)


@pytest.mark.parametrize("loss", ["damaged", "missing"])
def test_without_a_last_state_the_one_before_is_taken_and_stays_safe(tmp_path, loss):
    saved_twice(tmp_path)
    if loss == "damaged":
        (tmp_path / "last.pt").write_bytes(b"half")
    else:
        (tmp_path / "last.pt").unlink()
    path, state = load_latest(tmp_path)
    assert (path.name, state["step"]) == ("last.previous.pt", 1)
    save_state(tmp_path / "last.pt", {"step": 9}, previous=tmp_path / "last.previous.pt")
    assert load_state(tmp_path / "last.previous.pt")["step"] == 1


def test_two_damaged_states_are_an_error(tmp_path):
    saved_twice(tmp_path)
    for name in ("last.pt", "last.previous.pt"):
        (tmp_path / name).write_bytes(b"half")
    with pytest.raises(ModelError):
        load_latest(tmp_path)
