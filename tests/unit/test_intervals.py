"""Bootstrap and Wilson intervals: what must hold whatever the coverage."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scr_live.evaluation.intervals import Estimate, mean_estimates, share_estimate

SCORES = st.lists(st.floats(0, 1), min_size=2, max_size=40)


def estimate(values, *, resamples=400):
    return mean_estimates({"dice": values}, resamples=resamples)["dice"]


@given(SCORES)
def test_the_interval_holds_the_mean_and_stays_among_the_values(values):
    found = estimate(values)
    slack = 1e-12  # the mean of equal numbers is rounded
    assert found.value == pytest.approx(np.mean(values))
    assert min(values) - slack <= found.low <= found.value + slack
    assert found.value - slack <= found.high <= max(values) + slack


def test_more_of_the_same_pictures_narrow_it():
    few, many = estimate([0.2, 0.9] * 10), estimate([0.2, 0.9] * 250)
    assert few.value == pytest.approx(many.value)
    # The standard error falls with the root of the count: 5 times for 25 times the pictures.
    assert (few.high - few.low) / (many.high - many.low) == pytest.approx(5, rel=0.15)


def test_it_is_about_two_standard_errors_to_each_side():
    values = np.linspace(0, 1, 101)
    found = estimate(values, resamples=4000)
    # Of 0, 0.01 ... 1: standard deviation sqrt((101^2 - 1) / 12) / 100 = 0.2915, by sqrt(101): 0.0290.
    assert (found.low, found.high) == pytest.approx((0.5 - 1.96 * 0.0290, 0.5 + 1.96 * 0.0290), abs=0.004)


def test_the_same_pictures_give_the_same_numbers():
    values = [0.1, 0.5, 0.7, 0.95]
    assert estimate(values) == estimate(list(values))


def test_columns_share_the_drawn_pictures():
    found = mean_estimates({"a": [0.1, 0.5, 0.9], "b": [0.2, 0.6, 1.0]}, resamples=300)
    assert found["b"].low - found["a"].low == pytest.approx(0.1)
    assert found["b"].high - found["a"].high == pytest.approx(0.1)


def test_drawing_in_pieces_changes_nothing(monkeypatch):
    values = [0.1, 0.4, 0.8]
    at_once = estimate(values, resamples=50)
    monkeypatch.setattr("scr_live.evaluation.intervals._CHUNK_DRAWS", 7)
    assert estimate(values, resamples=50) == at_once


@pytest.mark.parametrize(("values", "resamples"), [([0.7], 400), ([0.7, 0.9], 0)], ids=["one", "off"])
def test_one_picture_or_no_resamples_give_no_interval(values, resamples):
    assert estimate(values, resamples=resamples) == Estimate(pytest.approx(np.mean(values)), None, None)


def test_no_pictures_have_no_mean():
    assert mean_estimates({"dice": [], "iou": []}, resamples=10) == {"dice": None, "iou": None}
    assert share_estimate([], with_interval=True) is None


def test_no_mark_among_250_is_no_proof_that_there_never_is_one():
    found = share_estimate([False] * 250, with_interval=True)
    # Wilson at share 0: from 0 to z^2 / (n + z^2) = 3.8415 / 253.8415.
    assert (found.value, found.low, found.high) == (0, 0, pytest.approx(0.015133, abs=1e-5))


def test_wilson_by_hand():
    found = share_estimate([True, False, False, False], with_interval=True)
    # n = 4, share 0.25, z^2 = 3.8415: middle (0.25 + 3.8415/8) / (1 + 3.8415/4) = 0.73019 / 1.96037;
    # reach 1.95996 / 1.96037 * sqrt(0.25 * 0.75 / 4 + 3.8415 / 64) = 0.99979 * sqrt(0.10690) = 0.32689.
    assert found.low == pytest.approx(0.37247 - 0.32689, abs=1e-4)
    assert found.high == pytest.approx(0.37247 + 0.32689, abs=1e-4)


@given(st.lists(st.booleans(), min_size=1, max_size=60))
@example([True] * 250)
def test_wilson_holds_the_share_and_stays_within_0_and_1(hits):
    found = share_estimate(hits, with_interval=True)
    assert 0 <= found.low <= found.value <= found.high <= 1
