"""The parts of stages that can be looked at alone."""

import time

import numpy as np
import pytest
from run_figures import run_progress

from scr_live.controls import Controls
from scr_live.errors import InferenceError
from scr_live.frames import Ai, Frame
from scr_live.pipeline.board import Board
from scr_live.pipeline.compose import Compose
from scr_live.pipeline.inference import Backoff
from scr_live.pipeline.stages import NamedSink
from scr_live.pipeline.stats import Reporter
from scr_live.pipeline.timing import Timings
from scr_live.predictor import check_probability


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_waits_double_up_to_the_longest_and_start_anew_after_a_success():
    clock = Clock()
    backoff = Backoff(1.0, 5.0, clock=clock)
    assert backoff.is_due
    waits = []
    for _ in range(5):
        backoff.failed()
        began = clock.now
        while not backoff.is_due:
            clock.now += 0.5
        waits.append(clock.now - began)
    assert waits == [1.0, 2.0, 4.0, 5.0, 5.0]
    backoff.succeeded()
    assert backoff.is_due
    backoff.failed()
    clock.now += 1.0
    assert backoff.is_due


def probability(value=0.5, shape=(8, 8), dtype=np.float32):
    return np.full(shape, value, dtype)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0, 1.0005, -0.0005])
def test_probabilities_pass_with_the_rounding_of_half_precision(value):
    check_probability(probability(value), 8, frame_index=0)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1.5, -0.5])
def test_one_number_that_is_no_probability_is_enough(value):
    answer = probability()
    answer[3, 4] = value
    with pytest.raises(InferenceError, match="frame 17 with probabilities"):
        check_probability(answer, 8, frame_index=17)


@pytest.mark.parametrize(
    "answer", [probability(shape=(1, 8, 8)), probability(shape=(8, 4)), probability(1, dtype=np.int64)]
)
def test_a_map_of_another_shape_or_type_is_refused(answer):
    with pytest.raises(InferenceError, match=r"with a \(8, 8\) float map"):
        check_probability(answer, 8, frame_index=0)


@pytest.mark.parametrize(("given", "expected"), [("", "to-web"), ("to-disk", "to-disk")])
def test_a_sinks_channel_is_named_after_it_unless_told(given, expected):
    assert NamedSink("web", None, given).channel_name == expected


def test_the_annotation_budget_counts_from_the_capture_of_the_frame():
    """A frame that is older than its budget leaves at once: otherwise one late frame would delay all."""
    hour_s = 3600.0
    compose = Compose(
        Board(4),
        Timings("await-prediction", "compose"),
        overlays=(),
        controls=Controls(),
        budget_s=hour_s,
        max_overlay_age_s=0.1,
    )
    frame = Frame(np.zeros((32, 48, 3), np.uint8), 0, 0.0, captured_at=time.perf_counter() - 2 * hour_s)
    assert compose(frame).status == Ai.STARTING


def progress(fps):
    return run_progress(fps=fps)


def test_reports_are_rare_and_the_last_one_always_comes():
    seen = []
    reporter = Reporter(progress, seen.append)
    for _ in range(1000):
        reporter.tick()
    count = len(seen)
    assert 1 <= count < 1000
    reporter.report()
    assert len(seen) == count + 1


def test_nobody_who_listens_costs_no_reports():
    asked = []
    reporter = Reporter(asked.append, None)
    reporter.tick()
    assert asked == []
