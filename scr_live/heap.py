"""How the C library keeps memory in a process that is to run for weeks. Standard library only."""

import ctypes
import os
import sys
from pathlib import Path
from typing import Final

_M_ARENA_MAX: Final = -8
_ARENAS: Final = 2
_PROC = Path("/proc")


def keep_memory_level() -> int | None:
    """Let all threads share a few heaps; return how many, None where the C library cannot be told.

    Left alone, glibc gives eight a core, and threads that come and go (a source that is opened anew, a file
    of the recording) leave holes in each. For programs, at their start, before there are threads: it holds
    for all of the process.
    """
    if not sys.platform.startswith("linux"):
        return None
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or not mallopt(_M_ARENA_MAX, _ARENAS):  # another C library, such as musl
        return None
    return _ARENAS


def resident_bytes(process: int | str = "self") -> int:
    """Resident memory of a process. OSError: it has ended, or the system does not tell, as Linux does."""
    pages = int((_PROC / str(process) / "statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
