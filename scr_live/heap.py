"""How the C library keeps memory in a process that is to run for weeks. Standard library only."""

import ctypes
import sys
from typing import Final

_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_PICTURE_BYTES: Final = 1 << 18
_ARENAS: Final = 2


def keep_memory_level() -> bool:
    """Let pictures go back to the system when they are freed; say whether this C library can be told.

    glibc raises its limit for that to the size of a picture once one is freed, and then keeps pictures of
    many threads in as many heaps, which fill with holes. For programs, at their start: it holds for all of
    the process.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # another C library, such as musl
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _PICTURE_BYTES)) and bool(mallopt(_M_ARENA_MAX, _ARENAS))
