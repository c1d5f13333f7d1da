"""The launch as plain numbers; that it covers every element once is shown with the kernel's own source."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scr_live.convert.semantic_warp import launch

EXTENTS = st.tuples(*[st.integers(1, 100_000)] * 2, *[st.integers(1, 20_000)] * 2)


@given(EXTENTS)
def test_the_grid_reaches_every_element_and_keeps_within_cudas_limits(extents):
    batch, channels, height, width = extents
    start = launch.geometry(batch, channels, height=height, width=width)
    pixels = start.block[0] * launch.PIXELS_PER_THREAD
    assert (start.grid[0] - 1) * pixels < height * width <= start.grid[0] * pixels
    for blocks, needed in ((start.grid[1], channels / launch.CHANNELS_PER_THREAD), (start.grid[2], batch)):
        assert blocks - 1 < needed  # none is idle
        assert blocks >= needed or blocks == 65_535  # where the others take more than their share
        assert blocks <= 65_535
    assert start.grid[0] < 2**31
    assert start.args == extents


def test_a_level_of_the_shipped_model():
    start = launch.geometry(1, 48, height=88, width=88)
    assert start == launch.Launch((31, 12, 1), (128, 1, 1), (1, 48, 88, 88))


@pytest.mark.parametrize(
    "extents", [(0, 1, 1, 1), (1, 0, 1, 1), (1, 1, 0, 1), (1, 1, 1, -1), (1, 1, 30_000, 30_000)]
)
def test_extents_that_the_kernel_cannot_take_are_refused(extents):
    batch, channels, height, width = extents
    with pytest.raises(ValueError, match="extents from 1 and planes of at most"):
        launch.geometry(batch, channels, height=height, width=width)
