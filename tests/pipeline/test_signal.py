"""Live without a signal, or with one that is no picture: it is said, never inferred, never taken for live."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from pipeline_fakes import CountingSource, HookedEngine, Rig

from scr_live.events import EventKind, Journal
from scr_live.frames import Ai, Signal
from scr_live.pipeline.live import PipelineOptions

PATIENT = PipelineOptions(annotation_budget_s=5.0)


class Interrupted(CountingSource):
    """A counting source whose frames of these numbers stand for a missing signal."""

    def __init__(self, count, lost):
        super().__init__(count, is_live=True)
        self._lost = lost

    def __iter__(self):
        for frame in super().__iter__():
            yield replace(frame, signal=Signal.LOST) if frame.index in self._lost else frame


@pytest.fixture
def interrupted():
    """Six frames, the third and fourth without a signal."""
    return rig_without(2, 3)


def rig_without(*lost):
    """Six frames, those of these numbers without a signal; the recorder paces, so none is dropped."""
    rig = Rig(Interrupted(6, set(lost)), engine=HookedEngine(), options=PATIENT)
    arrived = threading.Semaphore(1)
    rig.source.before = lambda index: arrived.acquire(timeout=20)
    rig.recorder.after = lambda index: arrived.release()
    return rig


def test_what_stands_for_a_missing_signal_is_not_inferred_and_not_captured(interrupted):
    stats = interrupted.run()
    assert stats.inferred == stats.captured == 4
    assert stats.placeholders == 2
    assert stats.recorded == 6
    assert stats.ai_skipped == stats.ai_failures == 0


def test_a_run_that_ends_without_a_signal_ends_where_the_video_would_be():
    assert rig_without(3, 4, 5).run().stream_s == 5 / 25


def test_it_says_so_in_the_middle_of_the_picture_and_nothing_is_marked(interrupted):
    interrupted.run()
    for picture in interrupted.recorder.pictures[2:4]:
        assert picture.status == "no signal"
        assert picture.ai is Ai.NOTHING_TO_SEE
        assert picture.prediction is None
        height, width = picture.image.shape[:2]
        middle = picture.image[height // 4 : -height // 4, width // 4 : -width // 4]
        assert not np.array_equal(
            middle, picture.frame.image[height // 4 : -height // 4, width // 4 : -width // 4]
        )


def test_after_it_the_model_goes_on_as_if_nothing_had_been(interrupted):
    interrupted.run()
    assert [picture.ai for picture in interrupted.recorder.pictures] == [
        Ai.ON,
        Ai.ON,
        Ai.NOTHING_TO_SEE,
        Ai.NOTHING_TO_SEE,
        Ai.ON,
        Ai.ON,
    ]


def test_a_long_silence_of_the_source_is_no_silence_of_the_model():
    """The first frame after a gap comes before its prediction: the model is late, not off."""
    release = threading.Event()

    class AfterAMinute(Interrupted):
        def __iter__(self):
            for frame in super().__iter__():
                yield replace(frame, captured_at=frame.captured_at + (60 if frame.index > 1 else 0))

    rig = Rig(
        AfterAMinute(3, {1}),
        engine=HookedEngine(lambda index: index == 0 or release.wait(20)),
        options=PipelineOptions(annotation_budget_s=-60.0, max_overlay_age_s=0.0),
    )
    arrived = threading.Semaphore(0)
    rig.source.before = lambda index: index == 0 or arrived.acquire(timeout=20)
    rig.engine._before = lambda index: arrived.release() if index == 0 else release.wait(20)
    rig.recorder.after = lambda index: release.set() if index == 2 else index and arrived.release()
    rig.run()
    assert rig.recorder.pictures[2].ai is Ai.LATE


def test_frozen_input_is_named_and_told():
    """Live pictures that do not change for longer than a second, by their times of capture."""

    class Frozen(CountingSource):
        def __iter__(self):
            first = None
            for frame in super().__iter__():
                first = first or frame
                yield replace(frame, image=first.image, captured_at=first.captured_at + frame.index / 4)

    journal = Journal()
    rig = Rig(Frozen(9, is_live=True), options=replace(PATIENT, annotation_budget_s=60.0))
    arrived = threading.Semaphore(1)
    rig.source.before = lambda index: arrived.acquire(timeout=20)
    rig.recorder.after = lambda index: arrived.release()
    rig.journal = journal
    rig.run()
    assert rig.recorder.statuses[0] == ""
    assert rig.recorder.statuses[-1] == "input frozen"
    told = [event.facts for event in journal.events if event.kind is EventKind.INPUT_CHANGED]
    assert told == [{"signal": "frozen", "before": "ok"}]
