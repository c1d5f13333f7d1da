"""The composition root without a command line around it."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from scr_live.app import RunConfig, run_video
from scr_live.errors import OptionError
from scr_live.sinks.options import RecorderOptions, Segment
from scr_live.sources.options import SourceOptions


@pytest.fixture
def config(make_clip, tmp_path):
    clip = make_clip(tmp_path / "clip.mp4", 6)
    return RunConfig(str(clip), engine="constant", display=False, record=tmp_path / "out.mp4")


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
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_opened(wrong, config):
    with pytest.raises(OptionError):
        run_video(replace(config, **wrong))
    assert not config.record.exists()
