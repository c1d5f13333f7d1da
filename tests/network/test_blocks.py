"""The blocks against the paper's equations in float64 (network_reference.py).

Tolerance 1e-5: float32 rounding of values of about 1 through at most a few hundred additions.
"""

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch, of the extra `train`")

import network_reference as reference
import torch
from torch.nn import functional

from scr_live.network.blocks import (
    PyramidPooling,
    SemanticCalibration,
    SemanticRefinement,
    adaptive_average,
    enlarge,
    resize_like,
    warp,
)

torch.set_num_threads(1)

TOLERANCE = 1e-5
SIZES = [(6, 8), (5, 7), (1, 9)]


def as_tensor(*arrays):
    return torch.from_numpy(np.stack(arrays)).float()


def assert_close(tensor, *expected, tolerance=TOLERANCE):
    np.testing.assert_allclose(tensor.detach().double().numpy(), np.stack(expected), rtol=0, atol=tolerance)


def randomised(module, seed):
    """Random everything, offsets and running statistics too: a zero or a one would hide a mistake."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in module.state_dict().items():
        if value.is_floating_point():
            noise = torch.randn(value.shape, generator=generator)
            value.copy_(noise.abs() + 0.5 if name.endswith("running_var") else 0.5 * noise)
    return module.eval()


def neighbours(rng, *, channels=(6, 4), size=(6, 8)):
    """A deeper map of half the size (rounded up) and its shallower neighbour."""
    height, width = size
    high = rng.standard_normal((channels[0], -(-height // 2), -(-width // 2)))
    return high, rng.standard_normal((channels[1], height, width))


@pytest.mark.parametrize("size", SIZES)
def test_warp_follows_a_random_flow(rng, size):
    images = rng.standard_normal((2, 3, *size))
    flows = 2 * rng.standard_normal((2, 2, *size))
    expected = [reference.warp(image, flow) for image, flow in zip(images, flows, strict=True)]
    assert_close(warp(as_tensor(*images), as_tensor(*flows)), *expected)


@pytest.mark.parametrize("size", SIZES)
def test_warp_fades_to_zero_across_the_border(rng, size):
    image = rng.standard_normal((3, *size))
    flow = rng.uniform(-1.5, 1.5, (2, *size)) + np.array(size[::-1])[:, None, None] * rng.choice((-1, 1))
    assert_close(warp(as_tensor(image), as_tensor(flow)), reference.warp(image, flow))


@pytest.mark.parametrize("distance", [50.0, -50.0, 1e4, -1e9])
def test_a_flow_far_outside_gives_zeros(rng, distance):
    image = as_tensor(rng.standard_normal((3, 5, 7)))
    assert torch.count_nonzero(warp(image, torch.full((1, 2, 5, 7), distance))) == 0


@pytest.mark.parametrize("size", SIZES)
def test_a_flow_of_zero_is_the_identity(rng, size):
    image = rng.standard_normal((3, *size))
    assert_close(warp(as_tensor(image), torch.zeros(1, 2, *size)), image)


@pytest.mark.parametrize(("dx", "dy"), [(1, 0), (0, 1), (-2, 3), (3, -1)])
def test_a_whole_flow_shifts_by_whole_pixels(rng, dx, dy):
    image = rng.standard_normal((2, 7, 9))
    padded = np.pad(image, ((0, 0), (4, 4), (4, 4)))
    shifted = padded[:, 4 + dy : 11 + dy, 4 + dx : 13 + dx]
    flow = np.stack((np.full((7, 9), dx), np.full((7, 9), dy)))
    assert_close(warp(as_tensor(image), as_tensor(flow)), shifted)


def test_half_precision_features_keep_float32_coordinates():
    """Stripes of 0 and 1, sampled 3/8 between them: an error of 0.06 px, as of float16, shows as 0.06."""
    stripes = (torch.arange(500) % 2).expand(1, 1, 4, 500)
    flow = torch.tensor([0.375, 0.0]).view(1, 2, 1, 1).expand(1, 2, 4, 500)
    warped = warp(stripes.half(), flow.half())[..., :-1]
    expected = torch.where(stripes[..., :-1] == 0, 0.375, 0.625)
    assert warped.dtype == torch.float16
    torch.testing.assert_close(warped.float(), expected, rtol=0, atol=5e-4)  # float16 rounding of the answer


@pytest.mark.parametrize(("old", "new"), [((3, 4), (6, 8)), ((3, 4), (5, 7)), ((1, 1), (4, 3))])
def test_resize_aligns_pixel_centres(rng, old, new):
    image = rng.standard_normal((2, *old))
    assert_close(resize_like(as_tensor(image), torch.zeros(1, 1, *new)), reference.resize(image, *new))


@pytest.mark.parametrize(
    ("old", "new"), [((3, 4), (12, 16)), ((3, 4), (5, 7)), ((1, 1), (4, 3)), ((3, 4), (3, 4))]
)
def test_enlarging_is_resizing(rng, old, new):
    image = rng.standard_normal((1, *old))
    assert_close(enlarge(as_tensor(image), torch.zeros(1, 1, *new)), reference.resize(image, *new))


@pytest.mark.parametrize("size", SIZES)
def test_scm_is_equations_1_to_3(rng, size):
    scm = randomised(SemanticCalibration(6, 4), seed=1)
    pairs = [neighbours(rng, size=size) for _ in range(2)]
    expected = [reference.calibrate(*pair, reference.parameters_of(scm)) for pair in pairs]
    highs, lows = zip(*pairs, strict=True)
    assert_close(scm(as_tensor(*highs), as_tensor(*lows)), *expected, tolerance=5 * TOLERANCE)


def test_scm_with_a_flow_far_outside_leaves_the_lower_level_alone(rng):
    scm = randomised(SemanticCalibration(6, 4), seed=2)
    with torch.no_grad():
        scm.offset.weight.zero_()
        scm.offset.bias.fill_(1e4)
    high, low = neighbours(rng)
    assert torch.equal(scm(as_tensor(high), as_tensor(low)), as_tensor(low))


def test_scm_switched_off_is_the_bilinear_fpn(rng):
    baseline = randomised(SemanticCalibration(6, 4, enabled=False), seed=3)
    high, low = neighbours(rng, size=(5, 7))
    expected = reference.fpn(high, low, reference.parameters_of(baseline))
    assert_close(baseline(as_tensor(high), as_tensor(low)), expected)
    assert set(baseline.state_dict()) == {"project.weight", "project.bias"}


def test_scm_without_flow_equals_scm_switched_off(rng):
    scm = randomised(SemanticCalibration(6, 4), seed=4)
    baseline = SemanticCalibration(6, 4, enabled=False)
    baseline.load_state_dict({k: v for k, v in scm.state_dict().items() if k.startswith("project.")})
    high, low = (as_tensor(level) for level in neighbours(rng))
    assert (scm(high, low) - baseline(high, low)).abs().max() > 0.1
    with torch.no_grad():
        scm.offset.weight.zero_()
        scm.offset.bias.zero_()
    torch.testing.assert_close(scm(high, low), baseline(high, low), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("size", SIZES)
def test_srm_is_equations_4_to_7(rng, size):
    srm = randomised(SemanticRefinement(6, 4), seed=5)
    pairs = [neighbours(rng, size=size) for _ in range(2)]
    expected = [reference.refine(*pair, reference.parameters_of(srm)) for pair in pairs]
    highs, lows = zip(*pairs, strict=True)
    assert_close(srm(as_tensor(*highs), as_tensor(*lows)), *expected)


def test_srm_switched_off_is_the_identity(rng):
    baseline = SemanticRefinement(6, 4, enabled=False)
    high, low = (as_tensor(level) for level in neighbours(rng))
    assert torch.equal(baseline(high, low), low)
    assert not baseline.state_dict()


@pytest.mark.parametrize("size", [(6, 8), (11, 7), (2, 3)])
def test_ppm_pools_over_its_four_grids(rng, size):
    ppm = randomised(PyramidPooling(5, 8), seed=6)
    tops = rng.standard_normal((2, 5, *size))
    expected = [reference.pool_pyramid(top, reference.parameters_of(ppm)) for top in tops]
    assert_close(ppm(as_tensor(*tops)), *expected, tolerance=5 * TOLERANCE)


@pytest.mark.parametrize("size", [11, 9, 7])
@pytest.mark.parametrize("bins", PyramidPooling.BINS)
def test_adaptive_average_equals_adaptive_pooling(rng, size, bins):
    image = rng.standard_normal((3, size, 8))
    pooled = adaptive_average(as_tensor(image), bins)
    assert_close(pooled, reference.adaptive_average(image, bins))
    torch.testing.assert_close(
        pooled, functional.adaptive_avg_pool2d(as_tensor(image), bins), rtol=0, atol=TOLERANCE
    )
