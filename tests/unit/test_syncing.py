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
    disk = Disk()
    yield disk
    for _ in range(100):  # whoever still waits
        disk.answers.release()


def test_a_slow_disk_delays_nobody_and_one_sync_covers_what_came_meanwhile(disk):
    with Syncer(disk.sync, pause_s=0) as syncer:
        syncer.written()
        assert disk.asked.acquire(timeout=30)
        for _ in range(1000):
            syncer.written()
        assert syncer.behind == 1001
        disk.answers.release()
        assert disk.asked.acquire(timeout=30)  # the second one
        assert syncer.behind == 1000
        disk.answers.release()
        assert disk.done.acquire(timeout=30)
    assert disk.calls == 2
    assert syncer.behind in (0, 1000)  # whether it could still note it before its end


def test_between_two_syncs_is_a_pause(disk):
    with Syncer(disk.sync, pause_s=3600) as syncer:
        syncer.written()
        assert disk.asked.acquire(timeout=30)
        disk.answers.release()
        assert disk.done.acquire(timeout=30)
        syncer.written()
    assert disk.calls == 1  # the end does not wait for the pause


def test_without_anything_new_there_is_no_sync(disk):
    with Syncer(disk.sync, pause_s=0):
        pass
    assert disk.calls == 0


def test_a_failure_is_raised_where_it_can_be_handled():
    failed = threading.Event()

    def broken():
        failed.set()
        raise OSError(5, "Input/output error")

    with Syncer(broken, pause_s=0) as syncer:
        syncer.check()
        syncer.written()
        assert failed.wait(30)
        assert syncer.close()
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
