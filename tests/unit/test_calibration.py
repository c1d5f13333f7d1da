"""Reliability of pixels, counted by hand. Probabilities are 255ths, so nothing is rounded."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scr_live.evaluation.calibration import (
    brier_score,
    calibration_report,
    expected_calibration_error,
    reliability,
    total,
)

# Eight pixels. Bin 0.0-0.1: four of 0, none polyp. Bin 0.2-0.3: two of 51/255 = 0.2, one polyp.
# Bin 0.9-1.0: two of 1, both polyp.
PROBABILITY = np.array([[0, 0, 0, 0], [0.2, 0.2, 1, 1]], np.float32)
TRUTH = np.array([[0, 0, 0, 0], [1, 0, 1, 1]], bool)


def test_the_expected_error_by_hand():
    # |0 - 0| * 4/8 + |0.2 - 1/2| * 2/8 + |1 - 1| * 2/8 = 0.075
    assert expected_calibration_error(reliability(PROBABILITY, TRUTH)) == pytest.approx(0.075)


def test_the_brier_score_by_hand():
    # (0.8^2 + 0.2^2) / 8 = 0.68 / 8
    assert brier_score(reliability(PROBABILITY, TRUTH)) == pytest.approx(0.085)


def test_the_table_has_a_row_for_each_tenth():
    bins = calibration_report(reliability(PROBABILITY, TRUTH))["bins"]
    assert [entry["pixels"] for entry in bins] == [4, 0, 2, 0, 0, 0, 0, 0, 0, 2]
    assert bins[2] == pytest.approx(
        {"from": 0.2, "to": 0.3, "pixels": 2, "mean_probability": 0.2, "polyp_share": 0.5}
    )
    assert bins[1]["mean_probability"] is None
    assert bins[9]["polyp_share"] == 1.0


def test_pictures_add_up_by_pixels():
    one = reliability(PROBABILITY, TRUTH)
    other = reliability(np.ones((1, 8), np.float32), np.zeros((1, 8), bool))
    # Of 16 pixels two of 0.2 are off by 0.3; ten of 1 hold two polyps, off by 0.8.
    wanted = (2 * 0.3 + 10 * 0.8) / 16
    assert expected_calibration_error(total([one, other])) == pytest.approx(wanted)


def test_without_pixels_there_is_no_figure():
    table = total([])
    assert expected_calibration_error(table) is None
    assert brier_score(table) is None


@given(arrays(np.float32, (5, 7), elements=st.floats(0, 1, width=32)), arrays(bool, (5, 7)))
def test_the_figures_are_those_of_exact_sums_but_for_rounding(probability, truth):
    table = reliability(probability, truth)
    assert table[:, 0].sum() == truth.size
    assert table[:, 2].sum() == np.count_nonzero(truth)
    assert brier_score(table) == pytest.approx(float(((probability - truth) ** 2).mean()), abs=0.005)
    overall = abs(float(probability.mean()) - float(truth.mean()))
    assert expected_calibration_error(table) >= overall - 0.005  # bins only add to what is off in all
