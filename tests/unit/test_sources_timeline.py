"""Frame times start at 0 and always increase, whatever the container says."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scr_live.sources.timeline import MIN_STEP_S, Timeline


def times(container, interval_s=0.04):
    timeline = Timeline(interval_s)
    return [timeline.seconds(t) for t in container]


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        pytest.param([0, 0.04, 0.08], [0, 0.04, 0.08], id="plain"),
        pytest.param([100.5, 100.54], [0, 0.04], id="starts late"),
        pytest.param([-0.08, -0.04, 0], [0, 0.04, 0.08], id="negative"),
        pytest.param([0, 0.01, 0.5, 0.51], [0, 0.01, 0.5, 0.51], id="variable rate"),
        pytest.param([None, None, None], [0, 0.04, 0.08], id="none at all"),
        pytest.param([None, 7.0, 7.04], [0, 0.04, 0.08], id="first missing"),
        pytest.param([3.0, None, 3.08], [0, 0.04, 0.08], id="one missing"),
        pytest.param([0, 0.04, 0.04, 0.12], [0, 0.04, 0.04 + MIN_STEP_S, 0.12], id="duplicate"),
        pytest.param([0, 0.08, 0.04, 0.12], [0, 0.08, 0.08 + MIN_STEP_S, 0.12], id="out of order"),
        pytest.param([50, 50.04, 0, 0.04], [0, 0.04, 0.08, 0.12], id="counter starts over"),
    ],
)
def test_times(container, expected):
    assert times(container) == pytest.approx(expected)


def test_a_gap_that_cannot_be_true_is_closed():
    timeline = Timeline(0.04, longest_gap_s=5)
    result = [timeline.seconds(t) for t in (0, 4, 90_000, 90_000.04)]
    assert result == pytest.approx([0, 4, 4.04, 4.08])


def test_after_a_restart_times_go_on_one_interval_later():
    timeline = Timeline(0.04)
    first = [timeline.seconds(t) for t in (5.0, 5.04)]
    timeline.restart()
    assert first + [timeline.seconds(t) for t in (5.0, 5.04)] == pytest.approx([0, 0.04, 0.08, 0.12])


@given(st.lists(st.one_of(st.none(), st.floats(-1e5, 1e5)), min_size=1, max_size=50))
def test_times_start_at_zero_and_increase(container):
    result = times(container)
    assert result[0] == 0
    assert all(math.isfinite(t) for t in result)
    assert all(later > earlier for earlier, later in pairwise(result))
