"""The float64 reference against arithmetic done by hand and against the network's own warp."""

import numpy as np
import pytest

from scr_live.convert.semantic_warp.reference import semantic_warp


def row(*values):
    return np.array(values, np.float64)[None, None, None, :]


def shifted(dx, dy=0.0):
    up = row(1.0, 10.0, 100.0, 1000.0)
    flow = np.concatenate([np.full_like(up, dx), np.full_like(up, dy)], axis=1)
    return semantic_warp(up, np.zeros_like(up), flow)[0, 0, 0].tolist()


def test_the_flow_points_to_where_a_pixel_comes_from():
    assert shifted(1.0) == [10.0, 100.0, 1000.0, 0.0]
    assert shifted(-2.0) == [0.0, 0.0, 1.0, 10.0]


def test_between_pixels_it_is_linear_and_fades_to_zero_over_the_border():
    assert shifted(0.5) == [5.5, 55.0, 550.0, 500.0]
    assert shifted(-0.25) == [0.75, 7.75, 77.5, 775.0]
    assert shifted(0.0, 0.75) == [0.25, 2.5, 25.0, 250.0]


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf, 1e300, -1e300])
def test_a_flow_to_nowhere_samples_nothing(strange):
    assert shifted(strange) == [0.0] * 4
    assert shifted(0.0, strange) == [0.0] * 4


def test_the_lower_level_is_added():
    up, low = row(1.0, 2.0), row(10.0, 20.0)
    assert semantic_warp(up, low, np.zeros((1, 2, 1, 2))).tolist() == [[[[11.0, 22.0]]]]


def test_shapes_that_do_not_fit_are_refused():
    up = np.zeros((1, 3, 4, 5))
    with pytest.raises(ValueError, match=r"found \(1, 3, 4, 5\), \(1, 3, 4, 5\) and \(1, 3, 4, 5\)"):
        semantic_warp(up, up, up)


def test_it_is_the_warp_of_the_network():
    torch = pytest.importorskip("torch", reason="needs torch, of the extra `train`")
    from scr_live.network.blocks import warp  # noqa: PLC0415 - needs torch

    rng = np.random.default_rng(0)
    up = rng.normal(size=(2, 3, 7, 9)).astype(np.float32)
    low = rng.normal(size=up.shape).astype(np.float32)
    flow = 4 * rng.normal(size=(2, 2, 7, 9)).astype(np.float32)
    expected = low + warp(torch.from_numpy(up), torch.from_numpy(flow)).numpy()
    assert np.abs(semantic_warp(up, low, flow) - expected).max() < 1e-5
