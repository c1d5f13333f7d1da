"""Recordings that are started and stopped while pictures go on; a clock by hand."""

import threading
from pathlib import Path

import pytest
from recording_fakes import Film, small_disk, told

from scr_live.app.deidentified import Deidentified
from scr_live.errors import OutputUnwritableError
from scr_live.events import EventKind, Journal
from scr_live.files import dated, named_later
from scr_live.frames import Frame, Picture
from scr_live.pipeline.channel import Channel, Overflow
from scr_live.pipeline.outputs import Outputs
from scr_live.pipeline.stages import NamedSink
from scr_live.pipeline.timing import Timings
from scr_live.sinks import muxing
from scr_live.sinks.options import RecorderOptions, Segment
from scr_live.sinks.recorder import Recorder
from scr_live.sinks.switched import SwitchedRecorder
from scr_live.sinks.targets import fresh


@pytest.fixture
def film(numbered, number_in):
    return Film(numbered, number_in)


class Run:
    """Pictures captured one a second, seen by a switched recorder when they are written."""

    def __init__(self, folder, film, *, options=None, first=None):
        self.folder = folder
        self.now = 0.0
        self.film = film
        self.count = 0
        self.journal = Journal()
        self.answers = []
        self.recorder = SwitchedRecorder(
            lambda path: Recorder(path, options, journal=self.journal),
            lambda: folder / f"take-{len(list(folder.iterdir()))}.mp4",
            first=first,
            journal=self.journal,
            clock=lambda: self.now,
        )

    def captured(self):
        """The next picture, at the next second."""
        self.now += 1
        picture = self.film.picture(self.count)
        self.count += 1
        frame = Frame(picture.frame.image, picture.frame.index, picture.frame.pts_s, self.now)
        return Picture(frame, None, picture.image)

    def write(self, count):
        for _ in range(count):
            self.recorder.write(self.captured())

    def switch(self, *, on):
        self.now += 0.5
        self.recorder.switch(on=on, answer=self.answers.append)

    def numbers(self):
        return [self.film.numbers(path) for path in self.recorder.paths]


def test_each_start_is_a_file_with_exactly_the_pictures_captured_meanwhile(tmp_path, film):
    run = Run(tmp_path, film)
    with run.recorder:
        run.write(3)
        run.switch(on=True)
        run.write(5)
        run.switch(on=False)
        run.write(2)
        run.switch(on=True)
        run.write(4)
        assert run.recorder.written == 9
    assert run.answers == ["", "", ""]
    assert run.numbers() == [[3, 4, 5, 6, 7], [10, 11, 12, 13]]
    assert run.recorder.written == 9
    assert [event.facts["frames"] for event in told(run.journal, EventKind.RECORDING_ENDED)] == [5, 4]


def test_what_waits_before_the_recorder_is_recorded_as_it_was_meant_when_it_was_captured(tmp_path, film):
    run = Run(tmp_path, film)
    before = [run.captured() for _ in range(2)]
    run.switch(on=True)
    meanwhile = [run.captured() for _ in range(3)]
    run.switch(on=False)
    after = [run.captured() for _ in range(2)]
    with run.recorder:
        for picture in [*before, *meanwhile, *after]:
            run.recorder.write(picture)
    assert run.numbers() == [[2, 3, 4]]


def test_a_recording_from_the_start_goes_on_in_another_file_after_a_stop(tmp_path, film):
    run = Run(tmp_path, film, first=Recorder(tmp_path / "out.mp4"))
    with run.recorder:
        assert run.recorder.is_on
        run.write(2)
        run.switch(on=False)
        run.write(1)
        assert run.recorder.state() is None
        run.switch(on=True)
        run.write(1)
    assert run.numbers() == [[0, 1], [3]]
    assert run.recorder.paths[0] == tmp_path / "out.mp4"


def test_switching_to_what_is_so_already_changes_nothing(tmp_path, film):
    run = Run(tmp_path, film)
    with run.recorder:
        run.switch(on=False)
        run.switch(on=True)
        run.switch(on=True)
        run.write(2)
    assert run.answers == ["", "", ""]
    assert run.numbers() == [[0, 1]]


def test_segments_are_files_of_the_recording_that_is_on(tmp_path, film):
    run = Run(tmp_path, film, options=RecorderOptions(segment=Segment(duration_s=1.0)))
    with run.recorder:
        run.switch(on=True)
        run.write(60)
        run.switch(on=False)
        run.write(1)
    assert [path.name for path in run.recorder.paths] == [f"take-0-000{n}.mp4" for n in (1, 2, 3)]
    assert film.all_numbers(run.recorder.paths) == list(range(60))


def test_a_start_on_a_full_disk_is_told_and_ends_nothing(tmp_path, film, monkeypatch):
    run = Run(tmp_path, film)
    monkeypatch.setattr("scr_live.sinks.space.free_bytes", lambda folder: 1000)
    with run.recorder:
        run.switch(on=True)
        run.write(2)
        assert "are free there" in run.answers[0]
        assert not run.recorder.is_on
        monkeypatch.setattr("scr_live.sinks.space.free_bytes", lambda folder: 10**12)
        run.switch(on=True)
        run.write(2)
    assert run.answers[1] == ""
    assert run.numbers() == [[2, 3]]
    (failed,) = told(run.journal, EventKind.RECORDING_FAILED)
    assert failed.facts["path"] == str(tmp_path / "take-0.mp4")


def test_a_start_on_a_full_disk_goes_to_the_fallback(tmp_path, film, monkeypatch):
    home, refuge = tmp_path / "home", tmp_path / "refuge"
    home.mkdir()
    refuge.mkdir()
    run = Run(home, film, options=RecorderOptions(fallback=refuge, safety="frame"))
    monkeypatch.setattr("scr_live.sinks.space.free_bytes", lambda folder: 10**12 * (folder == refuge))
    with run.recorder:
        run.switch(on=True)
        run.write(3)
        assert "goes to" in run.recorder.state().problem
    assert run.answers == [""]
    assert run.recorder.paths == [refuge / "take-0.mp4"]
    assert run.numbers() == [[0, 1, 2]]


def test_a_disk_that_fills_up_ends_the_recording_alone_and_another_can_begin(tmp_path, film, monkeypatch):
    run = Run(tmp_path, film)
    whole = muxing.CrashSafeFile
    monkeypatch.setattr(muxing, "CrashSafeFile", small_disk(tmp_path, 20_000))
    with pytest.raises(OutputUnwritableError, match="No space left"), run.recorder:  # noqa: PT012
        run.switch(on=True)
        run.write(400)
        assert not run.recorder.is_on
        assert run.recorder.has_failed
        assert "No space left" in run.recorder.state().problem
        monkeypatch.setattr(muxing, "CrashSafeFile", whole)
        run.switch(on=True)
        run.write(2)
        assert not run.recorder.has_failed
        assert run.recorder.state().problem == ""
    first, second = run.numbers()
    assert first == list(range(len(first)))
    assert second == [400 % 256, 401 % 256]
    assert any("No space left" in problem for problem in run.recorder.problems)


def test_a_stop_acknowledges_a_failure(tmp_path, film, monkeypatch):
    run = Run(tmp_path, film)
    monkeypatch.setattr(muxing, "CrashSafeFile", small_disk(tmp_path, 20_000))
    with pytest.raises(OutputUnwritableError), run.recorder:  # noqa: PT012
        run.switch(on=True)
        run.write(400)
        run.switch(on=False)
        run.write(1)
        assert not run.recorder.has_failed
        assert run.recorder.state() is None


def test_once_closed_it_refuses(tmp_path, film):
    run = Run(tmp_path, film)
    with run.recorder:
        run.switch(on=True)
    run.switch(on=True)
    assert all("has ended" in answer for answer in run.answers)
    assert len(run.answers) == 2
    assert list(tmp_path.iterdir()) == []


def test_how_it_does_is_told_with_its_length(tmp_path, film):
    run = Run(tmp_path, film)
    with run.recorder:
        assert run.recorder.state() is None
        run.switch(on=True)
        run.write(50)
        state = run.recorder.state()
        assert state.frames == 50
        assert state.elapsed_s == pytest.approx(2.0, abs=0.05)
        assert state.free_bytes > 0


def test_no_thread_stays_behind(tmp_path, film):
    before = set(threading.enumerate())
    run = Run(tmp_path, film)
    with run.recorder:
        for on in (True, False, True):
            run.switch(on=on)
            run.write(1)
    assert set(threading.enumerate()) == before


# --- around it ------------------------------------------------------------------------------------------


class Margins:
    def __init__(self):
        self.followed, self.made = 0, 0
        self.hides_all = False

    def follow(self, picture):
        self.followed += 1

    def picture(self, picture):
        self.made += 1
        return picture


def test_the_field_is_followed_while_nothing_is_recorded_and_no_picture_is_made(tmp_path, film):
    run = Run(tmp_path, film)
    sink = Deidentified(run.recorder, is_idle=lambda: run.recorder.is_idle)
    sink._margins = margins = Margins()
    with run.recorder:
        for _ in range(3):
            sink.write(run.captured())
        assert (margins.followed, margins.made, sink.written) == (3, 0, 0)
        run.switch(on=True)
        sink.write(run.captured())
        assert (margins.followed, margins.made, sink.written) == (4, 1, 1)


def outputs_of(run):
    channel = Channel("to-disk", 8, Overflow.DROP_OLDEST)
    timings = Timings("recorder")
    named = NamedSink("recorder", run.recorder, "to-disk", run.recorder)
    return Outputs([named], {"recorder": channel}, timings, are_all=True), timings


def test_pictures_that_pass_an_idle_recorder_are_neither_timed_nor_counted(tmp_path, film):
    run = Run(tmp_path, film)
    outputs, timings = outputs_of(run)
    (output,) = outputs._all
    with run.recorder:
        for _ in range(3):
            output(run.captured())
        assert outputs.written == {"recorder": 0}
        assert timings.stages()["recorder"].count == 0
        run.switch(on=True)
        output(run.captured())
        assert outputs.written == {"recorder": 1}
        assert timings.stages()["recorder"].count == 1


def test_a_recording_that_failed_counts_as_a_sink_that_failed(tmp_path, film, monkeypatch):
    run = Run(tmp_path, film)
    outputs, _ = outputs_of(run)
    assert outputs.failed == []
    monkeypatch.setattr(muxing, "CrashSafeFile", small_disk(tmp_path, 20_000))
    with pytest.raises(OutputUnwritableError), run.recorder:  # noqa: PT012
        run.switch(on=True)
        run.write(400)
        assert outputs.failed == ["recorder"]
        assert outputs.have_all_failed


def test_names_of_later_recordings_are_new_each_time(tmp_path):
    pattern = named_later(tmp_path / "out.mp4")
    assert pattern == tmp_path / "out-{time}.mp4"
    assert named_later(pattern) == pattern
    assert dated(Path("x.mp4")) == Path("x.mp4")


def test_two_starts_of_one_second_have_two_names_and_a_track_counts(tmp_path, monkeypatch):
    monkeypatch.setattr("scr_live.sinks.targets.dated", lambda path: path.with_name("a[1].mp4"))
    names = []
    for suffix in (".mp4", ".vtt", "-0001.mp4", ".mp4"):
        names.append(fresh(tmp_path / "{time}.mp4").name)
        (tmp_path / names[-1]).with_suffix("").with_name(Path(names[-1]).stem + suffix).touch()
    assert names == ["a[1].mp4", "a[1]-2.mp4", "a[1]-3.mp4", "a[1]-4.mp4"]


def test_where_no_thread_can_be_had_a_recording_is_ended_all_the_same(tmp_path, film, monkeypatch):
    run = Run(tmp_path, film)
    start = threading.Thread.start

    def refused(thread):
        if thread.name == "recording-end":
            raise RuntimeError("can't start new thread")
        start(thread)

    with run.recorder:
        run.switch(on=True)
        run.write(3)
        monkeypatch.setattr(threading.Thread, "start", refused)
        run.switch(on=False)
        run.write(2)
        assert run.numbers() == [[0, 1, 2]]
