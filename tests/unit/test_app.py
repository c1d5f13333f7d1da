"""The composition root without a command line around it."""

import contextlib
import json
import threading
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from events_manual import LIVE_ONLY, OF_EVERY_LINE, manual
from run_figures import run_stats
from tiny_models import write_model

from scr_live.app import RunConfig, run_video
from scr_live.app.outcome import live_notes, model_failure
from scr_live.errors import (
    InferenceError,
    OptionError,
    OutputExistsError,
    ScrLiveError,
    SourceNotFoundError,
)
from scr_live.events import EventKind, Journal
from scr_live.frames import Ai
from scr_live.sinks.options import RecorderOptions, Segment
from scr_live.sources import SourceInfo
from scr_live.sources.options import SourceOptions


@pytest.fixture
def config(make_clip, tmp_path):
    clip = make_clip(tmp_path / "clip.mp4", 6)
    return RunConfig(
        str(clip), engine="constant", display=False, record=tmp_path / "out.mp4", keep_margins=True
    )


@pytest.mark.parametrize(
    ("loop", "max_frames", "expected"), [(False, None, 6), (False, 4, 4), (False, 9, 6), (True, 9, 9)]
)
def test_it_says_how_many_frames_to_expect_and_takes_as_many(loop, max_frames, expected, config):
    told = []
    options = SourceOptions(loop=loop)
    outcome = run_video(replace(config, source_options=options, max_frames=max_frames), started=told.append)
    assert [facts.expected_frames for facts in told] == [expected]
    assert outcome.stats.captured == outcome.stats.recorded == expected


def test_a_loop_without_a_limit_has_no_end_in_sight(config):
    told, stop = [], threading.Event()

    def started(facts):
        told.append(facts)
        stop.set()

    outcome = run_video(replace(config, source_options=SourceOptions(loop=True)), started=started, stop=stop)
    assert [facts.expected_frames for facts in told] == [None]
    assert outcome.stats.captured < 6


def test_a_run_that_is_stopped_before_its_first_frame_leaves_no_recording(config):
    stop = threading.Event()
    stop.set()
    outcome = run_video(config, stop=stop)
    assert outcome.stats.captured == 0
    assert outcome.recordings == ()
    assert not config.record.exists()


def test_a_recording_whose_folder_is_missing_begins_in_the_fallback_and_says_so(config, tmp_path):
    fallback = tmp_path / "fallback"
    fallback.mkdir()
    recording = RecorderOptions(fallback=fallback)
    outcome = run_video(replace(config, record=tmp_path / "gone" / "out.mp4", recording=recording))
    assert outcome.recordings == (fallback / "out.mp4",)
    assert [f"The recording goes to {fallback} instead." in note for note in outcome.notes] == [True]


def test_progress_is_reported_to_the_end(config):
    reports = []
    run_video(config, progress=reports.append)
    assert reports[-1].composed == 6


def test_the_threshold_of_the_command_goes_before_the_cards(config):
    told = []
    run_video(replace(config, threshold=0.25), started=told.append)
    assert told[0].threshold == 0.25


@pytest.mark.parametrize(
    "wrong",
    [
        {"record": None, "recording": RecorderOptions(segment=Segment(duration_s=60.0))},
        {"record": None, "recording": RecorderOptions(fallback=Path())},
        {"record": None, "recording": RecorderOptions(safety="frame")},
        {"source": ""},
        {"max_frames": 0},
        {"threshold": 1.0},
        {"max_overlay_age_s": -1.0},
        {"alert_after_s": 11.0},
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_opened(wrong, config):
    with pytest.raises(OptionError):
        run_video(replace(config, **wrong))
    assert not config.record.exists()


def heard_by(config, **options):
    """Run it; return the outcomes that were told, and the cause of the end."""
    told, journal = [], Journal()
    with contextlib.suppress(ScrLiveError):
        run_video(config, ended=told.append, journal=journal, **options)
    return told, [one.facts["cause"] for one in journal.events if one.kind is EventKind.RUN_ENDED]


@pytest.mark.parametrize(("changes", "cause"), [({}, "end of the video"), ({"max_frames": 2}, "frame limit")])
def test_it_is_told_what_made_a_run_end(changes, cause, config):
    (outcome,), causes = heard_by(replace(config, **changes))
    assert causes == [outcome.stats.ended_by] == [cause]


@pytest.mark.parametrize("max_frames", [None, 3])
def test_the_end_is_told_with_its_place_in_the_video(max_frames, config):
    journal = Journal()
    run_video(replace(config, max_frames=max_frames), journal=journal)
    assert journal.events[-1].kind is EventKind.RUN_ENDED
    assert journal.events[-1].stream_s == pytest.approx(((max_frames or 6) - 1) / 25)


def test_a_stop_is_told_from_the_end_of_the_video(config):
    stop = threading.Event()
    loop = replace(config, source_options=SourceOptions(loop=True))
    assert heard_by(loop, stop=stop, started=lambda _: stop.set())[1] == ["stop"]


def test_a_run_that_fails_leaves_an_outcome_too(config, monkeypatch):
    def fail(self, image):
        raise InferenceError("no memory")

    monkeypatch.setattr("scr_live.engines.constant.ConstantEngine.infer", fail)
    (outcome,), (cause,) = heard_by(config)
    assert outcome.stats.captured > 0
    assert cause == "no memory"


@pytest.mark.parametrize(
    ("figures", "says"),
    [
        ({"ai_failures": 0}, None),
        ({"inferred": 0}, "never gave an answer; the last failure: hung"),
        ({"ai_silent_s": 9.0}, None),
        ({"ai_silent_s": 11.0}, "no answer in the last 11 s; the last failure: hung"),
    ],
)
def test_a_model_that_is_missing_at_the_end_is_a_failure(figures, says):
    usual = {"captured": 500, "inferred": 400, "ai_failures": 3, "last_ai_failure": "hung"}
    failure = model_failure(run_stats(**(usual | figures)))
    assert (failure is None) == (says is None)
    assert says is None or says in str(failure)


LIVE = SourceInfo("camera", "0", 64, 48, fps=25.0, is_live=True)


@pytest.mark.parametrize(
    ("figures", "says"),
    [
        ({}, []),
        ({"ai_answers": {Ai.ON: 230, Ai.LATE: 20}}, ["8% of the pictures show no marks"]),
        ({"captured": 100}, ["10.0 frames a second and announces 25.0"]),
        ({"captured": 100, "placeholders": 5}, []),
        ({"captured": 100, "ai_answers": {Ai.LATE: 250}, "source": replace(LIVE, is_live=False)}, []),
    ],
)
def test_what_a_live_run_could_not_keep_up_with_is_noted(figures, says):
    usual = {"source": LIVE, "captured": 250, "composed": 250, "duration_s": 10.0}
    notes = live_notes(run_stats(**(usual | figures)))
    assert len(notes) == len(says)
    assert all(text in note for text, note in zip(says, notes, strict=True))


# --- sightings --------------------------------------------------------------------------------------------


@pytest.fixture
def followed(tmp_path):
    """A run of a phantom with a model that marks everything, all of the time."""
    return RunConfig(
        "phantom:seed=0,duration=2,size=128x96",
        model=str(write_model(tmp_path, fill=0.9)),
        display=False,
        record=tmp_path / "out.mp4",
        recording=RecorderOptions(force=False),
        events=tmp_path / "events.jsonl",
        stats=tmp_path / "stats.json",
        keep_margins=True,
    )


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_run_leaves_its_events_its_sightings_and_their_pictures(followed, tmp_path):
    outcome = run_video(followed)
    told = lines_of(followed.events)
    kinds = [line["event"] for line in told]
    assert (kinds[0], kinds[1], kinds[-1]) == ("log-started", "run-started", "run-ended")
    assert outcome.sightings == kinds.count("sighting-opened") == kinds.count("sighting-closed") >= 1
    closed = next(line for line in told if line["event"] == "sighting-closed")
    assert (tmp_path / closed["snapshot"]).read_bytes()[:2] == b"\xff\xd8"
    assert (tmp_path / "out.vtt").read_text().startswith("WEBVTT")
    assert json.loads(followed.stats.read_text())["sightings"] == outcome.sightings
    assert sum(outcome.qualities.values()) == outcome.stats.inferred


@pytest.mark.parametrize("live", [0, 1])
def test_each_line_of_a_run_has_the_facts_of_the_manual(live, followed):
    source = f"phantom:seed=0,duration=2,size=128x96,live={live}"
    run_video(replace(followed, source=source, recording=RecorderOptions(segment=Segment(duration_s=1.0))))
    told, rows = lines_of(followed.events), manual()
    assert {line["event"] for line in told} >= {"run-started", "run-ended", "recording-started"}
    for line in told:
        expected = rows[line["event"]] - (set() if live else LIVE_ONLY)
        assert set(line) - OF_EVERY_LINE == expected, line["event"]


@pytest.mark.parametrize("keep", [False, True])
def test_where_nothing_can_be_followed_the_run_is_carried_to_its_end_and_says_so(keep, followed, monkeypatch):
    def fail(self, *_):
        raise ZeroDivisionError("no step")

    monkeypatch.setattr("scr_live.tracking.following.Tracking.follow", fail)
    outcome = run_video(replace(followed, keep_margins=keep))
    frames = outcome.stats.captured
    assert outcome.stats.polyp_frames == outcome.stats.recorded == frames > 0
    assert any(f"{frames} frames could not be followed" in note for note in outcome.notes)


def test_the_rule_of_the_config_decides_what_is_announced(followed):
    assert run_video(replace(followed, alert_after_s=5.0)).sightings == 0


@pytest.mark.parametrize("changes", [{"tracking": False}, {"source": "images"}])
def test_where_nothing_is_followed_nothing_is_announced(changes, followed, tmp_path):
    if "source" in changes:
        picture = np.full((48, 64, 3), 90, np.uint8)
        cv2.imwrite(str(tmp_path / "one.png"), picture)
        changes = {"source": str(tmp_path / "one.png")}
    outcome = run_video(replace(followed, record=None, **changes))
    assert outcome.sightings is outcome.qualities is None
    assert outcome.stats.polyp_frames == outcome.stats.inferred


def test_a_run_that_cannot_begin_leaves_the_older_events_whatever_may_be_replaced(followed, tmp_path):
    followed.events.write_text("earlier")
    wrong = replace(followed, source=str(tmp_path / "no.mp4"), recording=RecorderOptions(force=True))
    with pytest.raises(SourceNotFoundError):
        run_video(wrong)
    assert followed.events.read_text() == "earlier"
    run_video(replace(wrong, source=followed.source))
    assert lines_of(followed.events)[-1]["event"] == "run-ended"


def test_a_failing_run_tells_what_its_event_files_lack(followed, monkeypatch):
    def fail(self, image):
        raise InferenceError("no memory")

    monkeypatch.setattr("scr_live.engines.constant.ConstantEngine.infer", fail)
    with pytest.raises(InferenceError, match="no memory") as caught:
        run_video(replace(followed, engine="constant"), started=lambda _: followed.events.unlink())
    assert any("was removed or replaced" in note for note in caught.value.__notes__)


@pytest.mark.parametrize("with_events", [True, False])
def test_another_runs_track_is_refused_before_anything_is_opened(with_events, followed, tmp_path):
    """Only events make one."""
    track = tmp_path / "out.vtt"
    track.write_text("precious")
    if with_events:
        with pytest.raises(OutputExistsError, match=r"out\.vtt exists already"):
            run_video(followed)
        assert not followed.events.exists()
    else:
        run_video(replace(followed, events=None, max_frames=1))
    assert track.read_text() == "precious"


def test_an_event_file_that_is_there_already_is_refused_before_anything_is_opened(followed):
    followed.events.write_text("earlier")
    with pytest.raises(ScrLiveError, match="exists already"):
        run_video(followed)
    assert followed.events.read_text() == "earlier"
    assert not followed.record.exists()
