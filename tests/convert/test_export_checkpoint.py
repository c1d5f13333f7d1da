"""What a checkpoint may be, and that nothing in one is ever run."""

import contextlib
import json
import pickle
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="needs torch, of the extra `export`")
pytest.importorskip("safetensors", reason="needs safetensors, of the extra `export`")

import torch
from tiny_checkpoint import CONFIG, SIZE, trained_like, write_checkpoint

from scr_live.card import file_sha256
from scr_live.convert.checkpoint import find_checkpoint
from scr_live.errors import CardError, ModelError, ModelNotFoundError, OptionError
from scr_live.network.config import NetworkConfig
from scr_live.network.scr_net import ScrNet
from scr_live.network.weights import read_network, read_state

torch.set_num_threads(1)


def read(path):
    model = find_checkpoint(path)
    return read_network(model.path, model.card)


def assert_same_weights(network):
    expected = trained_like().state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("file", ["w.safetensors", "w.pt", "w.pth"])
def test_weights_with_their_card(tmp_path, file):
    path = write_checkpoint(tmp_path, file=file)
    assert_same_weights(read(path))
    assert find_checkpoint(path).sha256 == file_sha256(path)


def test_the_folder_of_a_training_run(tmp_path):
    write_checkpoint(tmp_path / "run", file="best.safetensors")
    assert find_checkpoint(tmp_path / "run").path.name == "best.safetensors"
    assert_same_weights(read(tmp_path / "run"))


def test_the_averaged_weights_of_a_training_state(tmp_path):
    """Its card is that of the .safetensors beside it, whose hash is not this file's."""
    write_checkpoint(tmp_path, file="last.safetensors")
    state = {"network": ScrNet(CONFIG).state_dict(), "average": trained_like().state_dict(), "step": 3}
    torch.save(state, tmp_path / "last.pt")
    assert_same_weights(read(tmp_path / "last.pt"))


@pytest.mark.parametrize("key", ["state_dict", "model"])
def test_a_state_dict_within_a_dict(tmp_path, key):
    path = write_checkpoint(tmp_path, file="w.pt")
    torch.save({key: trained_like().state_dict(), "epoch": 3}, path)
    path.with_suffix(".json").write_text(
        json.dumps({"name": "tiny", "input_size": SIZE, "network": CONFIG.as_dict()})
    )
    assert_same_weights(read(path))


class Payload:
    """Writes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.write_text, (self.mark, "it ran")


def as_torch_archive(value, path):
    torch.save(value, path)


def as_bare_pickle(value, path):
    path.write_bytes(pickle.dumps(value))


def as_archive_with_another_pickle(value, path):
    """A sound file of tensors whose pickle was exchanged."""
    torch.save(trained_like().state_dict(), path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in parts.items():
            archive.writestr(name, pickle.dumps(value) if name.endswith("data.pkl") else content)


@pytest.mark.parametrize("file", ["w.pt", "w.pth", "w.safetensors"])
@pytest.mark.parametrize("hidden", ["alone", "in a state dict", "in a training state"])
@pytest.mark.parametrize("write", [as_torch_archive, as_bare_pickle, as_archive_with_another_pickle])
def test_code_in_a_checkpoint_is_refused_and_not_run(tmp_path, file, hidden, write):
    mark = tmp_path / "mark"
    payload = Payload(mark)
    value = {
        "alone": payload,
        "in a state dict": {**trained_like().state_dict(), "extra": payload},
        "in a training state": {"average": trained_like().state_dict(), "hook": payload},
    }[hidden]
    path = write_checkpoint(tmp_path, file=file)
    write(value, path)
    path.with_suffix(".json").write_text(
        json.dumps({"name": "tiny", "input_size": SIZE, "network": CONFIG.as_dict()})
    )
    with pytest.raises(ModelError, match=r"Nothing of it was run|no readable safetensors|is damaged"):
        read(path)
    assert not mark.exists()
    pickle.loads(pickle.dumps(payload))  # the payload is one: unpickled, it does run  # noqa: S301
    assert mark.exists()


@pytest.mark.parametrize("file", ["w.safetensors", "w.pt"])
@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, 0.999])
def test_a_truncated_checkpoint_is_refused(tmp_path, file, keep):
    path = write_checkpoint(tmp_path, file=file)
    whole = path.read_bytes()
    path.write_bytes(whole[: keep if isinstance(keep, int) else int(keep * len(whole))])
    with pytest.raises(CardError, match="not the file its card describes"):  # the hash tells it first
        find_checkpoint(path)
    card = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps({**card, "sha256": ""}))
    with pytest.raises(ModelError, match=r"w\.(safetensors|pt)") as caught:
        read(path)
    assert "weights_only=False" not in str(caught.value)  # torch's own advice is to run the code


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_checkpoint_is_read_or_refused_in_words(whole_pt, data):
    path, content = whole_pt
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(changed)
    with contextlib.suppress(ModelError):
        read_state(path)


@pytest.fixture(scope="module")
def whole_pt(tmp_path_factory):
    path = tmp_path_factory.mktemp("damaged") / "w.pt"
    torch.save({"a": torch.zeros(3), "b": torch.ones(2, dtype=torch.float16)}, path)
    return path, path.read_bytes()


@pytest.mark.parametrize("file", ["w.safetensors", "w.pt"])
@pytest.mark.parametrize(
    ("other", "words"),
    [
        (NetworkConfig(encoder="plain", width=8), "instead of"),
        (NetworkConfig(encoder="plain", width=4, scm=False), "offset.weight is missing"),
    ],
)
def test_weights_of_other_shapes_are_refused(tmp_path, file, other, words):
    path = write_checkpoint(tmp_path, network=ScrNet(other), file=file)
    card = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps({**card, "network": CONFIG.as_dict()}))
    with pytest.raises(ModelError, match="another network than its card describes") as caught:
        read(path)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize("value", [[1, 2], {}, {"a": 1}, {1: torch.zeros(2)}, torch.zeros(3), "text"])
def test_what_is_no_state_dict_is_refused(tmp_path, value):
    path = write_checkpoint(tmp_path, file="w.pt")
    card = json.loads(path.with_suffix(".json").read_text())
    torch.save(value, path)
    path.with_suffix(".json").write_text(json.dumps({**card, "sha256": ""}))
    with pytest.raises(ModelError, match="holds no state dict"):
        read(path)


STRANGE = {
    "sparse": torch.Tensor.to_sparse,
    "without data": lambda value: value.to("meta"),
    "complex": lambda value: value.to(torch.complex64),
    "whole": lambda value: value.to(torch.int32),
    "nan": lambda value: value * float("nan"),
    "infinite": lambda value: value / 0,
}


@pytest.mark.parametrize("kind", STRANGE)
def test_a_tensor_of_a_strange_kind_is_named(tmp_path, kind):
    network = trained_like()
    name = next(name for name, value in network.named_parameters() if value.dim() == 4)
    path = write_checkpoint(tmp_path, file="w.pt")
    card = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps({**card, "sha256": ""}))
    state = network.state_dict()
    torch.save({**state, name: STRANGE[kind](state[name])}, path)
    with pytest.raises(ModelError, match=rf"{name}.*expected finite real numbers"):
        read(path)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda folder: folder / "none.pt", ModelNotFoundError, "No checkpoint at"),
        (lambda folder: folder, ModelNotFoundError, r"holds no best\.safetensors"),
        (lambda folder: folder / ("a" * 300), ModelNotFoundError, "too long"),
        (lambda folder: folder / "w.json", ModelError, "no checkpoint that can be exported"),
    ],
    ids=["missing", "folder", "long", "card"],
)
def test_what_is_no_checkpoint_is_named(tmp_path, make, error, words):
    write_checkpoint(tmp_path)
    with pytest.raises(error, match=words):
        find_checkpoint(make(tmp_path))


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", "-option", "a\\b", "a\nb", "c:d"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, name):
    path = write_checkpoint(tmp_path, name=name)
    with pytest.raises(CardError, match="cannot be a file's"):
        find_checkpoint(path)


def test_a_card_without_network_is_refused(tmp_path):
    path = write_checkpoint(tmp_path)
    card = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps({**card, "network": None}))
    with pytest.raises(CardError, match="has no `network`"):
        find_checkpoint(path)


@pytest.mark.parametrize("size", [0, -32, 16, 31, 350, 4128])
def test_a_size_that_the_network_cannot_take_is_refused(tmp_path, size):
    path = write_checkpoint(tmp_path)
    with pytest.raises(OptionError, match=r"--size must be a multiple of 32.*found"):
        find_checkpoint(path, size=size)
    assert find_checkpoint(path, size=64).card.input_size == 64
