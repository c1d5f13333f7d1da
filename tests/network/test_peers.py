"""The networks of scripts/peers, which speed is compared with."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch, of the extra `export`")
pytest.importorskip("onnx", reason="needs onnx, of the extra `export`")
pytest.importorskip("onnxscript", reason="needs onnxscript, of the extra `export`")


import torch
from torch import nn

from scr_live.network.scr_net import Segmenter
from scr_live.shipped import find_model

FOLDER = Path(__file__).parents[2] / "scripts" / "peers"
if not FOLDER.exists():
    pytest.skip("scripts are not part of a wheel", allow_module_level=True)

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(FOLDER))
    from catalogue import PEERS
    from layers import Normalise
    from make_peers import make, write_readme
    from making import UNTRAINED, multiplications, onnx_bytes, parameters, with_seeded_weights

torch.set_num_threads(1)

TINY = ("nanonet-c", "ultraseg-130k", "resunet-plus-plus", "colonsegnet")
"""Those that a test can afford to export."""


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_has_as_many_parameters_as_is_reported_of_it(name):
    peer = PEERS[name]
    with torch.device("meta"):
        count = parameters(peer.build()) / 1e6
    assert count + peer.not_here == pytest.approx(peer.reported, rel=0.005)
    assert bool(peer.because) == bool(peer.not_here)


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_answers_one_map_of_the_size_of_the_picture(name):
    with torch.device("meta"):
        network = PEERS[name].build().eval()
    answer = network(torch.zeros((1, 3, 96, 160), device="meta"))
    assert answer.shape == (1, 1, 96, 160)


@pytest.mark.parametrize(
    ("name", "size", "gmac"),
    [
        ("pspnet", 512, 357.1719 / 2),  # Open Model Zoo: two operations a multiplication
        ("pranet", 352, 13.1),
        ("hardnet-mseg", 352, 11.4),
    ],
)
def test_a_peer_computes_as_much_as_is_reported_of_it(name, size, gmac):
    assert multiplications(PEERS[name].build(), size) / 1e9 == pytest.approx(gmac, rel=0.05)


def test_multiplications_are_those_of_each_output_and_for_transposed_ones_of_each_input():
    assert multiplications(nn.Conv2d(3, 5, 3, stride=2, padding=1), 8) == 4 * 4 * 5 * 3 * 9
    assert multiplications(nn.Conv2d(3, 6, 3, padding=1, groups=3), 8) == 8 * 8 * 6 * 1 * 9
    assert multiplications(nn.ConvTranspose2d(3, 5, 2, stride=2), 8) == 8 * 8 * 3 * 5 * 4


def test_normalising_as_a_product_and_a_sum_is_batch_normalisation():
    torch.manual_seed(3)
    ours = Normalise(4)
    ours(torch.randn(2, 4, 8, 8) * 3 + 1)  # moves the statistics
    nn.init.uniform_(ours.weight)
    nn.init.normal_(ours.bias)
    theirs = nn.BatchNorm2d(4)
    theirs.load_state_dict(ours.state_dict())
    picture = torch.randn(1, 4, 8, 8)
    torch.testing.assert_close(ours.eval()(picture), theirs.eval()(picture))


@pytest.mark.parametrize("name", TINY)
def test_the_file_computes_what_torch_does(name):
    runtime = pytest.importorskip("onnxruntime", reason="needs onnxruntime, of the extra `export`")
    network = with_seeded_weights(PEERS[name].build())
    picture = np.random.default_rng(5).integers(0, 256, (1, 64, 64, 3), dtype=np.uint8)
    with torch.inference_mode():
        expected = Segmenter(network)(torch.from_numpy(picture)).numpy()
    session = runtime.InferenceSession(onnx_bytes(network, name=name, size=64))
    (answer,) = session.run(None, {session.get_inputs()[0].name: picture})
    assert answer.shape == (1, 64, 64)
    assert 0 <= answer.min() < answer.max() <= 1
    np.testing.assert_allclose(answer, expected, atol=1e-4)


def test_weights_are_the_same_each_time_and_of_an_ordinary_size():
    first, second = (with_seeded_weights(PEERS["nanonet-c"].build()) for _ in range(2))
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name
    with torch.inference_mode():
        logits = first(255 * torch.rand((1, 3, 64, 64)))
    assert 0.01 < logits.std() < 100


def test_a_file_and_its_card_say_that_it_is_untrained_and_the_card_is_one_that_runs(tmp_path):
    facts = make("nanonet-c", PEERS["nanonet-c"], tmp_path, size=64)
    model = find_model(str(tmp_path / "nanonet-c.onnx"))
    assert model.card.input_size == 64
    assert UNTRAINED in model.card.name
    assert UNTRAINED.encode() in model.path.read_bytes()
    assert facts["parameters"] == 43345
    write_readme(tmp_path)
    assert "Untrained, speed only: never for marking" in (tmp_path / "README.md").read_text()
