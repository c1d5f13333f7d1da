"""What the watching sink says of the pictures that came, and of the system."""

import subprocess
import sys
import threading

import numpy as np
import pytest

from scr_live.frames import Frame, Picture, Signal
from scr_live.soak.probe import Probe
from scr_live.soak.process import usage


class Stage:
    """A probe and the time in one's hand."""

    def __init__(self):
        self.now = 100.0
        self.probe = Probe(lambda: self.now)

    def show(self, index, *, delay_s=0.01, signal=Signal.OK):
        image = np.zeros((4, 4, 3), np.uint8)
        frame = Frame(image, index, None, self.now - delay_s, signal)
        self.probe.write(Picture(frame, None, image))


def test_delay_count_and_pause_are_those_since_the_last_look():
    stage = Stage()
    for index in range(10):
        stage.now += 0.04
        stage.show(index, delay_s=0.02)
    seen = stage.probe.look()
    assert (seen.pictures, seen.placeholders) == (10, 0)
    assert seen.delay.p50 == pytest.approx(20, rel=0.02)
    assert seen.longest_pause_s == pytest.approx(0.04)
    stage.now += 3.0
    later = stage.probe.look()
    assert (later.pictures, later.delay.count) == (0, 0)
    assert later.longest_pause_s == pytest.approx(3.0)  # it still stands


def test_a_placeholder_has_no_delay():
    stage = Stage()
    stage.show(0, delay_s=9.0, signal=Signal.LOST)
    stage.show(1)
    seen = stage.probe.look()
    assert (seen.pictures, seen.placeholders, seen.delay.count) == (2, 1, 1)
    assert seen.delay.max < 11


def test_a_number_that_does_not_grow_is_out_of_order():
    stage = Stage()
    for index in (0, 1, 5, 5, 4, 6):
        stage.show(index)
    assert stage.probe.out_of_order == 2


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells")
def test_threads_files_and_children_are_counted(tmp_path):
    before = usage()
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with (tmp_path / "file").open("w"):
        now = usage()
    stop.set()
    thread.join()
    child.communicate()
    after = usage()
    assert now.threads == before.threads + 1
    assert now.files == before.files + 2  # the file, and the pipe to the child
    assert (now.children, after.children) == (before.children + 1, before.children)
    assert now.children_mb > 0
    assert now.memory_mb > 10
    assert after.files == before.files
