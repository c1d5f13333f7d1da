"""Files: every frame is inferred, in order, none is lost, whatever stage is slow, ends or fails."""

import json
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipeline_fakes import (
    CountingSource,
    FakeScreen,
    FaultError,
    HookedEngine,
    Keeper,
    Rig,
    fail_at,
    ignore,
    notes,
)

from scr_live.errors import InferenceError, StageStuckError
from scr_live.frames import Picture

FRAMES = 40
ENDLESS = 1_000_000


def test_every_frame_is_inferred_and_recorded_in_order():
    rig = Rig(CountingSource(FRAMES))
    stats = rig.run()
    assert rig.recorder.indexes == list(range(FRAMES))
    assert (stats.captured, stats.inferred, stats.composed, stats.recorded) == (FRAMES,) * 4
    assert set(stats.dropped.values()) == {0}
    assert stats.polyp_frames == FRAMES
    assert stats.video_delay.count == stats.annotation_delay.count == FRAMES


def test_every_picture_carries_its_own_prediction_and_marks():
    rig = Rig(CountingSource(FRAMES))
    rig.run()
    for picture in rig.recorder.pictures:
        assert picture.prediction.frame_index == picture.frame.index
        assert picture.status == ""
        changed = np.any(picture.image != picture.frame.image, axis=2)
        assert changed[16].all()
        assert not changed[:16].any()


def test_switched_off_overlay_leaves_the_picture_alone_and_keeps_the_prediction():
    rig = Rig(CountingSource(3))
    rig.controls.overlay = False
    rig.run()
    for picture in rig.recorder.pictures:
        assert picture.prediction.polyps
        assert picture.image is picture.frame.image


def test_each_stage_runs_in_a_thread_of_its_name_and_the_screen_in_the_callers():
    threads = {}

    def note(stage):
        return lambda index: threads.setdefault(stage, threading.current_thread().name)

    rig = Rig(CountingSource(3, before=note("capture")), HookedEngine(note("infer")), overlay=note("compose"))
    rig.screen = FakeScreen()
    rig.run()
    assert all(stage == name for stage, name in threads.items())
    assert rig.recorder.threads == {"recorder"}
    assert rig.screen.threads == {threading.current_thread().name}


@pytest.mark.parametrize("empty", [0, 1])
def test_videos_of_no_and_one_frame(empty):
    rig = Rig(CountingSource(empty))
    assert rig.run().recorded == empty


def test_a_run_without_any_output_still_infers():
    assert Rig(CountingSource(5), recorder=None).run().inferred == 5


def test_max_frames_ends_the_run():
    rig = Rig(CountingSource(ENDLESS)).with_options(max_frames=7)
    assert rig.run().captured == 7
    assert rig.recorder.indexes == list(range(7))


def test_all_that_was_captured_is_shown_too():
    rig = Rig(CountingSource(FRAMES), screen=FakeScreen())
    assert rig.run().shown == FRAMES
    assert rig.screen.indexes == rig.recorder.indexes == list(range(FRAMES))


def dawdle(index):
    time.sleep(0.002)  # stands for work, nothing waits for it


@pytest.mark.parametrize("slow", ["capture", "infer", "compose", "recorder", "screen"])
def test_a_slow_stage_slows_the_run_and_loses_nothing(slow):
    def hook(stage):
        return dawdle if stage == slow else ignore

    rig = Rig(
        CountingSource(FRAMES, before=hook("capture")),
        HookedEngine(hook("infer")),
        Keeper(hook("recorder")),
        FakeScreen(hook("screen")),
        overlay=hook("compose"),
    )
    stats = rig.run()
    assert rig.recorder.indexes == rig.screen.indexes == list(range(FRAMES))
    assert sum(stats.dropped.values()) == 0


@settings(max_examples=25, deadline=None)
@given(
    count=st.integers(0, 30),
    slow=st.dictionaries(
        st.sampled_from(["capture", "infer", "compose", "recorder"]), st.sets(st.integers(0, 30))
    ),
)
def test_order_and_completeness_hold_under_any_hesitation(count, slow):
    def hook(stage):
        return lambda index: time.sleep(0.0005) if index in slow.get(stage, ()) else None

    rig = Rig(
        CountingSource(count, before=hook("capture")),
        HookedEngine(hook("infer")),
        Keeper(hook("recorder")),
        overlay=hook("compose"),
    )
    rig.run()
    assert rig.recorder.indexes == list(range(count))
    assert [p.prediction.frame_index for p in rig.recorder.pictures] == list(range(count))


@pytest.mark.parametrize("at", [0, 5])
@pytest.mark.parametrize("broken", ["capture", "infer", "compose", "recorder"])
@pytest.mark.parametrize("with_screen", [False, True])
def test_a_fault_is_raised_and_what_came_before_is_recorded(broken, at, with_screen):
    def hook(stage):
        return fail_at(at) if stage == broken else ignore

    rig = Rig(
        CountingSource(300, before=hook("capture")),
        HookedEngine(hook("infer")),
        Keeper(hook("recorder")),
        FakeScreen() if with_screen else None,
        overlay=hook("compose"),
    )
    with pytest.raises(FaultError, match=f"at {at}") as caught:
        rig.run()
    assert notes(caught.value) == f"Pipeline stage: {broken}"
    assert rig.recorder.indexes == list(range(at))
    assert rig.recorder.left
    assert rig.engine.left
    assert rig.stats.recorded == at
    if broken == "recorder" and with_screen:
        assert rig.screen.indexes == list(range(300))
        assert rig.screen.statuses[-1] == "recorder failed"


@pytest.mark.parametrize("at", [0, 5])
def test_a_failing_screen_ends_the_run_and_the_tail_is_recorded(at):
    rig = Rig(CountingSource(ENDLESS), screen=FakeScreen(fail_at(at)))
    with pytest.raises(FaultError) as caught:
        rig.run()
    assert notes(caught.value) == "Pipeline stage: screen"
    assert rig.recorder.indexes == list(range(rig.stats.captured))


def test_a_failing_recorder_ends_a_run_without_other_outputs():
    rig = Rig(CountingSource(ENDLESS), recorder=Keeper(fail_at(3)))
    with pytest.raises(FaultError):
        rig.run()
    assert rig.stats.captured < 100


def test_a_failing_sink_leaves_the_other_sinks_going_and_is_raised_at_the_end():
    rig = Rig(CountingSource(FRAMES), recorder=Keeper(fail_at(3)), others={"web": Keeper()})
    with pytest.raises(FaultError) as caught:
        rig.run()
    assert notes(caught.value) == "Pipeline stage: recorder"
    assert rig.others["web"].indexes == list(range(FRAMES))
    assert rig.stats.written == {"recorder": 3, "web": FRAMES}


def test_two_failing_sinks_are_both_told():
    rig = Rig(CountingSource(ENDLESS), recorder=Keeper(fail_at(3)), others={"web": Keeper(fail_at(5))})
    with pytest.raises(FaultError) as caught:
        rig.run()
    assert "recorder" in notes(caught.value)
    assert "web" in notes(caught.value)


@pytest.mark.parametrize("name", ["infer", "screen", "await-prediction"])
def test_a_sink_named_like_a_stage_is_refused(name):
    with pytest.raises(ValueError, match="a name of its own"):
        Rig(CountingSource(1), others={name: Keeper()}).run()


@pytest.mark.parametrize("value", [np.nan, 2.0])
def test_an_answer_that_is_no_probability_is_an_inference_error(value):
    class Nonsense(HookedEngine):
        def infer(self, image):
            answer = super().infer(image)
            if self._calls == 4:
                answer[5, 5] = value
            return answer

    rig = Rig(CountingSource(FRAMES), Nonsense())
    with pytest.raises(InferenceError, match="frame 3 with probabilities from 0 to 1"):
        rig.run()
    assert rig.recorder.indexes == [0, 1, 2]


def test_a_stop_ends_capture_and_finishes_what_was_captured():
    rig = Rig(CountingSource(ENDLESS))
    rig.recorder.after = lambda index: rig.stop.set() if index == 5 else None
    stats = rig.run()
    assert stats.captured == stats.recorded == stats.inferred
    assert rig.recorder.indexes == list(range(stats.captured))
    assert stats.captured > 5


def test_the_callers_stop_is_only_ever_read():
    rig = Rig(CountingSource(FRAMES), screen=FakeScreen(quits_at=3))
    rig.run()
    assert not rig.stop.is_set()


def test_quitting_at_the_screen_records_the_tail():
    rig = Rig(CountingSource(ENDLESS), screen=FakeScreen(quits_at=4))
    stats = rig.run()
    assert stats.shown == 4
    assert rig.recorder.indexes == list(range(stats.captured))


def test_a_pause_at_the_screen_holds_the_whole_run():
    rig = Rig(CountingSource(ENDLESS), screen=FakeScreen(quits_at=30))
    idles = []

    def look():
        if rig.controls.paused:
            idles.append(len(rig.screen.pictures))
            rig.controls.paused = len(idles) < 4

    def pause_after(index):
        rig.controls.paused = index == 10

    rig.screen.idle, rig.screen.after = look, pause_after
    rig.run()
    assert idles == [11] * 4
    assert rig.screen.indexes == list(range(30))


def test_a_stop_during_a_pause_ends_the_run():
    stop = threading.Event()
    rig = Rig(CountingSource(ENDLESS), screen=FakeScreen(idle=stop.set), stop=stop)
    rig.controls.paused = True
    stats = rig.run()
    assert stats.shown == 0
    assert rig.recorder.indexes == list(range(stats.captured))


@pytest.mark.parametrize("stuck", ["capture", "infer", "compose", "recorder"])
def test_a_stuck_stage_is_named_and_the_others_finish(stuck):
    release = threading.Event()

    def hook(stage):
        def wait(index):
            if stage == stuck and index == 3:
                rig.stop.set()
                release.wait()

        return wait

    rig = Rig(
        CountingSource(ENDLESS, before=hook("capture")),
        HookedEngine(hook("infer")),
        Keeper(hook("recorder")),
        overlay=hook("compose"),
    ).with_options(stage_grace_s=0.2)
    with pytest.raises(StageStuckError, match=f"'{stuck}' did not return") as caught:
        rig.run()
    assert notes(caught.value) == f"Pipeline stage: {stuck}"
    assert rig.recorder.indexes == [0, 1, 2]
    assert rig.recorder.left
    release.set()


def test_a_source_that_was_not_interrupted_is_the_callers_to_close():
    rig = Rig(CountingSource(3))
    rig.run()
    assert not rig.source.closed.is_set()
    assert rig.source.left


def test_what_lies_between_opening_and_running_is_no_delay():
    class ReadAhead(CountingSource):
        def __iter__(self):
            for frame in super().__iter__():
                yield replace(frame, captured_at=frame.captured_at - 3600) if frame.index == 0 else frame

    assert Rig(ReadAhead(3)).run().video_delay.max < 3600_000


def test_progress_is_reported_from_the_calling_thread_and_at_the_end():
    reports = []

    def progress(report):
        reports.append((threading.current_thread(), report))

    rig = Rig(CountingSource(FRAMES), progress=progress)
    rig.run()
    assert {thread for thread, _ in reports} == {threading.current_thread()}
    last = reports[-1][1]
    assert (last.captured, last.recorded, last.frame_count) == (FRAMES, FRAMES, FRAMES)


@pytest.mark.parametrize("error", [FaultError, KeyboardInterrupt])
def test_an_error_in_the_calling_thread_ends_the_run_cleanly(error):
    def progress(report):
        raise error

    rig = Rig(CountingSource(ENDLESS), progress=progress)
    with pytest.raises(error):
        rig.run()
    assert rig.recorder.indexes == list(range(rig.stats.captured))


def test_no_frame_outlives_its_run_through_the_pipeline():
    alive = []

    class Forgetful(Keeper):
        def write(self, picture: Picture):
            assert len(alive) < 60
            super().write(picture)
            self.pictures[-1] = None

    class Tracked(CountingSource):
        def __iter__(self):
            import weakref  # noqa: PLC0415  only here

            for frame in super().__iter__():
                alive.append(1)
                weakref.finalize(frame.image, alive.pop)
                yield frame
                del frame

    rig = Rig(Tracked(400), recorder=Forgetful())
    assert rig.run().recorded == 400


def test_the_figures_fit_into_json_under_the_promised_names():
    figures = json.loads(json.dumps(Rig(CountingSource(5), screen=FakeScreen()).run().as_dict()))
    assert {"kind", "width", "height", "fps", "live"} <= figures["source"].keys()
    assert {"backend", "device", "precision", "model", "model_sha256"} <= figures["engine"].keys()
    assert {"captured", "inferred", "shown", "recorded", "dropped"} <= figures["frames"].keys()
    assert figures["frames"]["dropped"] == {"to-model": 0, "to-compose": 0, "to-disk": 0, "to-screen": 0}
    latency = figures["latency_ms"]
    for one in (latency["video_delay"], latency["annotation_delay"], *latency["stages"].values()):
        assert {"p50", "p95", "p99", "max"} <= one.keys()
    assert latency["stages"].keys() >= {"capture", "infer", "compose", "recorder", "screen"}
    assert {"duration_s", "fps", "polyp_frames"} <= figures.keys()
