import os
import pickle

import pytest

pytest.importorskip("torch", reason="needs torch, of the extra `train`")

import torch

from scr_live.errors import ModelError, ModelNotFoundError, OutputUnwritableError
from scr_live.training.checkpoint import load_state, save_state

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
