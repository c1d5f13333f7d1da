import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch, of the extra `train`")

import network_reference as reference
import torch

from scr_live.network.config import LITE0, PLAIN, NetworkConfig
from scr_live.network.scr_net import ScrNet, Segmenter

torch.set_num_threads(1)

SMALL_PLAIN = NetworkConfig(encoder="plain", width=8)
SMALL_LITE0 = NetworkConfig(encoder="lite0", width=8)
TOLERANCE = 1e-4
"""Of logits near 1: float32 rounding through some thirty layers."""


def network(config, seed=0):
    torch.manual_seed(seed)
    return ScrNet(config).eval()


def picture(*, height=64, width=64, batch=1):
    generator = torch.Generator().manual_seed(7)
    return torch.randint(0, 256, (batch, 3, height, width), generator=generator).float()


def with_flow(net, seed=1):
    """Flows as a trained network has them; they start at zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for calibrate in net.calibrate:
            for value in calibrate.offset.parameters():
                value.copy_(torch.randn(value.shape, generator=generator) * 0.3)
    return net


@pytest.mark.parametrize("config", [SMALL_PLAIN, SMALL_LITE0, PLAIN], ids=["plain", "lite0", "paper"])
@pytest.mark.parametrize(("height", "width"), [(64, 64), (32, 96), (96, 32)])
def test_logits_have_the_size_of_the_picture(config, height, width):
    with torch.inference_mode():
        logits = network(config)(picture(height=height, width=width, batch=2))
    assert logits.shape == (2, 1, height, width)
    assert logits.isfinite().all()


@pytest.mark.parametrize(
    ("config", "strides"), [(SMALL_PLAIN, (1, 2, 4, 8, 16)), (SMALL_LITE0, (4, 8, 16, 32))]
)
def test_every_level_has_a_side_output(config, strides):
    with torch.inference_mode():
        sides = network(config).side_outputs(picture(height=64, width=96))
    assert [tuple(side.shape) for side in sides] == [(1, 1, 64 // s, 96 // s) for s in strides]


def test_the_answer_is_the_sum_of_the_upsampled_side_outputs():
    net = network(SMALL_LITE0)
    image = picture(height=64, width=64)
    with torch.inference_mode():
        sides = [side[0].double().numpy() for side in net.side_outputs(image)]
        logits = net(image)[0].double().numpy()
    total = sides[-1]
    for side in reversed(sides[:-1]):
        total = side + reference.resize(total, *side.shape[1:])
    np.testing.assert_allclose(logits, reference.resize(total, 64, 64), rtol=0, atol=TOLERANCE)


def test_calibration_runs_from_the_top_down(rng):
    """I_i is made from I_{i+1}, not from X_{i+1}: the top level reaches the finest."""
    net = with_flow(network(NetworkConfig(encoder="lite0", width=4)))
    levels = [rng.standard_normal((4, side, side)) for side in (16, 8, 4, 2)]
    expected = [levels[-1]]
    for level, calibrate in zip(levels[-2::-1], list(net.calibrate)[::-1], strict=True):
        expected.insert(0, reference.calibrate(expected[0], level, reference.parameters_of(calibrate)))
    with torch.inference_mode():
        calibrated = net._calibrated([torch.from_numpy(level)[None].float() for level in levels])
    for tensor, array in zip(calibrated, expected, strict=True):
        np.testing.assert_allclose(tensor[0].double().numpy(), array, rtol=0, atol=TOLERANCE)


def test_the_decoder_refines_before_it_fuses(rng):
    """O_i = SRM(I_{i+1}, I_i), then a 3x3 fusion of O_i and what comes from above."""
    net = network(NetworkConfig(encoder="lite0", width=4))
    levels = [rng.standard_normal((4, side, side)) for side in (16, 8, 4, 2)]
    expected = [levels[-1]]
    for i in (2, 1, 0):
        refined = reference.refine(levels[i + 1], levels[i], reference.parameters_of(net.refine[i]))
        reduce, fuse = reference.parameters_of(net.reduce[i]), reference.parameters_of(net.fuse[i])
        above = reference.convolve(expected[0], reduce["weight"], reduce["bias"])
        fused = refined + reference.resize(above, *refined.shape[1:])
        fused = reference.normalise(reference.convolve(fused, fuse["0.weight"]), fuse, "1")
        expected.insert(0, reference.relu(fused))
    with torch.inference_mode():
        decoded = net._decoded([torch.from_numpy(level)[None].float() for level in levels])
    for tensor, array in zip(decoded, expected, strict=True):
        np.testing.assert_allclose(tensor[0].double().numpy(), array, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("encoder", ["plain", "lite0"])
def test_scm_starts_as_the_fpn_and_departs_from_it(encoder):
    full = network(NetworkConfig(encoder=encoder, width=8))
    baseline = network(NetworkConfig(encoder=encoder, width=8, scm=False), seed=1)
    shared = {k: v for k, v in full.state_dict().items() if ".offset." not in k}
    baseline.load_state_dict(shared)
    image = picture()
    with torch.inference_mode():
        expected = baseline(image)
        torch.testing.assert_close(full(image), expected, rtol=1e-4, atol=TOLERANCE)
        assert (with_flow(full)(image) - expected).abs().max() > 10 * TOLERANCE


def test_without_srm_nothing_is_reweighted():
    full = network(SMALL_LITE0)
    baseline = network(NetworkConfig(encoder="lite0", width=8, srm=False), seed=1)
    baseline.load_state_dict({k: v for k, v in full.state_dict().items() if not k.startswith("refine.")})
    image = picture()
    with torch.inference_mode():
        expected = baseline(image)
        assert (full(image) - expected).abs().max() > 10 * TOLERANCE
        for refine in full.refine:  # a gate of 1 everywhere is the identity
            refine.rescale.weight.zero_()
            refine.rescale.bias.fill_(1e4)
        torch.testing.assert_close(full(image), expected, rtol=1e-4, atol=TOLERANCE)


@pytest.mark.parametrize("config", [PLAIN, LITE0], ids=["plain", "lite0"])
def test_only_the_switched_part_is_missing(config):
    names = set(ScrNet(config).state_dict())
    for switch, own in (("scm", ".offset."), ("srm", "refine.")):
        off = NetworkConfig(**{**config.as_dict(), switch: False})
        assert names - set(ScrNet(off).state_dict()) == {name for name in names if own in name}


def test_the_exported_form_takes_bytes_and_answers_probability():
    net = network(SMALL_LITE0)
    image = picture(height=64, width=64)
    with torch.inference_mode():
        probability = Segmenter(net)(image.permute(0, 2, 3, 1).to(torch.uint8))
        expected = torch.sigmoid(net(image))[:, 0]
    assert probability.shape == (1, 64, 64)
    torch.testing.assert_close(probability, expected)
