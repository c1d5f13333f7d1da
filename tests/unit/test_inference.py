"""One frame through the inference stage, and what the stage does when the engine fails."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from scr_live.controls import Controls
from scr_live.engines.constant import ConstantEngine
from scr_live.engines.ladder import EngineLadder, Rung
from scr_live.errors import EngineUnavailableError, InferenceError
from scr_live.events import Journal
from scr_live.frames import Frame, Quality, Signal
from scr_live.pipeline.board import Board
from scr_live.pipeline.inference import Backoff, Inference
from scr_live.pipeline.routes import STAGES
from scr_live.pipeline.timing import Timings


class Failing(ConstantEngine):
    """Fails as long as it is told to."""

    def __init__(self, backend="constant", *, fails=True):
        super().__init__(32, 0.9)
        self._info = replace(self._info, backend=backend)
        self.fails = fails
        self.left = False

    def infer(self, image):
        if self.fails:
            raise InferenceError("out of memory")
        return super().infer(image)

    def __exit__(self, *_):
        self.left = True


class Hanging(ConstantEngine):
    """Returns only when it is abandoned, from another thread."""

    def __init__(self):
        super().__init__(32)
        self.entered, self.abandoned = threading.Event(), threading.Event()

    def infer(self, image):
        self.entered.set()
        assert self.abandoned.wait(20)
        raise InferenceError("abandoned")

    def abandon(self):
        self.abandoned.set()


def frame(index, *, signal=Signal.OK, width=64, height=48):
    image = np.full((height, width, 3), 90, np.uint8)
    return Frame(image, index, index / 25, captured_at=index / 25, signal=signal)


def inference(engine, *, clock=lambda: 0.0, wait_s=0.0, board=None, **options):
    return Inference(
        engine,
        Board(8) if board is None else board,  # an empty one is false
        Timings(*STAGES),
        controls=Controls(),
        min_area=0.0,
        backoff=Backoff(wait_s, wait_s, clock=clock),
        **options,
    )


def test_a_frame_without_signal_is_not_inferred_and_no_failure():
    stage = inference(Failing())
    assert stage(frame(0, signal=Signal.LOST)) is None
    assert (stage.inferred, stage.failures, stage.skipped) == (0, 0, 0)


class Witness:
    """A follower that notes what it hears."""

    def __init__(self):
        self.heard = []

    def update(self, frame, _network_input, probability, _placement):
        self.heard.append(("update", frame.index))
        return probability, Quality.GOOD

    def follow(self, frame, polyps, _placement):
        self.heard.append(("follow", frame.index))
        return polyps

    def pass_by(self, frame):
        self.heard.append(("pass by", frame.index))


def test_the_follower_hears_of_frames_without_an_answer_too():
    engine, witness = Failing(fails=False), Witness()
    stage = inference(engine, follower=witness)
    stage(frame(0))
    stage(frame(1, signal=Signal.LOST))
    engine.fails = True
    stage(frame(2))
    assert witness.heard == [("update", 0), ("follow", 0), ("pass by", 1), ("pass by", 2)]


@pytest.mark.parametrize("signal", [Signal.OK, Signal.FROZEN, Signal.BLACK, Signal.SATURATED])
def test_every_other_frame_is(signal):
    assert inference(Failing(fails=False))(frame(0, signal=signal)).frame_index == 0


def test_a_new_picture_size_starts_with_a_field_of_its_own():
    stage = inference(ConstantEngine(32, 0.9))
    stage(frame(0))
    box = stage(frame(1, width=30, height=20)).placement.box
    assert (box.width, box.height) == (30, 20)
    assert stage(frame(2)).placement.box.width == 64


def test_failed_engines_are_closed_and_replaced_down_the_ladder_and_all_is_counted():
    opened = []

    def open_rung(rung, *, leash):
        opened.append(Failing(rung.engine, fails=rung.engine != "third"))
        return opened[-1]

    first = Failing("first")
    board, journal = Board(8), Journal()
    rungs = [Rung(name, "auto") for name in ("first", "second", "third")]
    ladder = EngineLadder(open_rung, first.info, rungs=rungs, journal=journal)
    stage = inference(first, board=board, reopen_engine=ladder)
    predictions = [stage(frame(index)) for index in range(8)]
    assert [prediction is not None for prediction in predictions] == [False] * 6 + [True] * 2
    assert [engine.info.backend for engine in opened] == ["first", "first", *["second"] * 3, "third"]
    assert not first.left  # the caller's
    assert [engine.left for engine in opened] == [True] * 5 + [False]
    assert (stage.failures, stage.reopened, stage.inferred) == (6, 6, 2)
    assert stage.engine_info.backend == "third"
    assert stage.last_failure == "out of memory"
    assert journal.counts == {"ai-failed": 6, "engine-changed": 2, "ai-back": 1}
    assert not board.answers  # told by `fail`; what comes next is for the caller to put
    stage.close()
    assert opened[-1].left


class Lasting(Failing):
    """An engine with a process of its own, which lasts until it is abandoned or left."""

    abandoned = False

    def abandon(self):
        self.abandoned = True


def test_the_process_of_the_first_engine_does_not_outlast_its_replacement():
    """The first engine is the caller's to close, at the end of the run: until then it would take memory."""
    first, second = Lasting(), ConstantEngine(32)
    stage = inference(first, reopen_engine=lambda: second)
    assert stage(frame(0)) is None
    assert not first.abandoned
    assert stage(frame(1)) is not None
    assert first.abandoned
    assert not first.left


def test_frames_pass_by_until_the_next_attempt_is_due():
    now = 0.0
    engine = Failing()
    stage = inference(engine, clock=lambda: now, wait_s=10.0)
    for index in range(4):
        stage(frame(index))
    assert (stage.failures, stage.skipped) == (1, 3)
    now, engine.fails = 10.0, False
    assert stage(frame(4)) is not None
    assert stage(frame(5)) is not None


def test_an_engine_that_cannot_be_reopened_is_a_failure_like_any_other():
    def reopen():
        raise EngineUnavailableError("the device is away")

    stage = inference(Failing(), reopen_engine=reopen)
    stage(frame(0))
    stage(frame(1))
    assert (stage.failures, stage.reopened, stage.last_failure) == (2, 0, "the device is away")


def test_abandoning_wakes_a_stage_that_waits_for_its_engine_and_counts_no_failure():
    engine = Hanging()
    stage = inference(engine, reopen_engine=lambda: pytest.fail("nothing is opened any more"))
    answers = []
    thread = threading.Thread(target=lambda: answers.append(stage(frame(0))))
    thread.start()
    assert engine.entered.wait(20)
    stage.abandon()
    thread.join()
    assert answers == [None]
    assert stage(frame(1)) is None
    assert (stage.failures, stage.skipped) == (0, 0)


def test_abandoning_wakes_a_stage_that_waits_for_an_engine_to_be_opened():
    opening = Hanging()

    def open_rung(rung, *, leash):
        leash.hold(opening)
        opening.infer(None)

    first = Failing()
    ladder = EngineLadder(open_rung, first.info, rungs=[Rung("constant", "auto")])
    stage = inference(first, reopen_engine=ladder)
    stage(frame(0))
    thread = threading.Thread(target=stage, args=(frame(1),))
    thread.start()
    assert opening.entered.wait(20)
    stage.abandon()
    thread.join()
    assert stage.failures == 1


def test_an_engine_that_cannot_be_abandoned_is_left_alone():
    stage = inference(ConstantEngine(32))
    stage.abandon()
    assert stage(frame(0)) is None


def test_without_a_back_off_the_failure_is_raised():
    stage = Inference(Failing(), Board(8), Timings(*STAGES), controls=Controls(), min_area=0.0)
    with pytest.raises(InferenceError, match="out of memory"):
        stage(frame(0))


class Breaking(Failing):
    """Fails in ways that nobody foresaw."""

    def infer(self, image):
        if self.fails:
            raise RuntimeError("device lost")
        return super().infer(image)

    def __exit__(self, *_):
        raise OSError("cannot be closed either")


def test_an_error_that_nobody_foresaw_is_a_failure_like_any_other():
    engines = [Breaking(), Failing(fails=False)]
    stage = inference(Breaking(), reopen_engine=lambda: engines.pop(0))
    assert [stage(frame(index)) is None for index in range(4)] == [True, True, False, False]
    assert (stage.failures, stage.reopened, stage.last_failure) == (2, 2, "device lost")
