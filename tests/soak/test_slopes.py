"""Growth with its interval, against numbers that are known."""

import math

import numpy as np
import pytest

from scr_live.soak.slopes import FEWEST, _student, slope


def test_a_straight_line_is_found_exactly():
    found = slope(range(0, 100, 5), [10 + 0.5 * at for at in range(0, 100, 5)])
    assert found.per_h == pytest.approx(1800)
    assert found.low_per_h == pytest.approx(1800)
    assert found.high_per_h == pytest.approx(1800)


def test_nineteen_of_twenty_intervals_hold_the_truth(rng):
    at = np.arange(12.0)
    found = [slope(at, 3 + 2 * at + rng.normal(0, 5, at.size)) for _ in range(2000)]
    held = np.mean([one.low_per_h <= 7200 <= one.high_per_h for one in found])
    assert held == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize(
    ("freedom", "point"), [(8, 2.3060), (10, 2.2281), (20, 2.0860), (100, 1.9840), (10**6, 1.95997)]
)
def test_the_points_of_students_t(freedom, point):
    assert _student(freedom) == pytest.approx(point, abs=0.001)


def test_too_little_says_nothing():
    assert slope(range(FEWEST - 1), range(FEWEST - 1)) is None
    assert slope([1.0] * FEWEST, list(range(FEWEST))) is None


def test_a_report_has_finite_figures():
    told = slope(range(20), [1.0] * 20).as_dict()
    assert told == {"per_h": 0.0, "low_per_h": 0.0, "high_per_h": 0.0}
    assert all(math.isfinite(value) for value in told.values())
