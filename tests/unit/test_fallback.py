"""A disk that is full or removed, without and with another place to go on."""

import errno
import os
import shutil
import subprocess
import threading

import pytest
from recording_fakes import Film, small_disk, told

from scr_live.errors import OptionError, OutputUnwritableError
from scr_live.events import Journal
from scr_live.sinks.crash_safe import CrashSafeFile
from scr_live.sinks.options import RecorderOptions, Segment
from scr_live.sinks.recorder import Recorder

SAFETIES = ("second", "frame")
SUFFIXES = (".mp4", ".mov", ".mkv")


@pytest.fixture
def film(numbered, number_in):
    return Film(numbered, number_in)


@pytest.fixture
def first(tmp_path):
    (tmp_path / "first").mkdir()
    return tmp_path / "first"


@pytest.fixture
def second(tmp_path):
    (tmp_path / "second").mkdir()
    return tmp_path / "second"


@pytest.fixture
def fill(monkeypatch):
    def fill(folder, size, **kwargs):
        monkeypatch.setattr("scr_live.sinks.muxing.CrashSafeFile", small_disk(folder, size, **kwargs))

    return fill


@pytest.fixture
def full_soon(first, fill):
    fill(first, 4000)
    return first


def record(film, path, count, *, journal=None, **kwargs):
    with Recorder(path, RecorderOptions(nominal_fps=25, **kwargs), journal=journal) as recorder:
        for index in range(count):
            recorder.write(film.picture(index))
    return recorder


@pytest.mark.parametrize("safety", SAFETIES)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_it_goes_on_elsewhere_and_no_frame_is_missing(film, full_soon, second, suffix, safety):
    first = full_soon
    journal = Journal()
    path = first / f"out{suffix}"
    recorder = record(film, path, 90, safety=safety, fallback=second, journal=journal)
    assert recorder.paths == [path, second / f"out-0002{suffix}"]
    assert film.all_numbers(recorder.paths) == list(range(90))
    assert 0 < len(film.numbers(path)) < 90
    (problem,) = recorder.problems
    assert "No space left on device" in problem
    assert f"first {len(film.numbers(path))} frames are safe and readable in {path}" in problem
    assert problem.endswith(f"It went on in {recorder.paths[1]}.")
    assert recorder.state().problem == problem
    (failed,) = told(journal, "recording-failed")
    assert failed.facts == {"path": str(path), "cause": "No space left on device"}
    causes = [event.facts["cause"] for event in told(journal, "recording-started")]
    assert causes == ["start", "fallback"]
    began_s = told(journal, "recording-started")[1].stream_s
    assert began_s == pytest.approx(len(film.numbers(path)) / 25)


def test_a_disk_that_is_full_from_the_start_costs_nothing_either(film, fill, first, second):
    fill(first, 10)
    record(film, first / "out.mp4", 30, fallback=second)
    assert list(first.iterdir()) == []
    assert film.numbers(second / "out-0002.mp4") == list(range(30))


def test_without_a_fallback_the_recording_ends(film, fill, first):
    fill(first, 9000)
    recorder = Recorder(first / "out.mp4")
    with pytest.raises(OutputUnwritableError, match="No space left") as caught, recorder:  # noqa: PT012 - the order counts
        for index in range(200):
            recorder.write(film.picture(index))
    safe = film.numbers(first / "out.mp4")
    assert safe == list(range(len(safe)))
    assert f"first {len(safe)} frames are safe" in str(caught.value)
    assert recorder.state().problem == str(caught.value)


def test_if_the_fallback_fails_too_the_recording_ends(film, fill, first, second):
    fill(first, 9000)
    recorder = Recorder(first / "out.mp4", RecorderOptions(fallback=second))
    with pytest.raises(OutputUnwritableError, match=r"second.*removed or replaced"), recorder:  # noqa: PT012 - the order counts
        index = 0
        while len(recorder.paths) < 2:
            recorder.write(film.picture(index))
            index += 1
        shutil.rmtree(second)
        while True:  # until the next look at the file
            recorder.write(film.picture(index))
            index += 1
    assert "No space left on device" in recorder.problems[0]


@pytest.mark.parametrize("safety", SAFETIES)
def test_a_folder_that_is_removed_is_noticed_while_recording(film, first, second, safety):
    recorder = Recorder(first / "out.mp4", RecorderOptions(fallback=second, safety=safety))
    with recorder:
        for index in range(30):
            recorder.write(film.picture(index))
        shutil.rmtree(first)
        while not recorder.problems:
            index += 1
            recorder.write(film.picture(index))
    assert recorder.paths == [second / "out-0002.mp4"]
    numbers = film.numbers(second / "out-0002.mp4")
    assert numbers[-1] == index % 256
    assert "removed or replaced" in recorder.problems[0]


def test_a_segment_whose_end_fails_leaves_its_last_frames_elsewhere(film, fill, first, second):
    fill(first, 9000, only_at_the_end=True)
    journal = Journal()
    recorder = record(
        film, first / "out.mp4", 60, segment=Segment(duration_s=1.6), fallback=second, journal=journal
    )
    assert sorted(film.all_numbers(recorder.paths)) == list(range(60))
    assert recorder.path == first / "out-0002.mp4"
    saved = [path for path in recorder.paths if path.parent == second]
    assert [len(film.numbers(path)) for path in saved] == [1, 1]  # what the muxer held, of both files
    assert [
        f"What it had not saved is in {path}." in recorder.problems[n] for n, path in enumerate(saved)
    ] == [True] * 2
    assert len(told(journal, "recording-failed")) == 2


def test_frames_that_an_end_could_not_save_follow_a_recording_that_has_moved(
    film, first, second, monkeypatch
):
    """The end of the first file fails only after the second has failed too and the recording has moved on."""
    moved = threading.Event()

    class EndFails(CrashSafeFile):
        def write(self, data):
            if self.path.parent == first and not self.closed:
                if threading.current_thread().name == "recorder-finish":
                    assert moved.wait(30)
                    raise OSError(errno.ENOSPC, "No space left on device")
                if self.path.stem.startswith("out-0002"):
                    raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data)

    monkeypatch.setattr("scr_live.sinks.muxing.CrashSafeFile", EndFails)
    recorder = Recorder(first / "out.mp4", RecorderOptions(segment=Segment(duration_s=1), fallback=second))
    with recorder:
        for index in range(40):
            recorder.write(film.picture(index))
        assert recorder.path.parent == second
        moved.set()
    assert sorted(film.all_numbers(recorder.paths)) == list(range(40))


def test_an_end_that_fails_without_a_fallback_is_a_problem_of_a_recording_that_goes_on(film, fill, first):
    fill(first, 6000, only_at_the_end=True)
    with (  # noqa: PT012 - the order counts
        pytest.raises(OutputUnwritableError),
        Recorder(first / "out.mp4", RecorderOptions(segment=Segment(duration_s=1.6))) as recorder,
    ):
        for index in range(60):
            recorder.write(film.picture(index))
    (problem,) = recorder.problems
    assert "out-0001.mp4" in problem
    assert len(film.all_numbers(recorder.paths)) >= 58


def test_a_failure_at_the_very_end_is_raised_or_saved(film, fill, first, second):
    fill(first, 1000, only_at_the_end=True)
    with pytest.raises(OutputUnwritableError, match="No space left"):
        record(film, first / "a.mp4", 10)
    recorder = record(film, first / "b.mp4", 10, fallback=second)
    assert film.all_numbers(recorder.paths) == list(range(10))
    assert len(recorder.problems) == 1


def test_a_fallback_is_checked_beforehand(tmp_path, first, second):
    with pytest.raises(OutputUnwritableError, match="does not exist"):
        Recorder(first / "out.mp4", RecorderOptions(fallback=tmp_path / "nowhere"))
    (tmp_path / "link").symlink_to(first)
    with pytest.raises(OptionError, match="cannot fall back"):
        Recorder(first / "out.mp4", RecorderOptions(fallback=tmp_path / "link"))


def test_a_sync_that_fails_is_a_failed_write(film, first, second, monkeypatch):
    failed = threading.Event()

    def broken_disk(number):
        if os.fstat(number).st_size:
            failed.set()
            raise OSError(5, "Input/output error")

    monkeypatch.setattr("scr_live.sinks.crash_safe.sync_data", broken_disk)
    recorder = Recorder(first / "out.mp4", RecorderOptions(fallback=second))
    index = 0
    with pytest.raises(OutputUnwritableError, match="Input/output error"), recorder:  # noqa: PT012 - the order counts
        while True:  # the fallback's disk breaks too
            recorder.write(film.picture(index))
            index += 1
    assert failed.is_set()
    assert "Input/output error" in recorder.problems[0]
    kept = film.all_numbers(recorder.paths)
    assert kept == [number % 256 for number in range(len(kept))]


@pytest.fixture
def hang(monkeypatch):
    """hang(folder): files there are never ended, until the test is over."""
    over = threading.Event()

    def hang(folder):
        class NeverEnds(CrashSafeFile):
            def finish(self):
                if self.path.parent == folder:
                    assert over.wait(30)
                super().finish()

        monkeypatch.setattr("scr_live.sinks.muxing.CrashSafeFile", NeverEnds)
        monkeypatch.setattr("scr_live.sinks.finishing._PATIENCE_S", 1.0)

    yield hang
    over.set()


def test_a_disk_that_never_answers_again_holds_up_no_later_file(film, hang, first, second):
    hang(first)
    recorder = Recorder(first / "out.mp4", RecorderOptions(segment=Segment(duration_s=1), fallback=second))
    with pytest.raises(OutputUnwritableError, match=r"not ended: .* not answered"), recorder:  # noqa: PT012 - the order counts
        for index in range(110):
            recorder.write(film.picture(index))
    assert film.all_numbers(recorder.paths) == list(range(110))
    assert len([path for path in recorder.paths if path.parent == second]) > 1


def test_a_disk_that_never_answers_again_does_not_hold_up_the_end(film, hang, first):
    hang(first)
    with pytest.raises(OutputUnwritableError, match="scr-live repair"):
        record(film, first / "out.mp4", 20)
    assert film.numbers(first / "out.mp4") == list(range(20))


@pytest.fixture
def real_disk(tmp_path):
    """A file system of a megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no small file system here: {done.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def noise(film, index, rng):
    picture = film.picture(index, size=(320, 240))
    image = picture.image.copy()
    image[:100] = rng.integers(0, 255, (100, 320, 3), dtype="uint8")  # costs bytes; the number stays readable
    return type(picture)(picture.frame, None, image)


def test_a_real_disk_runs_full(film, real_disk, second, rng):
    recorder = Recorder(real_disk / "out.mp4", RecorderOptions(fallback=second, room_s=0))
    with recorder:
        index = 0
        while len(recorder.paths) < 2:
            recorder.write(noise(film, index, rng))
            index += 1
    assert film.all_numbers(recorder.paths) == [number % 256 for number in range(index)]
    assert len(film.numbers(real_disk / "out.mp4")) > 20


def test_a_real_disk_that_is_too_small_is_refused(real_disk):
    with pytest.raises(OutputUnwritableError, match=r"needs about .* MB .* free"):
        Recorder(real_disk / "out.mp4")
