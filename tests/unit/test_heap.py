"""Threads share a few heaps and give holes back, in a process of its own: the setting holds for all of it."""

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


HOLES = """
import ctypes, sys, time
from scr_live.heap import keep_memory_level, resident_bytes

if sys.argv[1] == "level":
    keep_memory_level(every_s=0.05)
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, (ctypes.c_size_t,)
libc.free.argtypes = (ctypes.c_void_p,)
SIZE = 100_000  # small enough for a heap

large, kept = [], []
for _ in range(1000):
    large.append(libc.malloc(SIZE))
    ctypes.memset(large[-1], 1, SIZE)
    kept.append(libc.malloc(5000))  # between them, so that no hole is at the end
before = resident_bytes()
for address in large:
    libc.free(address)
until = time.monotonic() + float(sys.argv[2])
while resident_bytes() > before - 0.8 * 1000 * SIZE and time.monotonic() < until:
    time.sleep(0.02)
print(before - resident_bytes())
"""


def given_back(how, within_s):
    done = subprocess.run(
        [sys.executable, "-c", HOLES, how, str(within_s)],
        capture_output=True,
        text=True,
        check=True,
        timeout=50,
    )
    return int(done.stdout)


def test_holes_between_what_is_in_use_go_back_to_the_system():
    assert given_back("level", within_s=20.0) > 80e6
    assert given_back("usual", within_s=0.5) < 20e6


def test_resident_memory_is_that_of_the_process_named():
    assert 10e6 < resident_bytes() < 10e9
    assert resident_bytes(os.getpid()) == pytest.approx(resident_bytes(), rel=0.05)
    with pytest.raises(OSError, match="No such file"):
        resident_bytes("none")
