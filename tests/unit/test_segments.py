import threading

import pytest
from recording_fakes import FPS, Film, first_packet, told

from scr_live.errors import OptionError, OutputExistsError
from scr_live.events import Journal
from scr_live.sinks.crash_safe import CrashSafeFile
from scr_live.sinks.options import RecorderOptions, Segment, parse_segment
from scr_live.sinks.recorder import Recorder

SUFFIXES = (".mp4", ".mov", ".mkv")
SAFETIES = ("second", "frame")


@pytest.fixture
def film(numbered, number_in):
    return Film(numbered, number_in)


def options(duration_s=None, size_bytes=None, **kwargs):
    return RecorderOptions(segment=Segment(duration_s, size_bytes), nominal_fps=FPS, **kwargs)


def record(film, path, count, options, **kwargs):
    with Recorder(path, options, **kwargs) as recorder:
        for index in range(count):
            recorder.write(film.picture(index))
    return recorder


# --- how a length is written ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "segment"),
    [
        ("10min", Segment(duration_s=600)),
        ("90s", Segment(duration_s=90)),
        ("1h", Segment(duration_s=3600)),
        ("1.5 h", Segment(duration_s=5400)),
        ("1s", Segment(duration_s=1)),
        ("500MB", Segment(size_bytes=500_000_000)),
        ("2gb", Segment(size_bytes=2_000_000_000)),
    ],
)
def test_a_length_is_read(text, segment):
    assert parse_segment(text) == segment


@pytest.mark.parametrize(
    "text", ["", "10", "min", "10 parsecs", "-5min", "0s", "0.5s", "0.9MB", "1e3s", "10min5s"]
)
def test_a_length_that_is_none_gets_examples(text):
    with pytest.raises(OptionError, match=r"10min.*2GB"):
        parse_segment(text)


# --- seams ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("safety", SAFETIES)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_frame_is_lost_or_doubled_at_a_seam(tmp_path, film, suffix, safety):
    recorder = record(film, tmp_path / f"out{suffix}", 70, options(duration_s=1, safety=safety))
    assert [path.name for path in recorder.paths] == [f"out-000{n}{suffix}" for n in (1, 2, 3)]
    assert sorted(tmp_path.iterdir()) == recorder.paths
    assert [len(film.numbers(path)) for path in recorder.paths] == [25, 25, 20]
    assert film.all_numbers(recorder.paths) == list(range(70))
    for path in recorder.paths:
        packet = first_packet(path)
        assert packet.is_keyframe
        assert packet.pts == 0
    assert recorder.problems == []


def test_the_journal_maps_positions(tmp_path, film):
    journal = Journal()
    recorder = record(film, tmp_path / "out.mp4", 60, options(duration_s=1), journal=journal)
    begun = told(journal, "recording-started")
    assert [event.facts["cause"] for event in begun] == ["start", "segment", "segment"]
    assert [event.facts["path"] for event in begun] == [str(path) for path in recorder.paths]
    assert [event.stream_s for event in begun] == pytest.approx([0, 1, 2])
    # Files are ended beside the recording, each in its own time: the path says which it is.
    ended = {event.facts["path"]: event.facts for event in told(journal, "recording-ended")}
    assert [ended[str(path)]["frames"] for path in recorder.paths] == [25, 25, 10]
    assert [ended[str(path)]["bytes"] for path in recorder.paths] == [
        path.stat().st_size for path in recorder.paths
    ]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_file_grows_past_its_size(tmp_path, film, suffix):
    recorder = record(film, tmp_path / f"out{suffix}", 120, options(size_bytes=12_000))
    sizes = [path.stat().st_size for path in recorder.paths]
    assert len(sizes) > 1
    assert max(sizes) <= 12_000
    assert film.all_numbers(recorder.paths) == list(range(120))


def test_a_size_too_small_for_one_frame_still_records_every_frame(tmp_path, film):
    recorder = record(film, tmp_path / "out.mp4", 4, options(size_bytes=1))
    assert film.all_numbers(recorder.paths) == [0, 1, 2, 3]


def test_a_slow_end_holds_up_only_a_second_one(tmp_path, film, monkeypatch):
    disk_answers, ending = threading.Event(), threading.Semaphore(0)

    class SlowEnd(CrashSafeFile):
        def finish(self):
            ending.release()
            assert disk_answers.wait(30)
            super().finish()

    monkeypatch.setattr("scr_live.sinks.muxing.CrashSafeFile", SlowEnd)
    with Recorder(tmp_path / "out.mp4", options(duration_s=1)) as recorder:
        for index in range(50):  # up to the next seam
            recorder.write(film.picture(index))
        assert ending.acquire(timeout=30)
        assert len(recorder.paths) == 2
        worker = threading.Thread(target=lambda: recorder.write(film.picture(50)))
        worker.start()
        disk_answers.set()
        worker.join()
        assert len(recorder.paths) == 3
    assert film.all_numbers(recorder.paths) == list(range(51))


# --- names ------------------------------------------------------------------------------------------------


def test_the_first_name_is_refused_if_it_is_taken(tmp_path, film):
    (tmp_path / "out-0001.mp4").write_bytes(b"precious")
    with pytest.raises(OutputExistsError, match="out-0001"):
        Recorder(tmp_path / "out.mp4", options(duration_s=1))
    (tmp_path / "out.mp4").write_bytes(b"another's")
    recorder = record(film, tmp_path / "out.mp4", 30, options(duration_s=1, force=True))
    assert [path.name for path in recorder.paths] == ["out-0001.mp4", "out-0002.mp4"]
    assert (tmp_path / "out.mp4").read_bytes() == b"another's"


def test_a_later_name_that_is_taken_is_passed_over(tmp_path, film):
    (tmp_path / "out-0002.mp4").write_bytes(b"precious")
    recorder = record(film, tmp_path / "out.mp4", 30, options(duration_s=1))
    assert [path.name for path in recorder.paths] == ["out-0001.mp4", "out-0003.mp4"]
    assert (tmp_path / "out-0002.mp4").read_bytes() == b"precious"
    assert film.all_numbers(recorder.paths) == list(range(30))


def test_force_replaces_numbered_files_but_none_that_nobody_foresaw(tmp_path, film):
    for name in ("a-0001.mp4", "a-0002.mp4", "b.mp4", "b-0002.mp4"):
        (tmp_path / name).write_bytes(b"old")
    record(film, tmp_path / "a.mp4", 30, options(duration_s=1, force=True))
    assert film.all_numbers([tmp_path / "a-0001.mp4", tmp_path / "a-0002.mp4"]) == list(range(30))
    with Recorder(tmp_path / "b.mp4", RecorderOptions(force=True)) as recorder:
        recorder.write(film.picture(0))
        recorder.write(film.picture(1, size=(128, 48)))
    assert [path.name for path in recorder.paths] == ["b.mp4", "b-0003.mp4"]
    assert (tmp_path / "b-0002.mp4").read_bytes() == b"old"
