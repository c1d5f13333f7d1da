"""What viewers are told of a run: its facts, and no folder of its machine."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from run_figures import run_progress

from scr_live.controls import Controls
from scr_live.engines import EngineInfo
from scr_live.events import Event, EventKind, Journal
from scr_live.frames import Ai, Signal
from scr_live.pipeline.timing import Histogram
from scr_live.sinks.recorder import RecordingState
from scr_live.sinks.web.steering import Steering
from scr_live.sinks.web.told import BUCKETS_S, About, event_facts, metrics_of, status_of, without_folders
from scr_live.sources import SourceInfo

ENGINE = EngineInfo("constant", "CPU", "fp32", 8)


def about(name="clip.mp4", kind="file"):
    return About(SourceInfo(kind, name, 64, 48, 25.0, is_live=True), ENGINE, "scr-net-lite0").as_dict()


def told(now, controls=None, *, signal=Signal.OK, has_ended=False):
    steering = Steering(controls or Controls(), Journal(), None, "A file is recorded as a whole.").status()
    return status_of(about(), now, steering=steering, delays_ms=None, signal=signal, has_ended=has_ended)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/data/patients/miller/clip.mp4", "clip.mp4"),
        ("/data/x/out.mp4: no space left on device", "out.mp4: no space left on device"),
        ("'/data/x/out.mp4' and /y/z/b.mp4", "'out.mp4' and b.mp4"),
        (r"C:\patients\miller\clip.mp4", "clip.mp4"),
        ("rtsp://camera.local/stream/1", "rtsp://camera.local/stream/1"),
        ("/dev/video0", "video0"),
        ("12 and/or 14 frames/s", "12 and/or 14 frames/s"),
        ("", ""),
    ],
)
def test_files_keep_their_names_and_lose_their_folders(text, shown):
    assert without_folders(text) == shown


@pytest.mark.parametrize(
    ("kind", "name", "shown"),
    [
        ("file", "patients/miller/clip.mp4", "clip.mp4"),
        ("images", "miller/*.png", "*.png"),
        ("stream", "rtsp://camera.local/stream/1", "rtsp://camera.local/stream/1"),
        ("phantom", "phantom:seed=0", "phantom:seed=0"),
    ],
)
def test_a_source_is_named_without_its_folder(kind, name, shown):
    assert about(name, kind)["source"]["name"] == shown


def test_events_are_told_as_the_log_has_them_without_folders():
    facts = {"path": "/rec/a.mp4", "frames": 3, "bytes": None}
    event = Event(EventKind.RECORDING_ENDED, datetime(2026, 1, 2, tzinfo=UTC), 1.5, facts)
    assert event_facts(event) == {
        "event": "recording-ended",
        "at": "2026-01-02T00:00:00.000+00:00",
        "stream_s": 1.5,
        "path": "a.mp4",
        "frames": 3,
        "bytes": None,
    }


@pytest.mark.parametrize(("ai", "word"), [(Ai.ON, "on"), (Ai.LATE, "late"), (Ai.NOTHING_TO_SEE, "none")])
def test_how_the_model_keeps_up_is_one_word(ai, word):
    assert told(run_progress(ai=ai))["ai"] == word


def test_signal_withdrawal_and_end_are_told():
    controls = Controls(withdrawing_since=time.perf_counter() - 65)
    status = told(run_progress(), controls, signal=Signal.LOST, has_ended=True)
    assert (status["signal"], status["run"]) == ("lost", "ended")
    assert status["withdrawal_s"] == pytest.approx(65, abs=5)
    assert told(run_progress())["withdrawal_s"] is None


def test_a_recording_is_told_with_its_room():
    state = RecordingState(
        Path("/rec/out.mp4"), 10, 2000, 0.4, 5000, 1.5, "The disk of /rec/out.mp4 is full."
    )
    assert told(run_progress(recording=state))["recording"] == {
        "file": "out.mp4",
        "frames": 10,
        "bytes": 2000,
        "elapsed_s": 0.4,
        "free_bytes": 5000,
        "hours_left": 1.5,
        "problem": "The disk of out.mp4 is full.",
    }
    assert told(run_progress())["recording"] is None


def test_why_a_recording_cannot_be_switched_is_told():
    status = told(run_progress())
    assert status["controls"]["recording"] is None
    assert status["recording_fixed"] == "A file is recorded as a whole."


def test_histograms_grow_from_edge_to_edge():
    delays = Histogram()
    for duration_s in (0.001, 0.015, 0.045, 5.0):
        delays.record(duration_s)
    told_delays = metrics_of(run_progress(video_delay=delays), {}, restarts=0)["delays"]["video"]
    counts = dict(zip(BUCKETS_S, told_delays["counts"], strict=True))
    assert (counts[0.005], counts[0.02], counts[0.05], counts[2.0]) == (1, 2, 3, 3)
    assert told_delays["count"] == 4
    assert told_delays["sum_s"] == pytest.approx(5.061)
