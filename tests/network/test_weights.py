import stat

import pytest

pytest.importorskip("torch", reason="needs torch, of the extra `train`")
pytest.importorskip("safetensors", reason="needs safetensors, of the extra `train`")

import torch

from scr_live.card import ModelCard
from scr_live.errors import CardError, ModelError, ModelNotFoundError, OutputUnwritableError
from scr_live.network.config import NetworkConfig
from scr_live.network.scr_net import ScrNet
from scr_live.network.weights import load_weights, read_network, save_weights

torch.set_num_threads(1)

CONFIG = NetworkConfig(encoder="plain", width=4)


def network(config=CONFIG, *, seed=0):
    torch.manual_seed(seed)
    return ScrNet(config).to(memory_format=torch.channels_last)  # as training has it


def card(values):
    return ModelCard(name="tiny", input_size=32, network=values)


def test_weights_come_back_bit_by_bit(tmp_path):
    original = network()
    save_weights(tmp_path / "w.safetensors", original.state_dict())
    copy = read_network(tmp_path / "w.safetensors", card(CONFIG.as_dict()))
    assert not copy.training
    for name, value in original.state_dict().items():
        assert torch.equal(copy.state_dict()[name], value), name
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]


def test_half_storage_halves_the_file_and_rounds_once(tmp_path):
    original = network()
    save_weights(tmp_path / "full.safetensors", original.state_dict())
    save_weights(tmp_path / "half.safetensors", original.state_dict(), half=True)
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("half", "full")]
    assert sizes[0] < 0.6 * sizes[1]
    copy = network(seed=1)
    load_weights(copy, tmp_path / "half.safetensors")
    for name, value in original.state_dict().items():
        loaded = copy.state_dict()[name]
        assert loaded.dtype == value.dtype
        assert torch.equal(loaded, value.half().float() if value.is_floating_point() else value), name


def test_half_storage_refuses_what_float16_cannot_hold(tmp_path):
    state = network().state_dict()
    state["pyramid.fuse.1.running_var"].fill_(1e5)
    with pytest.raises(ModelError, match=r"pyramid\.fuse\.1\.running_var.*65504"):
        save_weights(tmp_path / "w.safetensors", state, half=True)
    assert not list(tmp_path.iterdir())


def test_weights_can_be_read_by_whoever_can_read_other_files(tmp_path):
    (tmp_path / "other").write_text("")
    save_weights(tmp_path / "w.safetensors", {"x": torch.zeros(2)})
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert len(modes) == 1


def test_an_unwritable_place_is_named(tmp_path):
    with pytest.raises(OutputUnwritableError, match="nowhere"):
        save_weights(tmp_path / "nowhere" / "w.safetensors", {"x": torch.zeros(2)})


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        (NetworkConfig(encoder="plain", width=8), "(8,) instead of (4,)"),
        (NetworkConfig(encoder="plain", width=4, scm=False), "calibrate.0.offset.weight"),
        (NetworkConfig(encoder="plain", width=4, srm=False), "refine.0.rescale.weight"),
    ],
)
def test_weights_of_another_network_are_refused(tmp_path, other, differs):
    path = tmp_path / "w.safetensors"
    save_weights(path, network(other).state_dict())
    with pytest.raises(ModelError, match=r"w\.safetensors holds weights of another network") as caught:
        load_weights(network(), path)
    assert differs in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no weights at all", "cut"])
def test_a_damaged_file_is_refused(tmp_path, content):
    path = tmp_path / "w.safetensors"
    save_weights(path, network().state_dict())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content == "cut" else content)
    with pytest.raises(ModelError, match=r"w\.safetensors is no readable safetensors file"):
        load_weights(network(), path)


def test_missing_weights_are_named(tmp_path):
    with pytest.raises(ModelNotFoundError, match=r"none\.safetensors"):
        load_weights(network(), tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    ("described", "complaint"),
    [
        (None, "has no `network`"),
        ({"encoder": "plain", "depth": 3}, "depth"),
        ({"encoder": "resnet"}, "resnet"),
    ],
)
def test_a_card_that_does_not_tell_the_network_is_refused(tmp_path, described, complaint):
    path = tmp_path / "w.safetensors"
    save_weights(path, network().state_dict())
    with pytest.raises(CardError, match=complaint):
        read_network(path, card(described))
