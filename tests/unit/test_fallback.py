"""A disk that is full or removed, without and with another place to go on."""

import contextlib
import errno
import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
from recording_fakes import Film, small_disk, told

from scr_live.errors import OptionError, OutputUnwritableError, SinkError
from scr_live.events import Journal
from scr_live.sinks.crash_safe import CrashSafeFile
from scr_live.sinks.finishing import Finisher, Patience
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
    assert recorder.problems == [str(caught.value)]


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
        pytest.raises(OutputUnwritableError, match=r"out-0002\.mp4") as caught,
        Recorder(first / "out.mp4", RecorderOptions(segment=Segment(duration_s=1.6))) as recorder,
    ):
        for index in range(60):
            recorder.write(film.picture(index))
    survived, last = recorder.problems
    assert "out-0001.mp4" in survived
    assert last == str(caught.value)
    assert len(film.all_numbers(recorder.paths)) >= 58


def test_a_failure_at_the_very_end_is_raised_or_saved(film, fill, first, second):
    fill(first, 1000, only_at_the_end=True)
    with pytest.raises(OutputUnwritableError, match="No space left"):
        record(film, first / "a.mp4", 10)
    recorder = record(film, first / "b.mp4", 10, fallback=second)
    assert film.all_numbers(recorder.paths) == list(range(10))
    assert len(recorder.problems) == 1


@pytest.fixture
def spoil(first, monkeypatch):
    """spoil(how): make the first folder one that cannot be recorded to."""

    def spoil(how):
        match how:
            case "missing":
                first.rmdir()
            case "full":
                monkeypatch.setattr(
                    "scr_live.sinks.space.free_bytes", lambda folder: 0 if folder == first else None
                )
            case "unwritable":
                monkeypatch.setattr("os.access", lambda path, mode: path != first)
        return first

    return spoil


STATES = {"missing": "does not exist", "full": "0.0 MB are free", "unwritable": "cannot be written to"}


@pytest.mark.parametrize("how", STATES)
@pytest.mark.parametrize("segment", [None, Segment(duration_s=1)])
def test_a_folder_that_cannot_be_recorded_to_at_the_start_is_left_out(film, second, spoil, how, segment):
    first = spoil(how)
    journal, name = Journal(), "out-0001.mp4" if segment else "out.mp4"
    recorder = record(film, first / "out.mp4", 30, fallback=second, segment=segment, journal=journal)
    assert recorder.paths[0] == second / name
    assert film.all_numbers(recorder.paths) == list(range(30))
    (problem,) = recorder.problems
    assert STATES[how] in problem
    assert problem.endswith(f"The recording goes to {second} instead.")
    (failed,) = told(journal, "recording-failed")
    assert failed.facts == {"path": str(first / name), "cause": problem}
    assert told(journal, "recording-started")[0].facts == {"path": str(second / name), "cause": "fallback"}


@pytest.mark.parametrize("how", STATES)
def test_without_a_fallback_such_a_folder_is_an_error_at_once(first, spoil, how):
    spoil(how)
    with pytest.raises(OutputUnwritableError, match=STATES[how]):
        Recorder(first / "out.mp4")


def test_a_fallback_that_is_full_too_is_no_help(first, second, monkeypatch):
    monkeypatch.setattr("scr_live.sinks.space.free_bytes", lambda _: 0)
    with pytest.raises(OutputUnwritableError, match=r"first, and .* The fallback is no help: .*second, and"):
        Recorder(first / "out.mp4", RecorderOptions(fallback=second))


@pytest.mark.parametrize("name", ["folder.mp4", "x" * 300 + ".mp4"])
def test_a_name_that_no_folder_takes_is_refused_with_a_fallback_too(first, second, name):
    (first / "folder.mp4").mkdir()
    with pytest.raises(OutputUnwritableError, match=r"is a folder|too long"):
        Recorder(first / name, RecorderOptions(fallback=second))


def test_a_fallback_replaces_nothing(film, first, second):
    first.rmdir()
    (second / "out.mp4").write_bytes(b"precious")
    recorder = record(film, first / "out.mp4", 3, fallback=second, force=True)
    assert recorder.paths == [second / "out-0001.mp4"]
    assert (second / "out.mp4").read_bytes() == b"precious"


def test_two_recordings_that_meet_in_one_folder_have_names_of_their_own(film, first, second, tmp_path):
    other = tmp_path / "other"
    recorders = [
        Recorder(folder / "out.mp4", RecorderOptions(fallback=second, force=True))
        for folder in (first, other)
        if not folder.mkdir(exist_ok=True)
    ]
    shutil.rmtree(first)
    shutil.rmtree(other)
    with recorders[0], recorders[1]:
        for index in range(30):
            for recorder in recorders:
                recorder.write(film.picture(index))
    assert [recorder.paths for recorder in recorders] == [
        [second / "out-0002.mp4"],
        [second / "out-0003.mp4"],
    ]
    for recorder in recorders:
        assert film.all_numbers(recorder.paths) == list(range(30))


def test_a_name_is_free_again_after_the_end(film, first):
    for _ in range(2):
        recorder = record(film, first / "out.mp4", 3)
        assert recorder.paths == [first / "out.mp4"]
        (first / "out.mp4").unlink()


def test_a_fallback_is_checked_beforehand(tmp_path, first, second):
    with pytest.raises(OutputUnwritableError, match=r"^--record-fallback: .*nowhere does not exist"):
        Recorder(first / "out.mp4", RecorderOptions(fallback=tmp_path / "nowhere"))
    (tmp_path / "link").symlink_to(first)
    with pytest.raises(OptionError, match=r"^--record-fallback: .* cannot fall back"):
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
    kept = set(film.all_numbers(recorder.paths))
    assert kept == set(range(len(kept)))  # where both fail, some may be in both


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_a_failing_disk_had_not_confirmed_is_saved_elsewhere(film, first, second, suffix, monkeypatch):
    confirmed, breaks = [], threading.Event()

    class Weakens(CrashSafeFile):
        def sync(self):
            if self.path.parent == first and breaks.is_set():
                raise OSError(errno.EIO, "Input/output error")
            super().sync()
            confirmed.append((self.path.parent, self.synced_size))

    monkeypatch.setattr("scr_live.sinks.muxing.CrashSafeFile", Weakens)
    path, count = first / f"out{suffix}", 0
    recorder = Recorder(path, RecorderOptions(fallback=second, safety="frame"))
    with recorder:
        while len(confirmed) < 3:
            recorder.write(film.picture(count))
            count += 1
        breaks.set()
        while not recorder.problems:
            recorder.write(film.picture(count))
            count += 1
    assert film.all_numbers(recorder.paths) == [number % 256 for number in range(count)]
    assert recorder.paths == [path, second / f"out-0002{suffix}"]
    assert path.stat().st_size <= max(size for folder, size in confirmed if folder == first)
    assert f"Its first {len(film.numbers(path))} frames are safe and readable" in recorder.problems[0]


class NeverConfirms(CrashSafeFile):
    """Its disk takes everything, and says at the end that it could not."""

    def sync(self):
        pass

    def finish(self):
        if self.path.parent.name == "first":
            raise OSError(errno.EIO, "Input/output error")
        super().finish()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_end_that_the_disk_does_not_confirm_is_saved_elsewhere(film, first, second, suffix, monkeypatch):
    monkeypatch.setattr("scr_live.sinks.muxing.CrashSafeFile", NeverConfirms)
    recorder = record(film, first / f"out{suffix}", 40, fallback=second)
    assert recorder.paths == [second / f"out-0002{suffix}"]
    assert film.numbers(recorder.paths[0]) == list(range(40))
    assert list(first.iterdir()) == []


def test_memory_bounds_what_is_kept_for_a_disk_that_does_not_confirm(film, first, second, monkeypatch):
    monkeypatch.setattr("scr_live.sinks.movie._KEPT_BYTES", 50 * 64 * 48 * 3 // 2)
    monkeypatch.setattr("scr_live.sinks.muxing.CrashSafeFile", NeverConfirms)
    recorder = record(film, first / "out.mp4", 200, fallback=second)
    assert film.all_numbers(recorder.paths) == list(range(200))
    kept = len(film.numbers(first / "out.mp4"))
    assert 200 - kept == 50
    assert f"Its first {kept} frames are readable" in recorder.problems[0]
    assert "confirmed 0 of them" in recorder.problems[0]


def test_without_a_fallback_nothing_readable_is_cut_off(film, first, monkeypatch):
    monkeypatch.setattr("scr_live.sinks.muxing.CrashSafeFile", NeverConfirms)
    with pytest.raises(OutputUnwritableError, match=r"first 40 frames are readable .* confirmed 0 of them"):
        record(film, first / "out.mp4", 40)
    assert film.numbers(first / "out.mp4") == list(range(40))


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


def test_all_ends_together_take_the_patience_for_one(monkeypatch):
    monkeypatch.setattr("scr_live.sinks.finishing._PATIENCE_S", 0.1)
    over, patience = threading.Event(), Patience()
    for name in ("a.mp4", "b.mp4"):
        finisher = Finisher()
        finisher.begin(over.wait, Path(name))
        with pytest.raises(TimeoutError, match="not answered"):
            finisher.wait(patience)
        assert patience.left_s == 0
    over.set()


def test_a_muxer_in_which_a_thread_hangs_is_left_alone(film, first, monkeypatch):
    monkeypatch.setattr("scr_live.sinks.finishing._PATIENCE_S", 0.2)
    hangs, let_go, inside = threading.Event(), threading.Event(), []

    class Hangs(CrashSafeFile):
        def write(self, data):
            inside.append(threading.current_thread().name)
            if self.size > 3000 and not let_go.is_set():
                hangs.set()
                assert let_go.wait(30)
            return super().write(data)

    monkeypatch.setattr("scr_live.sinks.muxing.CrashSafeFile", Hangs)
    journal = Journal()
    recorder = Recorder(first / "out.mp4", journal=journal)

    def write_on():
        with contextlib.suppress(SinkError):  # it has ended meanwhile
            for index in range(200):
                recorder.write(film.picture(index))

    worker = threading.Thread(target=write_on, name="worker")
    worker.start()
    assert hangs.wait(30)
    with pytest.raises(OutputUnwritableError, match=r"not ended: .*`scr-live repair`") as caught, recorder:
        pass
    assert recorder.problems == [str(caught.value)]
    assert [event.facts["path"] for event in told(journal, "recording-failed")] == [str(first / "out.mp4")]
    assert set(inside) == {"worker"}
    left = film.numbers(first / "out.mp4")
    assert left == list(range(len(left)))
    let_go.set()
    worker.join()
    assert film.numbers(first / "out.mp4")[: len(left)] == left
    assert "recording-ended" in journal.counts  # by whoever came back


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
