"""Recordings that are started and stopped from a browser, in whole runs."""

from dataclasses import replace

import av
import pytest

pytest.importorskip("fastapi", reason="needs fastapi, of the extra `web`")

from web_whole_run import WholeRun

from scr_live.app import RunConfig, run_video
from scr_live.cli.recording import later_recordings
from scr_live.errors import OptionError
from scr_live.events import EventKind
from scr_live.sinks.options import RecorderOptions
from scr_live.sinks.web.options import ServeOptions

NOT_LIVE = "phantom:duration=endless,size=64x48"


def decoded(path):
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def has_recorded(count):
    return lambda status: status["recording"] and status["recording"]["frames"] >= count


def test_start_stop_start_by_http_makes_two_playable_files_of_all_that_was_captured(tmp_path):
    with WholeRun(record_later=later_recordings(None, tmp_path)) as run:
        status = run.until(lambda status: True)
        assert (status["recording"], status["recording_fixed"]) == (None, "")
        assert run.switch(on=True)[1]["recording"] is True
        status = run.until(has_recorded(40))
        assert status["recording"]["elapsed_s"] > 1
        assert status["recording"]["free_bytes"] > 0
        assert status["recording"]["file"].startswith("scr-live-")
        assert run.switch(on=False)[1]["recording"] is False
        # "AI behind" is said for moments on a busy machine; a trouble of the recorder would stay.
        run.until(lambda status: status["recording"] is None and status["status"] == "")
        assert run.switch(on=True)[0] == 200
        run.until(has_recorded(20))
    assert run.error is None
    first, second = run.outcome.recordings
    assert {first, second} == set(tmp_path.glob("scr-live-*.mp4"))
    assert first != second
    frames = [decoded(first), decoded(second)]
    assert frames == run.frames_of(EventKind.RECORDING_ENDED)
    assert frames[0] >= 40
    assert frames[1] >= 20
    assert run.outcome.stats.recorded == sum(frames)
    assert run.outcome.stats.dropped["to-disk"] == 0
    begun = [event for event in run.journal.events if event.kind == EventKind.RECORDING_STARTED]
    assert [event.facts["cause"] for event in begun] == ["start", "start"]
    assert begun[0].stream_s > 0  # it did not begin with the run


def test_a_recording_from_the_start_can_be_stopped_and_is_never_overwritten(tmp_path):
    record = tmp_path / "room.mp4"
    options = RecorderOptions(force=True)
    with WholeRun(record=record, record_later=later_recordings(record, None), recording=options) as run:
        run.until(has_recorded(10))
        run.switch(on=False)
        run.until(lambda status: status["controls"]["recording"] is False)
        frames = decoded(record) if record.exists() else None
        run.switch(on=True)
        run.until(has_recorded(5))
    first, second = run.outcome.recordings
    assert first == record
    assert second.name.startswith("room-2")
    assert frames in (None, decoded(record))


def test_a_start_on_a_full_disk_is_told_and_the_video_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("scr_live.sinks.space.free_bytes", lambda folder: 1000)
    with WholeRun(record_later=later_recordings(None, tmp_path)) as run:
        code, answer = run.switch(on=True)
        assert code == 503
        assert "are free there" in answer["detail"]
        assert str(tmp_path.parent) not in answer["detail"]
        before = run.until(lambda status: True)["frames"]["composed"]
        run.until(lambda status: status["frames"]["composed"] > before)
        assert run.ask("api/status")[1]["controls"]["recording"] is False
    assert run.error is None
    assert list(tmp_path.iterdir()) == []


def test_without_a_place_to_record_to_the_answer_says_how_to_name_one():
    with WholeRun() as run:
        code, answer = run.switch(on=True)
        assert code == 409
        assert "--record-to FOLDER" in answer["detail"]


def test_no_path_comes_from_a_request(tmp_path):
    with WholeRun(record_later=later_recordings(None, tmp_path)) as run:
        for body in ({"recording": "/x/y.mp4"}, {"recording": True, "path": "/x/y.mp4"}, {"record": "x"}):
            assert run.ask("api/control", body)[0] == 422
        assert run.ask("api/status")[1]["recording"] is None


def test_a_file_is_recorded_as_a_whole(tmp_path):
    with WholeRun(NOT_LIVE, record=tmp_path / "out.mp4", record_later=tmp_path / "out-{time}.mp4") as run:
        status = run.ask("api/status")[1]
        assert status["controls"]["recording"] is None
        assert "as a whole" in status["recording_fixed"]


def test_a_folder_for_later_recordings_is_refused_where_none_could_be_started(tmp_path):
    later = later_recordings(None, tmp_path)
    config = RunConfig(NOT_LIVE, engine="constant", display=False, record_later=later)
    with pytest.raises(OptionError, match="nobody could: give --serve"):
        run_video(config)
    with pytest.raises(OptionError, match="Name the file of its recording with --record"):
        run_video(replace(config, serve=ServeOptions(port=0)))
    with pytest.raises(OptionError, match="exclude one another"):
        later_recordings(tmp_path / "a.mp4", tmp_path)
