"""A file for a muxer that stays readable whatever happens: killed process, full disk, failed end.

Two rules make it so. Bytes are only ever appended until the very end; what the muxer wants to change near
the head (an mp4 index, a duration) is kept in memory and applied last, once everything behind it is on the
disk. And the file has its final name from the first complete picture on, never before and never later.
"""

import contextlib
import io
import os
import secrets
import threading
from pathlib import Path
from typing import IO, Final

from scr_live.errors import OutputExistsError, OutputUnwritableError

PARTIAL_MARK: Final = ".partial-"
"""Stands in the name of a file that has not got its own yet."""


class CrashSafeFile:
    """A write-only, seekable file object. One thread at a time; only `sync()` may run in another.

    It is created beside `path` under a name of its own, `mark_safe()` gives it the final name, `finish()`
    ends it well and `abandon()` cuts it back to the last safe point. Every failing write raises OSError.
    """

    def __init__(self, path: Path, *, force: bool) -> None:
        self._final = path
        self._force = force
        self._named = False
        self._naming = threading.Lock()
        self._folder_is_dirty = True
        self._patches: list[tuple[int, bytes]] = []
        self._position = 0
        self.size = 0
        """Bytes appended so far."""
        self.synced_size = 0
        """Bytes of them that are known to be on the disk."""
        self._safe_size = 0
        self.path = partial_name(path)
        """Where the bytes are now."""
        self._file: IO[bytes] = self.path.open("xb", buffering=0)
        self._identity = os.fstat(self._file.fileno())

    @property
    def is_in_place(self) -> bool:
        """Whether `path` still leads to this file: an open one can be removed, and written to on and on."""
        with self._naming:
            return self._is_at(self.path)

    @property
    def closed(self) -> bool:
        """PyAV asks for it, and writes no trailer into a closed file."""
        return self._file.closed

    def writable(self) -> bool:
        """Say yes to the muxer."""
        return True

    def seekable(self) -> bool:
        """Say yes to the muxer."""
        return True

    def tell(self) -> int:
        """Return where the next byte goes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go anywhere, as in any file."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        self._position = base + offset
        return self._position

    def write(self, data: bytes) -> int:
        """Append; the part of `data` that lies before the end of the file is kept for `finish()`."""
        if self.closed:  # abandoned: what a muxer says in its last moments no longer matters
            return len(data)
        overlap = max(0, min(self.size - self._position, len(data)))
        if overlap:
            self._patches.append((self._position, data[:overlap]))
        self._append(data[overlap:])
        self._position += len(data)
        return len(data)

    def mark_safe(self) -> None:
        """Note that all bytes up to here make a readable video."""
        self._safe_size = self.size
        if not self._named and os.name != "nt":  # Windows renames no open file: there finish() does it
            self._take_name()

    def sync(self) -> None:
        """Put on the disk what was appended before the call, and the name: what is left if power goes now.

        OutputUnwritableError: the file was removed meanwhile, and all that is written goes nowhere.
        """
        size = self.size
        sync_data(self._file.fileno())
        self._check_place()
        self.synced_size = size
        with self._naming:
            folder_is_dirty, self._folder_is_dirty = self._folder_is_dirty, False
        if folder_is_dirty:
            sync_folder(self._final.parent)

    def finish(self) -> None:
        """Apply the patches behind a barrier, close, and make sure of the name and of what it leads to."""
        os.fsync(self._file.fileno())
        self.synced_size = self.size
        for position, data in self._patches:
            self._file.seek(position)
            _write_all(self._file, data)
        os.fsync(self._file.fileno())
        self._file.close()
        self._safe_size = self.size
        self._check_place()
        if not self._named:
            self._take_name()
        sync_folder(self._final.parent)

    def abandon(self) -> None:
        """Keep what is safe, or nothing at all; no error is raised, since one is under way already."""
        with contextlib.suppress(OSError, ValueError):  # ValueError: closed by finish()
            self._file.truncate(self._safe_size)
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            if not self._safe_size:
                self.path.unlink(missing_ok=True)
            elif not self._named:
                self._take_name()

    def cut(self, size: int) -> None:
        """Cut an abandoned file back further, to `size`; 0 removes it. No error is raised."""
        with contextlib.suppress(OSError):
            if self.is_in_place and size:
                os.truncate(self.path, size)
            elif self.is_in_place:
                self.path.unlink()

    def _append(self, data: bytes) -> None:
        if data:
            self._file.seek(self.size)
            _write_all(self._file, data)
            self.size += len(data)

    def _take_name(self) -> None:
        """Rename; without --force never over a file that has come into being meanwhile."""
        self._check_place()
        with self._naming:
            if self._force:
                self.path.replace(self._final)
            else:
                self._rename_to_new()
            self.path = self._final
            self._named = self._folder_is_dirty = True

    def _rename_to_new(self) -> None:
        try:
            _give_new_name(self.path, self._final)
        except FileExistsError as error:
            raise OutputExistsError(
                f"{self._final} came into being while it was being recorded to, and is left as it is. "
                f"The recording is in {self.path}."
            ) from error

    def _check_place(self) -> None:
        if not self.is_in_place:
            raise OutputUnwritableError(
                f"The recording {self._final} was removed or replaced while it was being written, and is "
                "lost. Record again, and leave the file where it is until the run has ended."
            )

    def _is_at(self, path: Path) -> bool:
        try:
            return os.path.samestat(self._identity, path.stat())
        except OSError:
            return False


def partial_name(path: Path) -> Path:
    """Return a name beside `path`, of a length that any disk takes, that nobody else has."""
    return path.with_name(f"{path.stem[:40]}{PARTIAL_MARK}{secrets.token_hex(3)}{path.suffix}")


def sync_data(number: int) -> None:
    """Put a file's bytes and length on the disk. OSError: they may never get there."""
    getattr(os, "fdatasync", os.fsync)(number)  # macOS and Windows have the second one alone


def sync_folder(folder: Path) -> None:
    """Put the names of a folder on the disk, where the system can (Windows cannot, some network disks)."""
    with contextlib.suppress(OSError):
        number = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _give_new_name(path: Path, name: Path) -> None:
    """Rename. FileExistsError: the name is taken, be it by another process at the very same moment."""
    try:
        os.link(path, name)
    except FileExistsError:
        raise
    except OSError:  # no second names on this disk
        if name.exists():
            raise FileExistsError(name) from None
        path.replace(name)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def _write_all(file: IO[bytes], data: bytes) -> None:
    """Write until all is written: a raw file may take less, and the muxer would not notice."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]
