from pathlib import Path

import pytest
from recording_fakes import Film, told

from scr_live.errors import OutputUnwritableError
from scr_live.events import Journal
from scr_live.sinks.options import RecorderOptions
from scr_live.sinks.recorder import Recorder
from scr_live.sinks.space import DiskWatch, check_room, free_bytes, megabytes

HOUR_S = 3600
FOLDER, OTHER = Path("one"), Path("other")


class Disk:
    """A disk and a clock that do what they are told."""

    def __init__(self, free=None):
        self.free, self.now_s, self.looks = free, 0.0, 0
        self.watch = DiskWatch(look=self.look, now=lambda: self.now_s)

    def look(self, folder):
        self.looks += 1
        return self.free

    def after(self, seconds, written, folder=FOLDER):
        self.now_s += seconds
        return self.watch.note(folder, written)


def test_the_hours_left_are_those_of_the_last_minute():
    disk = Disk(free=3600_000_000)
    disk.after(0, 0)
    assert disk.watch.hours_left is None
    disk.after(5, 5_000_000)
    assert disk.watch.hours_left == pytest.approx(1.0)
    for minute in range(1, 30):  # twice as fast
        disk.after(5, 5_000_000 + minute * 10_000_000)
    assert disk.watch.hours_left == pytest.approx(0.5)
    assert disk.watch.free_bytes == 3600_000_000


def test_it_looks_every_few_seconds_and_not_for_every_frame():
    disk = Disk(free=1)
    for frame in range(250):  # ten seconds
        disk.after(0.04, frame)
    assert disk.looks <= 3


def test_low_is_told_once_and_again_after_it_had_recovered():
    disk = Disk(free=10 * HOUR_S * 1000)
    written = 0
    lows = []
    for hours in (10, 5, 0.2, 0.1, 0.3, 0.2, 2, 0.1):  # 0.3 is no recovery
        disk.free = hours * HOUR_S * 1000
        written += 5000
        lows.append(disk.after(5, written))
    assert lows == [False, False, True, False, False, False, False, True]


def test_a_system_that_says_nothing_is_no_low_disk():
    disk = Disk(free=None)
    assert not any(disk.after(5, written) for written in (0, 5000, 10_000))
    assert disk.watch.free_bytes is None
    assert disk.watch.hours_left is None


def test_another_folder_is_looked_at_at_once():
    disk = Disk(free=1000)
    disk.after(0, 0)
    disk.after(0.1, 1, OTHER)
    assert disk.looks == 2


def test_room_is_asked_of_the_real_disk(tmp_path):
    free = free_bytes(tmp_path)
    assert free > 0
    assert free_bytes(tmp_path / "nowhere") is None
    check_room(tmp_path, 1, what="This")
    with pytest.raises(OutputUnwritableError, match=r"This needs about .* GB in .* are free there"):
        check_room(tmp_path, free + 10**15, what="This")


def test_sizes_are_readable():
    assert [megabytes(count) for count in (0, 12_345_678, 2.5e9)] == ["0.0 MB", "12.3 MB", "2.5 GB"]


def test_a_recording_needs_room_for_a_minute_of_its_pictures(tmp_path):
    enormous = (10**7, 10**7)
    with pytest.raises(OutputUnwritableError, match="first 60 s needs about"):
        Recorder(tmp_path / "out.mp4", size=enormous)
    Recorder(tmp_path / "out.mp4", RecorderOptions(room_s=0), size=enormous)
    assert list(tmp_path.iterdir()) == []


def test_a_recording_tells_how_it_does(tmp_path, numbered, number_in):
    film, disk, journal = Film(numbered, number_in), Disk(free=1), Journal()
    with Recorder(tmp_path / "out.mp4", journal=journal, disk=disk.watch) as recorder:
        assert recorder.state().frames == 0
        for index in range(40):
            recorder.write(film.picture(index))
            disk.now_s += 1
    state = recorder.state()
    assert (state.path, state.frames, state.free_bytes) == (tmp_path / "out.mp4", 40, 1)
    assert state.bytes > 0
    assert state.hours_left < 0.25
    assert state.problem == ""
    (low,) = told(journal, "disk-low")
    assert (low.facts["folder"], low.facts["free_bytes"]) == (str(tmp_path), 1)
    assert low.stream_s > 0
