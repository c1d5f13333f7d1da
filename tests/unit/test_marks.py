"""Polyps hit, false marks and pixel counts over thresholds, counted by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scr_live.evaluation.marks import (
    TruePolyp,
    bounds,
    false_marks,
    is_marked_at,
    marked_pixels,
    pixels_at,
    size_of,
    true_polyps,
)
from scr_live.geometry import Box, Placement, large_regions, polyps_from_probability


def mask(*rows):
    return np.array([[pixel == "#" for pixel in row] for row in rows])


TRUTH = mask(
    "##......",
    "##......",
    "......##",
    "......##",
)


def test_a_polyp_is_hit_by_a_single_pixel_and_not_by_its_neighbour():
    marked = mask(
        "........",
        ".#......",
        ".....#..",
        "........",
    )
    assert true_polyps(TRUTH, marked, 32) == (TruePolyp(4 / 32, hit=True), TruePolyp(4 / 32, hit=False))
    assert false_marks(marked, TRUTH) == 1


def test_one_mark_may_hit_two_polyps_and_is_not_false():
    assert [polyp.hit for polyp in true_polyps(TRUTH, np.ones_like(TRUTH), 32)] == [True, True]
    assert false_marks(np.ones_like(TRUTH), TRUTH) == 0


def test_pixels_that_touch_at_a_corner_are_one_polyp():
    assert len(true_polyps(mask("#.", ".#"), mask("..", ".."), 4)) == 1


def test_specks_of_a_mask_are_no_polyps_beside_a_real_one():
    truth = np.zeros((100, 100), bool)
    truth[10:30, 10:30] = True  # 400 pixels
    truth[80, 80:87] = True  # 7: less than 0.0008 of 10000
    truth[90, 80:88] = True  # 8: just as much
    found = true_polyps(truth, truth, 10_000)
    assert [polyp.field_share for polyp in found] == [0.04, 0.0008]


def test_a_lone_speck_is_the_polyp():
    truth = np.zeros((100, 100), bool)
    truth[80, 80:83] = truth[5, 5] = True
    assert true_polyps(truth, ~truth, 10_000) == (TruePolyp(0.0003, hit=False),)


def test_where_nothing_is_there_is_nothing():
    empty = np.zeros((3, 4), bool)
    assert true_polyps(empty, ~empty, 12) == ()
    assert false_marks(empty, ~empty) == 0
    assert false_marks(~empty, empty) == 1
    assert bounds(empty) is None


@pytest.mark.parametrize(
    ("share", "size"),
    [(0, "small"), (0.0499, "small"), (0.05, "medium"), (0.1299, "medium"), (0.13, "large")],
)
def test_sizes(share, size):
    assert size_of(share) == size


def test_pixels_over_thresholds_by_hand():
    probability = np.array(
        [
            [0.9, 0.9, 0.0, 0.0, 0.7],
            [0.6, 0.3, 0.0, 0.0, 0.0],
        ],
        np.float32,
    )
    truth = mask("##...", "##...")
    counts = pixels_at(probability, truth, (0.95, 0.2, 0.8, 0.5), min_area_px=2)
    # 0.95: nothing. 0.2: all four of the square, the lone 0.7 is too small. 0.8: the upper two.
    # 0.5: three of the square.
    assert counts.tolist() == [[0, 0], [4, 0], [2, 0], [3, 0]]
    assert pixels_at(probability, ~truth, (0.2,), min_area_px=1).tolist() == [[1, 4]]


@settings(max_examples=60)
@given(
    arrays(np.float32, (9, 11), elements=st.sampled_from([0, 0.25, 0.5, 0.75, 1])),
    arrays(bool, (9, 11)),
    st.integers(1, 6),
)
def test_the_sweep_counts_what_each_threshold_alone_would_mark(probability, truth, least):
    thresholds = (0.5, 0.2, 0.9, 0.7)
    counts = pixels_at(probability, truth, thresholds, min_area_px=least)
    for threshold, (true, false) in zip(thresholds, counts.tolist(), strict=True):
        plain = large_regions(probability >= threshold, least)
        assert np.array_equal(marked_pixels(probability, threshold, min_area_px=least), plain)
        assert (true, false) == (np.count_nonzero(plain & truth), np.count_nonzero(plain & ~truth))


@settings(max_examples=40)
@given(arrays(np.float32, (12, 12), elements=st.floats(0, 1, width=16)))
def test_bisection_finds_what_each_threshold_alone_would_find(probability):
    placement = Placement(Box(0, 0, 40, 30), 12)
    thresholds = (0.5, 0.05, 0.95, 0.7, 0.3)
    wanted = [bool(polyps_from_probability(probability, placement, threshold=t)) for t in thresholds]
    assert is_marked_at(probability, placement, thresholds).tolist() == wanted


def test_without_thresholds_nothing_is_counted():
    probability = np.ones((4, 4), np.float32)
    assert pixels_at(probability, probability > 0, (), min_area_px=1).shape == (0, 2)
    assert is_marked_at(probability, Placement(Box(0, 0, 4, 4), 4), ()).shape == (0,)
