"""One process at a time: a lock on a file, which the system lifts when its holder ends, however it ends."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from scr_live.errors import OutputUnwritableError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


@contextlib.contextmanager
def locked(path: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock, other threads of this process included.

    The file is made for it and, except on Windows, removed after. `waiting` is called once if somebody else
    holds it; then this waits for as long as it takes, or until Ctrl-C. OutputUnwritableError: no file can be
    made there.
    """
    stream = _acquired(path, waiting)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # the lock is lifted all the same; Windows removes no open file
            path.unlink()
        stream.close()


def _acquired(path: Path, waiting: Callable[[], None] | None) -> BinaryIO:
    while True:
        stream = _opened(path)
        try:
            if not _try_lock(stream):
                if waiting is not None:
                    waiting()
                    waiting = None
                _wait_for_lock(stream)
            if _is_at(path, stream):
                return stream
        except OSError as error:  # some network file systems know no locks
            stream.close()
            raise OutputUnwritableError(
                f"Cannot lock {path}: {error.strerror}. Choose a place on a local disk."
            ) from error
        except BaseException:  # Ctrl-C while it waits
            stream.close()
            raise
        stream.close()  # its holder removed the file meanwhile: this lock is on nothing


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("ab")
    except OSError as error:
        raise OutputUnwritableError(
            f"Cannot make the lock file {path}: {error.strerror}. Choose another place."
        ) from error


def _is_at(path: Path, stream: BinaryIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(stream.fileno()))
    except FileNotFoundError:
        return False


if sys.platform == "win32":

    def _try_lock(stream: BinaryIO) -> bool:
        try:
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _wait_for_lock(stream: BinaryIO) -> None:
        while True:
            with contextlib.suppress(OSError):  # it gives up after ten seconds
                return msvcrt.locking(stream.fileno(), msvcrt.LK_LOCK, 1)

else:

    def _try_lock(stream: BinaryIO) -> bool:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _wait_for_lock(stream: BinaryIO) -> None:
        fcntl.flock(stream, fcntl.LOCK_EX)
