"""Composing alone: what is said of a frame, and that nothing but the marks and the words changes."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from scr_live.controls import Controls
from scr_live.frames import Ai, Frame, Polyp, Prediction, Quality, Signal
from scr_live.geometry import Box, Placement
from scr_live.overlays import ContourOverlay, ScoreLabel, marks_mask
from scr_live.pipeline.board import Board
from scr_live.pipeline.compose import Compose
from scr_live.pipeline.timing import Timings

SHAPE = (480, 640)
OVERLAYS = (ContourOverlay(), ScoreLabel())


def frame(index, *, signal=Signal.OK, ago_s=0.0):
    image = np.random.default_rng(index).integers(0, 255, (*SHAPE, 3), dtype=np.uint8)
    return Frame(image, index, index / 25, time.perf_counter() - ago_s, signal)


def prediction(of):
    angles = np.linspace(0, 2 * np.pi, 40)
    contour = np.stack([320 + 60 * np.cos(angles), 240 + 40 * np.sin(angles)], axis=1).astype(np.float32)
    placement = Placement(Box(40, 20, 560, 440), 64)
    polyp = Polyp(contour, 0.9, 7000.0)
    return Prediction(of.index, (polyp,), np.zeros((64, 64), np.float32), placement, 5.0, of.captured_at)


@pytest.fixture
def board():
    return Board(4)


@pytest.fixture
def compose(board):
    def make(
        *troubles,
        max_overlay_age_s=10.0,
        budget_s=0.0,
        overlays=OVERLAYS,
        draws_unannounced=True,
        carrier=None,
    ):
        return Compose(
            board,
            Timings("await-prediction", "compose"),
            overlays=overlays,
            controls=Controls(),
            budget_s=budget_s,
            max_overlay_age_s=max_overlay_age_s,
            carrier=carrier,
            draws_unannounced=draws_unannounced,
            troubles=lambda: troubles,
        )

    return make


def changed_outside_the_declared(picture):
    declared = np.zeros(SHAPE, np.bool_)
    if picture.prediction is not None:
        declared |= marks_mask(SHAPE, picture.prediction, OVERLAYS)
    if picture.status_at is not None:
        picture.status_at.crop(declared)[:] = True
    return int(np.not_equal(picture.image, picture.frame.image)[~declared].sum())


def test_its_own_marks_are_all_that_changes(board, compose):
    now = frame(0)
    board.put(prediction(now))
    picture = compose()(now)
    assert (picture.ai, picture.status, picture.status_at) == (Ai.ON, "", None)
    assert 0 <= picture.marks_age_s < 10
    assert not np.array_equal(picture.image, now.image)
    assert changed_outside_the_declared(picture) == 0


def test_older_marks_and_the_words_for_it_are_all_that_changes(board, compose):
    board.put(prediction(frame(0, ago_s=0.5)))
    picture = compose()(frame(1))
    assert (picture.ai, picture.status) == (Ai.BEHIND, "AI behind")
    assert picture.marks_age_s == pytest.approx(0.5, abs=0.45)
    assert picture.marks_age_s >= 0.5
    assert changed_outside_the_declared(picture) == 0


class Carrier:
    """Moves every region 50 pixels to the left."""

    def __init__(self, *, error=None, knows=True):
        self.error = error
        self.knows = knows
        self.seen = []
        self.asked = 0

    def see(self, frame, box):
        self.seen.append((frame.index, box))

    def carry(self, prediction):
        self.asked += 1
        if self.error is not None:
            raise self.error
        polyps = tuple(replace(one, contour=one.contour - np.float32((50, 0))) for one in prediction.polyps)
        return replace(prediction, polyps=polyps) if self.knows else None


def test_older_marks_are_drawn_where_they_have_been_carried_to(board, compose):
    carrier, before = Carrier(), prediction(frame(0))
    board.put(before)
    picture = compose(carrier=carrier)(frame(1))
    assert carrier.seen == [(1, before.placement.box)]
    assert picture.ai is Ai.BEHIND
    assert np.allclose(picture.prediction.polyps[0].contour, before.polyps[0].contour - (50, 0))
    assert changed_outside_the_declared(picture) == 0


def test_marks_of_the_very_frame_are_seen_and_not_carried(board, compose):
    carrier, now = Carrier(), frame(0)
    board.put(prediction(now))
    picture = compose(carrier=carrier)(now)
    assert (picture.ai, len(carrier.seen), carrier.asked) == (Ai.ON, 1, 0)


def test_marks_whose_place_nobody_knows_are_not_drawn(board, compose):
    board.put(prediction(frame(0)))
    picture = compose(carrier=Carrier(knows=False))(frame(1))
    assert (picture.ai, picture.status, picture.prediction) == (Ai.LATE, "AI late", None)


def test_marks_that_cannot_be_carried_cost_the_marks_and_not_the_video(board, compose):
    board.put(prediction(frame(0)))
    composed = compose("recorder failed", carrier=Carrier(error=ValueError("no")))
    for index in (1, 2):
        picture = composed(frame(index))
        assert (picture.prediction, picture.status) == (None, "AI behind; marks failed; recorder failed")
    assert composed.marks_failed == 2


def test_its_own_marks_stay_whatever_the_carrier_does(board, compose):
    class Blind(Carrier):
        def see(self, frame, box):
            raise ValueError("a box outside the picture")

    now = frame(0)
    board.put(prediction(now))
    picture = compose(carrier=Blind())(now)
    assert (picture.ai, picture.status, picture.prediction.frame_index) == (Ai.ON, "", 0)


def test_before_the_first_answer_the_whole_picture_is_looked_at(compose):
    carrier = Carrier()
    compose(carrier=carrier)(frame(0))
    assert carrier.seen == [(0, Box(0, 0, 640, 480))]


def test_without_a_signal_nothing_is_followed(board, compose):
    carrier = Carrier()
    board.put(prediction(frame(0)))
    compose(carrier=carrier)(frame(1, signal=Signal.LOST))
    assert carrier.seen == []


@pytest.mark.parametrize(("ago_s", "max_age_s", "ai"), [(0.2, 0.12, Ai.LATE), (2.5, 0.12, Ai.OFF)])
def test_marks_that_are_too_old_are_not_drawn(board, compose, ago_s, max_age_s, ai):
    began = compose(max_overlay_age_s=max_age_s)
    began(frame(0, ago_s=10.0))
    board.put(prediction(frame(0, ago_s=ago_s)))
    picture = began(frame(1))
    assert (picture.ai, picture.prediction, picture.marks_age_s) == (ai, None, None)
    assert changed_outside_the_declared(picture) == 0


@pytest.mark.parametrize(
    ("signal", "words"),
    [
        (Signal.FROZEN, "input frozen"),
        (Signal.BLACK, "input black"),
        (Signal.SATURATED, "input white"),
        (Signal.LOST, "no signal"),
    ],
)
def test_what_is_wrong_with_the_input_is_named(board, compose, signal, words):
    board.put(prediction(frame(0)))
    assert compose("recorder failed")(frame(0, signal=signal)).status == f"{words}; recorder failed"


def test_without_a_signal_it_says_so_large_and_draws_no_marks(board, compose):
    board.put(prediction(frame(0)))
    composed = compose()
    composed(frame(0))
    picture = composed(frame(1, signal=Signal.LOST))
    assert (picture.prediction, picture.ai) == (None, Ai.NOTHING_TO_SEE)
    middle = Box(160, 200, 320, 80)
    assert np.not_equal(middle.crop(picture.image), middle.crop(picture.frame.image)).mean() > 0.5


def test_marks_from_before_a_change_of_size_are_not_drawn_after_it(board, compose):
    composed = compose()
    first = frame(0)
    board.put(prediction(first))
    composed(first)
    small = Frame(np.zeros((48, 64, 3), np.uint8), 1, 0.04, time.perf_counter())
    assert composed(small).prediction is None
    late = prediction(first)
    board.put(late)  # of a frame before the change
    assert composed(Frame(np.zeros((48, 64, 3), np.uint8), 2, 0.08, time.perf_counter())).prediction is None


def test_other_troubles_stand_beside_the_models(board, compose):
    assert compose("recorder stalled")(frame(0)).status == "AI starting; recorder stalled"


def test_the_age_that_is_limited_is_the_age_that_is_shown(board, compose):
    """Both count from the capture of the marked frame to the making of this picture."""
    composed = compose(max_overlay_age_s=0.12)
    board.put(prediction(frame(0, ago_s=0.2)))
    assert composed(frame(1, ago_s=0.15)).ai is Ai.LATE  # though only 50 ms lie between the two frames


def test_a_model_that_is_too_slow_for_the_budget_is_not_waited_for(board, compose):
    composed = compose(budget_s=5.0)
    board.put(prediction(frame(0, ago_s=6.0)))
    began = time.perf_counter()
    assert composed(frame(1)).ai is Ai.BEHIND
    assert time.perf_counter() - began < 2.0


def test_it_is_waited_for_again_once_it_is_quick_enough(board, compose):
    composed = compose(budget_s=5.0)
    board.put(prediction(frame(0, ago_s=6.0)))
    composed(frame(1))
    board.put(prediction(frame(2)))
    now = frame(3)
    threading.Timer(0.1, lambda: board.put(prediction(now))).start()
    assert composed(now).ai is Ai.ON


def fail(_image, _prediction):
    raise ValueError("no contour")


def test_marks_that_cannot_be_drawn_do_not_end_a_live_video(board, compose):
    composed = compose(overlays=(ContourOverlay(), fail))
    now = frame(0)
    board.put(prediction(now))
    picture = composed(now)
    assert (picture.status, picture.prediction, picture.marks_age_s) == ("marks failed", None, None)
    assert changed_outside_the_declared(picture) == 0
    assert (composed.marks_failed, composed.marked, composed.composed) == (1, 0, 1)


def test_marks_that_cannot_be_drawn_end_the_run_of_a_file(board, compose):
    now = frame(0)
    board.put(prediction(now))
    with pytest.raises(ValueError, match="no contour"):
        compose(overlays=(fail,), budget_s=None)(now)


def test_pictures_are_counted_by_what_was_drawn(board, compose):
    composed = compose(max_overlay_age_s=0.5)
    composed(frame(0))
    one = frame(1)
    board.put(prediction(one))
    composed(one)
    composed(frame(2))
    composed(frame(3, signal=Signal.LOST))
    assert composed.marked == 2
    assert composed.answers == {Ai.STARTING: 1, Ai.ON: 1, Ai.BEHIND: 1, Ai.NOTHING_TO_SEE: 1}


@pytest.mark.parametrize("draws", [True, False])
def test_what_is_not_announced_is_drawn_if_wanted(board, compose, draws):
    now = frame(0)
    seen = prediction(now)
    board.put(replace(seen, polyps=(replace(seen.polyps[0], announced=False),)))
    composed = compose(draws_unannounced=draws)
    picture = composed(now)
    assert bool(picture.prediction.polyps) == draws == (not np.array_equal(picture.image, now.image))
    assert composed.marked == draws


@pytest.mark.parametrize(
    ("signal", "status"), [(Signal.OK, "input blurred"), (Signal.FROZEN, "input frozen")]
)
def test_a_frame_that_cannot_be_judged_is_said_to_be_so_unless_its_signal_says_more(
    board, compose, signal, status
):
    now = frame(0, signal=signal)
    board.put(replace(prediction(now), quality=Quality.BLURRED))
    assert compose()(now).status == status
