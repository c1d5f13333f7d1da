"""Reliability of pixels, counted by hand. Probabilities are 255ths, so nothing is rounded."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scr_live.evaluation.calibration import Bin, calibration_of, reliability

# Eight pixels. Bin 0.0-0.1: four of 0, none polyp. Bin 0.2-0.3: two of 51/255 = 0.2, one polyp.
# Bin 0.9-1.0: two of 1, both polyp.
PROBABILITY = np.array([[0, 0, 0, 0], [0.2, 0.2, 1, 1]], np.float32)
TRUTH = np.array([[0, 0, 0, 0], [1, 0, 1, 1]], bool)


def test_the_expected_error_by_hand():
    # |0 - 0| * 4/8 + |0.2 - 1/2| * 2/8 + |1 - 1| * 2/8 = 0.075
    assert calibration_of([reliability(PROBABILITY, TRUTH)]).expected_error == pytest.approx(0.075)


def test_the_brier_score_by_hand():
    # (0.8^2 + 0.2^2) / 8 = 0.68 / 8
    assert calibration_of([reliability(PROBABILITY, TRUTH)]).brier_score == pytest.approx(0.085)


def test_the_table_has_a_row_for_each_tenth():
    bins = calibration_of([reliability(PROBABILITY, TRUTH)]).bins
    assert [entry.pixels for entry in bins] == [4, 0, 2, 0, 0, 0, 0, 0, 0, 2]
    assert bins[2] == Bin(0.2, 0.3, 2, pytest.approx(0.2), 0.5)
    assert bins[1] == Bin(0.1, 0.2, 0, None, None)
    assert bins[9] == Bin(0.9, 1.0, 2, 1.0, 1.0)


def test_pictures_add_up_by_pixels():
    one = reliability(PROBABILITY, TRUTH)
    other = reliability(np.ones((1, 8), np.float32), np.zeros((1, 8), bool))
    # Of 16 pixels two of 0.2 are off by 0.3; ten of 1 hold two polyps, off by 0.8.
    wanted = (2 * 0.3 + 10 * 0.8) / 16
    assert calibration_of([one, other]).expected_error == pytest.approx(wanted)


def test_without_pixels_there_is_no_figure():
    found = calibration_of([])
    assert (found.expected_error, found.brier_score) == (None, None)


@given(arrays(np.float32, (5, 7), elements=st.floats(0, 1, width=32)), arrays(bool, (5, 7)))
def test_the_figures_are_those_of_exact_sums_but_for_rounding(probability, truth):
    table = reliability(probability, truth)
    assert table[:, 0].sum() == truth.size
    assert table[:, 2].sum() == np.count_nonzero(truth)
    assert calibration_of([table]).brier_score == pytest.approx(
        float(((probability - truth) ** 2).mean()), abs=0.005
    )
    overall = abs(float(probability.mean()) - float(truth.mean()))
    assert calibration_of([table]).expected_error >= overall - 0.005  # bins only add to what is off in all
