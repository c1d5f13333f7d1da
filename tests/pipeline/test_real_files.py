"""From a file to a file: what was processed is in a recording that plays, however the run ended."""

from pathlib import Path

import pytest
from pipeline_fakes import FaultError, HookedEngine, fail_at, notes

from scr_live.engines.constant import ConstantEngine
from scr_live.pipeline.live import NamedSink, run
from scr_live.sinks.recorder import Recorder
from scr_live.sources.file import FileSource

FRAMES = 30


def record(clip: Path, recording: Path, engine):
    with FileSource(clip) as source, engine, Recorder(recording) as recorder:
        return run(source, engine, sinks=[NamedSink("recorder", recorder, "to-disk")])


def numbers_and_times(recording: Path, number_in):
    with FileSource(recording) as source:
        return [(number_in(frame.image), frame.pts_s) for frame in source]


@pytest.fixture
def clip(make_clip, tmp_path) -> Path:
    return make_clip(tmp_path / "clip.mp4", FRAMES)


def test_every_frame_is_recorded_at_its_time(clip, tmp_path, number_in):
    stats = record(clip, tmp_path / "out.mp4", ConstantEngine())
    assert stats.recorded == FRAMES
    seen = numbers_and_times(tmp_path / "out.mp4", number_in)
    assert [number for number, _ in seen] == list(range(FRAMES))
    assert [pts_s for _, pts_s in seen] == pytest.approx([index / 25 for index in range(FRAMES)], abs=1e-4)


def test_a_failing_model_leaves_a_recording_of_all_before(clip, tmp_path, number_in):
    with pytest.raises(FaultError) as caught:
        record(clip, tmp_path / "out.mp4", HookedEngine(fail_at(12)))
    assert notes(caught.value) == "Pipeline stage: infer"
    assert [number for number, _ in numbers_and_times(tmp_path / "out.mp4", number_in)] == list(range(12))
