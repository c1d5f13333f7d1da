"""Live: the video keeps its rate and its order whatever the model, the disk and the screen do."""

import threading
import time
from itertools import pairwise

import cv2
import numpy as np
import pytest
from pipeline_fakes import (
    CountingSource,
    FakeScreen,
    FaultError,
    HookedEngine,
    Keeper,
    Pace,
    Rig,
    fail_at,
    ignore,
    notes,
)

from scr_live.errors import EngineUnavailableError, InferenceError, SourceLostError, StageStuckError
from scr_live.frames import Ai
from scr_live.pipeline.live import PipelineOptions

FRAMES = 40
ENDLESS = 1_000_000
HASTY = PipelineOptions(annotation_budget_s=0.0, retry_first_s=0.0)


def pace(rig, far_end):
    """Let the source hand out a frame when the far end (recorder, screen or engine) had the one before it."""
    pace = Pace()
    before(rig.source, pace.wait)
    rig.source.on_close = pace.arrived
    after(far_end, pace.arrived)
    return rig


def paced_by_recorder(count=FRAMES, **parts):
    rig = Rig(CountingSource(count, is_live=True), **parts)
    return pace(rig, rig.recorder)


def paced_by_screen(count=FRAMES, *, recorder=None, **parts):
    rig = Rig(CountingSource(count, is_live=True), recorder=recorder, screen=FakeScreen(), **parts)
    return pace(rig, rig.screen)


def paced_by_recorder_and_model(hook=ignore, **parts):
    """A live run in which the model, too, has begun with a frame before the next one comes."""
    pace = Pace()
    engine = HookedEngine(lambda index: (pace.arrived(index), hook(index)))
    rig = paced_by_recorder(engine=engine, **parts)
    before(rig.source, pace.wait)
    return rig, pace


def before(part, hook):
    """Add a hook before each item of a source, sink or screen."""
    earlier = part.before
    part.before = lambda index: (earlier(index), hook(index))


def after(part, hook):
    """Add a hook after each picture of a sink or screen, before the earlier ones: what paces comes last."""
    later = part.after
    part.after = lambda index: (hook(index), later(index))


def test_a_model_that_keeps_up_marks_every_frame_with_its_own_prediction():
    rig = paced_by_recorder()
    stats = rig.run()
    assert rig.recorder.indexes == list(range(FRAMES))
    assert [p.prediction.frame_index for p in rig.recorder.pictures] == list(range(FRAMES))
    assert set(rig.recorder.statuses) == {""}
    assert stats.inferred == FRAMES


def test_a_model_ten_times_too_slow_costs_no_frame_and_its_drops_are_counted():
    shown_ten = threading.Semaphore(0)

    def ten_frames(index):
        assert shown_ten.acquire(timeout=20)

    rig = paced_by_screen(engine=HookedEngine(ten_frames), options=HASTY)
    after(rig.screen, lambda index: index % 10 == 9 and shown_ten.release())
    after(rig.screen, lambda index: index == FRAMES - 1 and shown_ten.release(2))
    stats = rig.run()
    assert rig.screen.indexes == list(range(FRAMES))
    assert 1 <= stats.inferred <= 6
    assert stats.dropped["to-model"] == FRAMES - stats.inferred
    assert stats.dropped["to-compose"] == stats.dropped["to-screen"] == 0


def test_before_the_first_answer_the_picture_says_so():
    release = threading.Event()
    rig = paced_by_recorder(5, engine=HookedEngine(lambda index: release.wait(20)), options=HASTY)
    after(rig.recorder, lambda index: index == 4 and release.set())
    rig.run()
    assert rig.recorder.statuses[:4] == [Ai.STARTING] * 4
    assert all(picture.prediction is None for picture in rig.recorder.pictures[:4])


def late_after_one_answer(*, max_age_s):
    """A rig of eight frames: frame 0 is answered, then the engine takes until the end."""
    entered_again, release = threading.Event(), threading.Event()

    def answer_once(index):
        if index == 1:
            entered_again.set()
            assert release.wait(20)

    rig = paced_by_recorder(8, engine=HookedEngine(answer_once), options=HASTY)
    rig.with_options(max_overlay_age_s=max_age_s)
    before(rig.source, lambda index: index != 3 or entered_again.wait(20))
    after(rig.recorder, lambda index: index == 7 and release.set())
    return rig


@pytest.mark.parametrize(("max_age_s", "status"), [(60.0, Ai.BEHIND), (0.0, Ai.LATE)])
def test_a_late_model_leaves_earlier_marks_as_long_as_they_are_young(max_age_s, status):
    rig = late_after_one_answer(max_age_s=max_age_s)
    rig.run()
    assert rig.recorder.indexes == list(range(8))
    assert set(rig.recorder.statuses[3:7]) == {status}
    for picture in rig.recorder.pictures[3:7]:
        assert (picture.prediction is None) == (status == Ai.LATE)


def test_the_marks_of_a_late_model_go_with_the_picture():
    """The content goes two pixels to the right with each frame."""
    ground = cv2.resize(np.random.default_rng(3).integers(0, 255, (16, 40, 3), np.uint8), (160, 64))
    rig = late_after_one_answer(max_age_s=60.0)
    rig.source.picture = lambda index: ground[16:48, 60 - 2 * index : 108 - 2 * index].copy()
    rig.run()
    own = rig.recorder.pictures[3:7]
    assert [picture.ai for picture in own] == [Ai.BEHIND] * 4
    middles = [picture.prediction.polyps[0].contour[:, 0].mean() for picture in own]
    assert np.diff(middles) == pytest.approx([2.0] * 3, abs=0.7)


@pytest.mark.parametrize("at", [0, 5])
def test_a_failing_model_leaves_the_video_untouched_and_is_counted(at):
    def broken(index):
        if index >= at:
            raise InferenceError("out of memory")

    rig, _ = paced_by_recorder_and_model(broken)
    stats = rig.run()
    assert rig.recorder.indexes == list(range(FRAMES))
    assert set(rig.recorder.statuses[at:]) == {Ai.OFF}
    assert all(picture.prediction is None for picture in rig.recorder.pictures[at:])
    assert stats.ai_failures == FRAMES - at
    assert stats.last_ai_failure == "out of memory"
    assert stats.inferred == at


def test_a_failed_model_is_left_alone_until_its_next_attempt_is_due():
    rig = paced_by_recorder(engine=HookedEngine(fail_at(0, InferenceError("out of memory"))))
    stats = rig.with_options(retry_first_s=3600.0, retry_longest_s=3600.0).run()
    assert (stats.ai_failures, stats.inferred) == (1, 0)
    assert stats.ai_skipped + stats.dropped["to-model"] == FRAMES - 1
    assert rig.recorder.indexes == list(range(FRAMES))


def test_nonsense_from_the_model_counts_as_failure():
    class Nonsense(HookedEngine):
        def infer(self, image):
            return super().infer(image) * np.float32(np.nan)

    rig = paced_by_recorder(engine=Nonsense())
    stats = rig.run()
    assert stats.ai_failures > 0
    assert stats.ai_failures + stats.dropped["to-model"] == FRAMES
    assert set(rig.recorder.statuses) == {Ai.OFF}


def test_a_failed_engine_is_replaced_and_the_new_one_is_closed():
    attempts = []

    def reopen():
        attempts.append(1)
        if len(attempts) < 3:
            pace.arrived(0)
            raise EngineUnavailableError("the device is still away")
        return second

    first_fails = fail_at(3, InferenceError("the device is away"))
    rig, pace = paced_by_recorder_and_model(first_fails, reopen_engine=reopen)
    second = HookedEngine(pace.arrived)
    stats = rig.run()
    assert rig.recorder.indexes == list(range(FRAMES))
    assert rig.recorder.statuses[:6] == [""] * 3 + [Ai.OFF] * 3
    # From frame 8 on: that of frame 7 was begun, so that of frame 6 is on the board.
    assert set(rig.recorder.statuses[8:]) == {""}
    assert stats.ai_failures == 3
    assert second.left


def test_a_mistake_in_the_model_stage_is_counted_and_tried_again():
    """Nobody foresaw it, so nobody knows that it lasts: marks that are gone for good cost more than a try."""
    rig = paced_by_recorder(engine=HookedEngine(fail_at(4)))
    stats = rig.run()
    assert rig.recorder.indexes == list(range(FRAMES))
    assert rig.recorder.statuses[4] == Ai.OFF
    assert (stats.ai_failures, stats.last_ai_failure) == (1, "at 4")


@pytest.mark.parametrize("at", [0, 5])
@pytest.mark.parametrize("broken", ["capture", "recorder"])
def test_a_fault_is_raised_and_what_came_before_is_recorded(broken, at):
    def hook(stage):
        return fail_at(at) if stage == broken else ignore

    rig = paced_by_recorder(ENDLESS, recorder=Keeper(hook("recorder")))
    before(rig.source, hook("capture"))
    with pytest.raises(FaultError) as caught:
        rig.run()
    assert notes(caught.value) == f"Pipeline stage: {broken}"
    assert rig.recorder.indexes == list(range(at))
    assert rig.recorder.left


def test_marks_that_cannot_be_drawn_cost_no_picture():
    rig = paced_by_recorder(FRAMES, overlay=fail_at(5))
    stats = rig.run()
    assert rig.recorder.indexes == list(range(FRAMES))
    assert [index for index, said in enumerate(rig.recorder.statuses) if said] == [5]
    assert (stats.marks_failed, stats.marked) == (1, FRAMES - 1)
    assert stats.ai_answers == {Ai.ON: FRAMES}


@pytest.mark.parametrize("at", [0, 5])
def test_a_failing_recorder_leaves_the_screen_going_and_is_raised_at_the_end(at):
    rig = paced_by_screen(recorder=Keeper(fail_at(at)))
    with pytest.raises(FaultError) as caught:
        rig.run()
    assert notes(caught.value) == "Pipeline stage: recorder"
    assert rig.screen.indexes == list(range(FRAMES))
    assert rig.recorder.indexes == list(range(at))


def test_a_failed_recorder_is_told_on_the_screen():
    failing = threading.Event()
    rig = paced_by_screen(recorder=Keeper(lambda index: (failing.set(), fail_at(0)(index))))
    after(rig.screen, lambda index: failing.wait(20))
    with pytest.raises(FaultError):
        rig.run()
    assert rig.screen.statuses[-1] == "recorder failed"


@pytest.mark.parametrize("at", [0, 5])
def test_a_failing_screen_ends_the_run_and_the_tail_is_recorded(at):
    rig = paced_by_recorder(ENDLESS, screen=FakeScreen(fail_at(at)))
    with pytest.raises(FaultError) as caught:
        rig.run()
    assert notes(caught.value) == "Pipeline stage: screen"
    assert rig.recorder.indexes == list(range(rig.stats.captured))


def test_a_disk_that_hangs_for_long_costs_the_screen_nothing_and_drops_are_exact():
    entered, release = threading.Event(), threading.Event()

    def hesitate(index):
        if index == 0:
            entered.set()
            assert release.wait(20)

    frames = 200
    rig = paced_by_screen(frames, recorder=Keeper(hesitate))
    after(rig.screen, lambda index: entered.wait(20))
    after(rig.screen, lambda index: index == frames - 1 and release.set())
    stats = rig.run()
    assert rig.screen.indexes == list(range(frames))
    assert rig.recorder.indexes == [0, *range(frames - 64, frames)]
    assert stats.dropped["to-disk"] == frames - 65
    assert stats.recorded == 65


def test_a_compose_that_is_held_up_drops_the_oldest_frames_and_counts_them():
    entered = threading.Event()

    def hold_up(index):
        if index == 0:
            entered.set()
            assert rig.source.exhausted.wait(20)

    rig = Rig(CountingSource(FRAMES, is_live=True), overlay=hold_up)
    before(rig.source, lambda index: index != 1 or entered.wait(20))
    stats = rig.run()
    assert rig.recorder.indexes == [0, *range(FRAMES - 4, FRAMES)]
    assert stats.dropped["to-compose"] == FRAMES - 5


def test_a_slow_screen_costs_the_recording_nothing():
    release = threading.Event()
    rig = paced_by_recorder(screen=FakeScreen(lambda index: release.wait(20)))
    after(rig.recorder, lambda index: index == FRAMES - 1 and release.set())
    stats = rig.run()
    assert rig.recorder.indexes == list(range(FRAMES))
    assert stats.shown + stats.dropped["to-screen"] == FRAMES


@pytest.mark.parametrize("at", [0, 1])
def test_a_hung_model_leaves_the_video_going_and_is_named_at_the_end(at):
    begun, release = threading.Event(), threading.Event()

    def hang(index):
        begun.set()
        if index == at:
            release.wait()

    rig = paced_by_recorder(engine=HookedEngine(hang), options=HASTY).with_options(stage_grace_s=0.2)
    before(rig.source, lambda index: index != 1 or begun.wait(20))
    with pytest.raises(StageStuckError, match="'infer' did not return"):
        rig.run()
    assert rig.recorder.indexes == list(range(FRAMES))
    assert rig.recorder.left
    release.set()


def test_a_source_that_is_lost_is_raised_and_the_tail_is_recorded():
    rig = paced_by_recorder()
    before(rig.source, fail_at(7, SourceLostError("the cable was pulled")))
    with pytest.raises(SourceLostError):
        rig.run()
    assert rig.recorder.indexes == list(range(7))


@pytest.mark.parametrize("reaction", ["returns", "raises"])
def test_a_stop_wakes_a_source_that_waits_for_a_frame(reaction):
    """A camera that went silent: the read returns only once the source is closed."""
    rig = paced_by_recorder()

    def silent(index):
        if index == 5:
            rig.stop.set()
            assert rig.source.closed.wait(20)
            if reaction == "raises":
                raise SourceLostError("closed while reading")

    before(rig.source, silent)
    assert rig.run().captured == 5
    assert rig.recorder.indexes == list(range(5))


def test_a_silent_source_is_left_when_nobody_takes_pictures_any_more():
    rig = paced_by_recorder(recorder=Keeper(fail_at(2)))
    pace = rig.source.before
    rig.source.before = lambda index: pace(index) if index < 3 else rig.source.closed.wait(20)
    with pytest.raises(FaultError):
        rig.run()
    assert rig.source.closed.is_set()


def test_quitting_at_the_screen_records_the_tail():
    rig = paced_by_recorder(ENDLESS, screen=FakeScreen(quits_at=4))
    stats = rig.run()
    assert stats.shown == 4
    assert rig.recorder.indexes == list(range(stats.captured))


def test_a_stop_leaves_out_pictures_that_a_slow_recorder_could_not_write_in_time():
    seconds_each = 0.1

    def stop(index):
        if index == 59:
            rig.stop.set()
            written.extend(rig.recorder.indexes)

    written = []
    rig = paced_by_screen(ENDLESS, recorder=Keeper(lambda index: time.sleep(seconds_each)))
    after(rig.screen, stop)
    stats = rig.run()
    recorded = rig.recorder.indexes
    assert len(recorded) < 30, "60 pictures waited: six seconds"
    assert recorded[-1] == stats.composed - 1, "to the end"
    assert recorded == sorted(recorded)
    assert stats.recorded + stats.dropped["to-disk"] == stats.composed
    steps = [later - earlier for earlier, later in pairwise(recorded[len(written) + 2 :])]
    assert max(steps) <= 2 * min(steps) + 1, "evenly"


def test_the_end_of_a_live_source_leaves_nothing_out():
    rig = paced_by_screen(40, recorder=Keeper(lambda index: time.sleep(0.05)))
    stats = rig.run()
    assert rig.recorder.indexes == list(range(40))
    assert stats.dropped["to-disk"] == 0


def test_what_a_source_drops_itself_is_counted_too():
    rig = paced_by_recorder()
    assert "source" not in rig.run().dropped
    rig = paced_by_recorder()
    rig.source.dropped = 7
    assert rig.run().dropped["source"] == 7


def test_a_pause_is_for_files_only():
    rig = paced_by_screen()
    rig.controls.paused = True
    assert rig.run().shown == FRAMES
