"""Clocks and engines that tell the time themselves."""

import threading

import numpy as np

from scr_live.bench.subject import Samples
from scr_live.engines import EngineInfo
from scr_live.errors import InferenceError

SIZE = 16


class Clock:
    """Stands still unless it is moved."""

    def __init__(self):
        self.now = 0.0
        self._lock = threading.Lock()

    def move(self, seconds):
        with self._lock:
            self.now += seconds

    def __call__(self):
        return self.now


class SlowEngine:
    """Answers after so many milliseconds of the clock; fails from the answer `fail_after` on."""

    def __init__(self, clock, ms=10.0, *, fail_after=None):
        self._clock = clock
        self._ms = ms
        self._left = fail_after
        self.is_closed = False
        self.info = EngineInfo("slow", "none", "fp32", SIZE)

    def infer(self, image):
        assert image.shape == (SIZE, SIZE, 3)
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise InferenceError("It broke.")
        self._clock.move(self._ms / 1000)
        return np.zeros((SIZE, SIZE), np.float32)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.is_closed = True


def samples_of(*rounds, rate=()):
    """Rounds of inference; the other parts take nothing."""
    zeros = [[0.0] * len(one) for one in rounds]
    return Samples(zeros, [list(one) for one in rounds], zeros, [list(one) for one in rounds], list(rate))
