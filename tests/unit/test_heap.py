"""What is freed goes back to the system, in a process of its own: the setting holds for all of it."""

import subprocess
import sys

import pytest

HELD = """
import sys
from pathlib import Path
import numpy as np
from scr_live.heap import keep_memory_level

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

if sys.argv[1] == "level":
    assert keep_memory_level()
np.ones(900_000, np.uint8)  # glibc learns from it, unless it was told
pictures = [np.ones(900_000, np.uint8) for _ in range(40)]
last = pictures[-1]
before = resident()
del pictures
print((before - resident()) / 900_000)
"""


def given_back(how):
    done = subprocess.run(
        [sys.executable, "-c", HELD, how], capture_output=True, text=True, check=True, timeout=50
    )
    return float(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc is told")
def test_pictures_that_are_freed_go_back_to_the_system_though_a_later_one_is_kept():
    assert given_back("level") > 35
    assert given_back("usual") < 10
