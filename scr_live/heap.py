"""How the C library keeps memory in a process that is to run for weeks. Standard library only."""

import ctypes
import os
import sys
import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final, NoReturn

_M_ARENA_MAX: Final = -8
_ARENAS: Final = 2
_PROC = Path("/proc")


@cache
def keep_memory_level(every_s: float = 30.0) -> int | None:
    """Let all threads share a few heaps, and give their holes back to the system now and then.

    Return how many heaps, None where the C library cannot be told. Left alone, glibc gives eight a core, and
    threads that come and go (a source that is opened anew, a file of the recording) leave holes in each; a
    hole that is not at the end of a heap stays with the process for good. For programs, at their start,
    before there are threads: it holds for all of the process, and once is enough.
    """
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    mallopt, trim = (getattr(library, name, None) for name in ("mallopt", "malloc_trim"))
    if mallopt is None or trim is None or not mallopt(_M_ARENA_MAX, _ARENAS):  # another, such as musl
        return None
    threading.Thread(target=_give_back, args=(trim, every_s), name="heap", daemon=True).start()
    return _ARENAS


def _give_back(trim: Callable[[int], int], every_s: float) -> NoReturn:
    while True:
        time.sleep(every_s)
        trim(0)


def resident_bytes(process: int | str = "self") -> int:
    """Resident memory of a process. OSError: it has ended, or the system does not tell, as Linux does."""
    pages = (_PROC / str(process) / "statm").read_text(encoding="ascii").split()[1:2]
    if not pages:  # it ends at this moment
        raise ProcessLookupError(f"process {process} has ended")
    return int(pages[0]) * os.sysconf("SC_PAGE_SIZE")
