"""When to try again. Pure: time and chance are the caller's. Standard library only."""

from collections.abc import Callable
from math import inf
from typing import Final

FIRST_S: Final = 0.25
"""From the beginning of the first attempt to the second."""

LONGEST_S: Final = 1.0
"""From attempt to attempt at most: a source that is back is noticed within it."""

STEADY_S: Final = 5.0
"""A source that is lost again sooner after it was opened counts as another attempt that brought nothing."""


class Retry:
    """One attempt at once, the next ones at growing distances, each a little by chance.

    Distances count from beginning to beginning: an attempt that took long is followed at once. Chance, from
    half a distance to the whole, keeps several receivers of one sender from coming back all together.
    """

    def __init__(self, *, longest_attempt_s: float, jitter: Callable[[], float]) -> None:
        self._longest_attempt_s = longest_attempt_s
        self._jitter = jitter
        self._began_at = -inf
        self._in_vain = 0
        self.attempts = 0
        self.due_at = -inf
        """When the next attempt may begin."""
        self.gives_up_at = inf
        """When the attempt that was begun is to be given up."""

    def lost(self, now: float, *, keeps_s: float = 0.0) -> None:
        """Say that a new series begins, with what is open already being kept for so long."""
        self.attempts = 0
        self.gives_up_at = now + keeps_s
        if now - self._began_at < STEADY_S:
            self.failed()
        else:
            self._in_vain, self.due_at = 0, -inf

    def begin(self, now: float) -> None:
        """Say that an attempt begins."""
        self.attempts += 1
        self._began_at = now
        self.gives_up_at = now + self._longest_attempt_s

    def failed(self) -> None:
        """Say that the attempt brought nothing."""
        self._in_vain += 1
        distance_s = min(FIRST_S * 2.0 ** min(self._in_vain - 1, 10), LONGEST_S)
        self.due_at = self._began_at + distance_s * (1 + self._jitter()) / 2
