import time
from datetime import UTC, datetime

import pytest

from scr_live.errors import OutputExistsError, OutputUnwritableError
from scr_live.events import Event, EventKind, Journal
from scr_live.sinks import sidecar as sidecar_room
from scr_live.sinks.sidecar import Cue, Sidecar, check_track, cue_of, webvtt


def closed(number, first_s, last_s, **more):
    facts = {"sighting": number, "first_s": first_s, "last_s": last_s, "score": 0.934} | more
    return Event(EventKind.SIGHTING_CLOSED, datetime.now(UTC), last_s, facts)


def begun(path, stream_s=0.0, cause="start"):
    facts = {"path": str(path), "cause": cause}
    return Event(EventKind.RECORDING_STARTED, datetime.now(UTC), stream_s, facts)


def wait_for(path, words):
    until = time.monotonic() + 5
    while not (path.exists() and words in path.read_text()) and time.monotonic() < until:
        time.sleep(0.005)
    return path.read_text()


def test_a_cue_a_sighting(tmp_path):
    with Sidecar() as sidecar:
        sidecar.heard(begun(tmp_path / "out.mp4"))
        sidecar.heard(closed(2, 3700.25, 3702.0))
        sidecar.heard(closed(1, 1.5, 4.0, largest_field_share=0.041))
    assert (tmp_path / "out.vtt").read_text() == (
        "WEBVTT\n\n"
        "00:00:01.500 --> 00:00:04.000\nsighting 1: score 0.93, largest 4.1 % of the field\n\n"
        "01:01:40.250 --> 01:01:42.000\nsighting 2: score 0.93\n"
    )
    assert sidecar.problem == ""


def test_a_run_that_is_killed_has_what_was_closed(tmp_path):
    with Sidecar() as sidecar:
        sidecar.heard(begun(tmp_path / "out.mp4"))
        assert wait_for(tmp_path / "out.vtt", "WEBVTT") == "WEBVTT\n"
        sidecar.heard(closed(1, 1.0, 2.0))
        assert "sighting 1" in wait_for(tmp_path / "out.vtt", "sighting 1")


def test_each_file_of_a_recording_has_its_own_in_its_own_time(tmp_path):
    with Sidecar() as sidecar:
        sidecar.heard(begun(tmp_path / "out-0001.mp4"))
        sidecar.heard(closed(1, 1.0, 2.0))
        sidecar.heard(begun(tmp_path / "out-0002.mp4", 10.0, "segment"))
        sidecar.heard(closed(2, 8.0, 12.0))
        sidecar.heard(closed(3, 15.0, 16.0))
    first, second = ((tmp_path / f"out-000{number}.vtt").read_text() for number in (1, 2))
    assert "00:00:08.000 --> 00:00:10.000\nsighting 2" in first
    assert "sighting 3" not in first
    assert "00:00:00.000 --> 00:00:02.000\nsighting 2" in second
    assert "00:00:05.000 --> 00:00:06.000\nsighting 3" in second
    assert "sighting 1" not in second


def test_what_is_rescued_of_a_file_takes_nothing_from_the_one_being_recorded(tmp_path):
    """It is told late, with the place where it begins."""
    (tmp_path / "fallback").mkdir()
    rescued = tmp_path / "fallback" / "out-0003.mp4"
    with Sidecar() as sidecar:
        sidecar.heard(begun(tmp_path / "out-0001.mp4"))
        sidecar.heard(closed(1, 599.0, 599.8))
        sidecar.heard(begun(tmp_path / "out-0002.mp4", 600.0, "segment"))
        sidecar.heard(begun(rescued, 599.6, "fallback"))
        sidecar.heard(closed(2, 700.0, 701.0))
    tracks = (tmp_path / "out-0001.vtt", rescued.with_suffix(".vtt"), tmp_path / "out-0002.vtt")
    first, fallback, second = (path.read_text() for path in tracks)
    assert first == "WEBVTT\n\n00:09:59.000 --> 00:09:59.600\nsighting 1: score 0.93\n"
    assert fallback == "WEBVTT\n\n00:00:00.000 --> 00:00:00.200\nsighting 1: score 0.93\n"
    assert second == "WEBVTT\n\n00:01:40.000 --> 00:01:41.000\nsighting 2: score 0.93\n"


@pytest.mark.parametrize("raw", ["raw.mp4", "raw/out.mp4"])
def test_two_recordings_at_once_have_all_sightings_each(raw, tmp_path):
    (tmp_path / "raw").mkdir()
    with Sidecar() as sidecar:
        sidecar.heard(begun(tmp_path / "out.mp4"))
        sidecar.heard(begun(tmp_path / raw))
        sidecar.heard(closed(1, 1.0, 2.0))
    for path in (tmp_path / "out.vtt", (tmp_path / raw).with_suffix(".vtt")):
        assert "00:00:01.000 --> 00:00:02.000\nsighting 1" in path.read_text()


def test_a_track_of_a_recording_that_ended_long_ago_is_left_alone(tmp_path):
    """Be it deleted, or archived, by then; one that ended lately still takes what closes late."""
    paths = [tmp_path / f"out-{number:04d}.vtt" for number in range(1, 6)]
    with Sidecar() as sidecar:
        for number, path in enumerate(paths):
            sidecar.heard(begun(path.with_suffix(".mp4"), 400.0 * number, "segment"))
            wait_for(path, "WEBVTT")
            paths[0].unlink(missing_ok=True)
        sidecar.heard(closed(1, 10.0, 1650.0))
    assert not paths[0].exists()
    assert ["sighting 1" in path.read_text() for path in paths[1:]] == [False, True, True, True]


def test_nothing_is_written_at_the_end_that_is_there_already(tmp_path):
    with Sidecar() as sidecar:
        sidecar.heard(begun(tmp_path / "out.mp4"))
        sidecar.heard(closed(1, 1.0, 2.0))
        wait_for(tmp_path / "out.vtt", "sighting 1")
        (tmp_path / "out.vtt").unlink()
    assert not (tmp_path / "out.vtt").exists()


def test_what_could_not_be_written_is_tried_again(tmp_path, monkeypatch):
    fails = [True, False]
    write = sidecar_room.write_text

    def full(path, text):
        if fails.pop(0):
            raise OutputUnwritableError("no space left")
        write(path, text)

    monkeypatch.setattr(sidecar_room, "write_text", full)
    with Sidecar() as sidecar:
        sidecar.heard(begun(tmp_path / "out.mp4"))
    assert (tmp_path / "out.vtt").read_text() == "WEBVTT\n"
    assert sidecar.problem == "no space left"


def test_a_track_that_is_anothers_still_ends_the_one_before(tmp_path):
    (tmp_path / "out-0002.vtt").write_text("precious")
    with Sidecar() as sidecar:
        sidecar.heard(begun(tmp_path / "out.mp4"))
        sidecar.heard(begun(tmp_path / "out-0002.mp4", 10.0, "size"))
        sidecar.heard(closed(1, 12.0, 13.0))
    assert (tmp_path / "out.vtt").read_text() == "WEBVTT\n"
    assert (tmp_path / "out-0002.vtt").read_text() == "precious"


def test_a_raw_recording_gets_none(tmp_path):
    with Sidecar() as sidecar:
        sidecar.heard(begun(tmp_path / "raw.mkv", None))
    assert list(tmp_path.iterdir()) == []


def test_another_runs_track_is_kept_unless_forced(tmp_path):
    track = tmp_path / "out.vtt"
    track.write_text("precious")
    with pytest.raises(OutputExistsError, match="--force"):
        check_track(tmp_path / "out.mp4", force=False)
    with Sidecar() as sidecar:
        sidecar.heard(begun(tmp_path / "out.mp4"))
    assert track.read_text() == "precious"
    assert "exists already" in sidecar.problem
    with Sidecar(force=True) as sidecar:
        sidecar.heard(begun(tmp_path / "out.mp4"))
    assert track.read_text() == "WEBVTT\n"


def test_a_folder_that_is_gone_ends_no_run(tmp_path):
    with Sidecar() as sidecar:
        journal = Journal(sidecar.heard)
        journal.tell(EventKind.RECORDING_STARTED, stream_s=0.0, path=str(tmp_path / "no" / "out.mp4"))
        journal.tell(EventKind.SIGHTING_CLOSED, sighting=1, first_s=0.0, last_s=1.0)
    assert "record elsewhere" in sidecar.problem
    with pytest.raises(OutputUnwritableError):
        check_track(tmp_path / "no" / "out.mp4", force=False)


def test_facts_that_are_missing_or_no_numbers():
    nan = float("nan")
    assert cue_of(closed(1, None, 2.0)) is None
    assert cue_of(closed(1, 1.0, nan)) is None
    assert cue_of(closed("a\n\nb", -1.0, 0.1, score=None)) == Cue(0.0, 0.5, "sighting")
    assert webvtt(()) == "WEBVTT\n"


def test_a_track_is_read_by_ffmpeg(tmp_path):
    av = pytest.importorskip("av")
    path = tmp_path / "out.vtt"
    path.write_text(webvtt([Cue(0.0, 1.0, "sighting 1: score 0.93"), Cue(0.5, 2.0, "sighting 2")]))
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux() if packet.size]
    assert packets == [b"sighting 1: score 0.93", b"sighting 2"]


def ended(path, stream_s):
    facts = {"path": str(path), "frames": 1, "bytes": 1}
    return Event(EventKind.RECORDING_ENDED, datetime.now(UTC), stream_s, facts)


def test_what_is_seen_between_two_recordings_is_in_neither(tmp_path):
    with Sidecar() as sidecar:
        sidecar.heard(begun(tmp_path / "a.mp4"))
        sidecar.heard(closed(1, 8.0, 12.0))
        sidecar.heard(ended(tmp_path / "a.mp4", 10.0))
        sidecar.heard(closed(2, 15.0, 16.0))
        sidecar.heard(begun(tmp_path / "b.mp4", 20.0))
        sidecar.heard(closed(3, 21.0, 22.0))
    assert "00:00:08.000 --> 00:00:10.000\nsighting 1" in (tmp_path / "a.vtt").read_text()
    assert "sighting 2" not in (tmp_path / "a.vtt").read_text()
    assert "sighting 3" not in (tmp_path / "a.vtt").read_text()
    assert "00:00:01.000 --> 00:00:02.000\nsighting 3" in (tmp_path / "b.vtt").read_text()
