"""A sink that watches what comes out of a run."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from types import TracebackType
from typing import Self

from scr_live.frames import Picture, Signal
from scr_live.pipeline.timing import Histogram, Latency


@dataclass(frozen=True, slots=True)
class Seen:
    """What came since the last look."""

    pictures: int
    """With and without a signal."""
    placeholders: int
    """Those that say that there is none."""
    delay: Latency
    """Of living pictures, from capture to here."""
    longest_pause_s: float
    """Between two pictures of any kind."""


class Probe:
    """Notes delay, order and pauses of the pictures; `look` may be called from another thread."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._lock = Lock()
        self._last_index = -1
        self._last_at: float | None = None
        self._longest_pause_s = 0.0
        self.out_of_order = 0
        """Pictures whose number is not greater than that of the one before."""
        self._begin()

    def write(self, picture: Picture) -> None:
        """Take the next picture."""
        now, frame = self._clock(), picture.frame
        with self._lock:
            self.out_of_order += frame.index <= self._last_index
            self._last_index = frame.index
            if self._last_at is not None:
                self._longest_pause_s = max(self._longest_pause_s, now - self._last_at)
            self._last_at = now
            self._pictures += 1
            if frame.signal is Signal.LOST:
                self._placeholders += 1
            else:
                self._delay.record(now - frame.captured_at)

    def look(self) -> Seen:
        """Say what came since the last look."""
        with self._lock:
            seen = Seen(
                self._pictures, self._placeholders, self._delay.latency(), longest_pause_s=self._pause_s()
            )
            self._begin()
        return seen

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def _begin(self) -> None:
        self._pictures = self._placeholders = 0
        self._delay = Histogram()
        self._longest_pause_s = 0.0

    def _pause_s(self) -> float:
        """The pause that is going on counts: a video that stands has no later picture to end it."""
        going_on_s = 0.0 if self._last_at is None else self._clock() - self._last_at
        return max(self._longest_pause_s, going_on_s)
