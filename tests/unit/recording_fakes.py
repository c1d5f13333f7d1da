"""Numbered pictures, what is found of them in files, and disks that are full."""

import errno
from pathlib import Path

import av

from scr_live.events import Journal
from scr_live.frames import Frame, Picture
from scr_live.sinks.crash_safe import CrashSafeFile

FPS = 25


class Film:
    """Makes pictures that show their number, and reads the numbers back."""

    def __init__(self, numbered, number_in):
        self._numbered = numbered
        self._number_in = number_in

    def picture(self, index, *, size=(64, 48)):
        width, height = size
        image = self._numbered(index % 256, width, height)
        return Picture(Frame(image, index, index / FPS, 0.0), None, image)

    def numbers(self, path):
        with av.open(str(path)) as container:
            return [self._number_in(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]

    def all_numbers(self, paths):
        return [number for path in paths for number in self.numbers(path)]


def first_packet(path):
    with av.open(str(path)) as container:
        return next(container.demux(video=0))


def told(journal: Journal, kind: str):
    return [event for event in journal.events if event.kind == kind]


def small_disk(folder: Path, size: int, *, only_at_the_end: bool = False):
    """A CrashSafeFile whose disk, if it lies in `folder`, is full after so many bytes of all its files."""
    used, heads = {}, set()

    class SmallDiskFile(CrashSafeFile):
        def write(self, data):
            is_index = b"moov" in data[:16]
            is_end = is_index and self in heads
            if is_index:
                heads.add(self)
            if self.path.parent == folder and not self.closed:
                used[self.path.stem] = self.size + len(data)
                if sum(used.values()) > size and (is_end or not only_at_the_end):
                    raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data)

    return SmallDiskFile
