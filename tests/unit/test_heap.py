"""Threads share a few heaps, in a process of its own: the setting holds for all of it."""

import os
import subprocess
import sys

import pytest

from scr_live.heap import resident_bytes

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc is told")

HEAPS = """
import ctypes, sys, tempfile, threading
from scr_live.heap import keep_memory_level

if sys.argv[1] == "level":
    print(keep_memory_level())
else:
    print(None)
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, (ctypes.c_size_t,)
all_there = threading.Barrier(8)

def allocate():
    libc.malloc(5000)
    all_there.wait()

threads = [threading.Thread(target=allocate) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc.fopen.restype, libc.malloc_info.argtypes = ctypes.c_void_p, (ctypes.c_int, ctypes.c_void_p)
with tempfile.NamedTemporaryFile() as file:
    stream = ctypes.c_void_p(libc.fopen(file.name.encode(), b"w"))
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    print(file.read().count(b"<heap nr="))
"""


def heaps(how):
    done = subprocess.run(
        [sys.executable, "-c", HEAPS, how], capture_output=True, text=True, check=True, timeout=50
    )
    return done.stdout.split()


def test_many_threads_share_few_heaps():
    told, found = heaps("level")
    assert int(found) <= int(told)
    usual = heaps("usual")
    assert int(usual[1]) > int(found)


def test_resident_memory_is_that_of_the_process_named():
    assert 10e6 < resident_bytes() < 10e9
    assert resident_bytes(os.getpid()) == pytest.approx(resident_bytes(), rel=0.05)
    with pytest.raises(OSError, match="No such file"):
        resident_bytes("none")
