"""What is on the disk, and when. That power really goes is not tried; what is unsynced then is counted."""

import os
import threading

import pytest
from recording_fakes import Film

from scr_live.sinks import crash_safe
from scr_live.sinks.crash_safe import CrashSafeFile
from scr_live.sinks.options import RecorderOptions, Segment
from scr_live.sinks.recorder import Recorder
from scr_live.sinks.syncing import Syncer, pause_for


class Disk:
    """A disk that takes its time and counts."""

    def __init__(self):
        self.asked = threading.Semaphore(0)
        self.answers = threading.Semaphore(0)
        self.done = threading.Semaphore(0)
        self.calls = 0

    def sync(self):
        self.calls += 1
        self.asked.release()
        assert self.answers.acquire(timeout=30)
        self.done.release()


@pytest.fixture
def disk():
    return Disk()


@pytest.fixture
def syncer(disk):
    """syncer(pause_s): one that is closed in the end, without a last sync."""
    made = []

    def start(pause_s):
        made.append(Syncer(disk.sync, pause_s=pause_s))
        return made[0]

    yield start
    disk.answers.release(100)  # whoever still waits
    for each in made:
        each.close()


def test_a_slow_disk_delays_nobody_and_one_sync_covers_what_came_meanwhile(disk, syncer):
    syncer = syncer(0)
    syncer.written()
    assert disk.asked.acquire(timeout=30)
    for _ in range(1000):
        syncer.written()
    disk.answers.release()
    assert disk.asked.acquire(timeout=30)  # the second one
    disk.answers.release()
    assert disk.done.acquire(timeout=30)
    syncer.close()
    assert disk.calls == 2


def test_between_two_syncs_is_a_pause(disk, syncer):
    syncer = syncer(3600)
    syncer.written()
    assert disk.asked.acquire(timeout=30)
    disk.answers.release()
    assert disk.done.acquire(timeout=30)
    syncer.written()
    syncer.close()
    assert disk.calls == 1  # the end does not wait for the pause


def test_a_last_sync_covers_what_is_new(disk, syncer):
    syncer = syncer(3600)
    syncer.written()
    assert disk.asked.acquire(timeout=30)
    syncer.written()
    disk.answers.release(2)
    syncer.close(last=True)
    assert disk.calls == 2


def test_a_last_sync_of_nothing_new_is_none(disk, syncer):
    syncer(0).close(last=True)
    assert disk.calls == 0


def test_a_file_that_is_closed_under_it_ends_it():
    def closed():
        raise ValueError("I/O operation on closed file")

    syncer = Syncer(closed, pause_s=0)
    syncer.written()
    syncer.close(last=True)
    syncer.check()


def test_a_failure_is_raised_where_it_can_be_handled():
    failed = threading.Event()

    def broken():
        failed.set()
        raise OSError(5, "Input/output error")

    syncer = Syncer(broken, pause_s=0)
    syncer.check()
    syncer.written()
    assert failed.wait(30)
    syncer.close()
    with pytest.raises(OSError, match="Input/output"):
        syncer.check()


def test_to_the_frame_there_is_no_pause_and_to_the_second_half_of_one():
    assert pause_for("frame") == 0
    assert 0 < pause_for("second") <= 0.5


# --- in a recording ---------------------------------------------------------------------------------------


@pytest.fixture
def film(numbered, number_in):
    return Film(numbered, number_in)


@pytest.fixture
def synced(monkeypatch):
    """File sizes at each sync, as they come."""
    sizes, change = [], threading.Condition()
    real = crash_safe.sync_data

    def sync_data(number):
        size = os.fstat(number).st_size
        real(number)
        with change:
            sizes.append(size)
            change.notify_all()

    monkeypatch.setattr(crash_safe, "sync_data", sync_data)

    def wait_for(size):
        with change:
            assert change.wait_for(lambda: sizes and sizes[-1] >= size, 30)

    return wait_for


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_to_the_frame_all_but_one_frame_reach_the_disk_without_a_further_one(tmp_path, film, synced, suffix):
    path = tmp_path / f"out{suffix}"
    with Recorder(path, RecorderOptions(safety="frame")) as recorder:
        for index in range(12):
            recorder.write(film.picture(index))
            if index:
                size = path.stat().st_size
                synced(size)
                assert film.numbers(path) == list(range(index))


def test_to_the_second_it_reaches_the_disk_too(tmp_path, film, synced):
    path = tmp_path / "out.mp4"
    with Recorder(path) as recorder:
        for index in range(30):
            recorder.write(film.picture(index))
        synced(path.stat().st_size)
        assert len(film.numbers(path)) >= 30 - 10


def test_the_name_reaches_the_disk(tmp_path, monkeypatch):
    folders = []
    monkeypatch.setattr(crash_safe, "sync_folder", folders.append)
    file = CrashSafeFile(tmp_path / "out.mp4", force=False)
    file.write(b"something")
    file.sync()
    assert folders == [tmp_path]
    file.sync()
    assert folders == [tmp_path]
    file.mark_safe()
    file.sync()
    assert folders == [tmp_path] * 2
    file.finish()
    assert folders == [tmp_path] * 3


def test_every_segment_has_its_end_on_the_disk(tmp_path, film, monkeypatch):
    finished = []

    class Told(CrashSafeFile):
        def finish(self):
            super().finish()
            finished.append(self.path)

    monkeypatch.setattr("scr_live.sinks.muxing.CrashSafeFile", Told)
    with Recorder(tmp_path / "out.mp4", RecorderOptions(segment=Segment(duration_s=1))) as recorder:
        for index in range(60):
            recorder.write(film.picture(index))
    assert sorted(finished) == recorder.paths
