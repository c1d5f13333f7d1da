"""When to try again. Pure: time and chance are the caller's. Standard library only."""

from collections.abc import Callable
from math import inf
from typing import Final

FIRST_S: Final = 0.25
"""From the beginning of the first attempt to the second."""

LONGEST_S: Final = 1.0
"""From attempt to attempt at most: a source that is back is noticed within it."""


class Retry:
    """One attempt at once, the next ones at growing distances, each a little by chance.

    Distances count from beginning to beginning: an attempt that took long is followed at once. Chance keeps
    several receivers of one sender from coming back all together.
    """

    def __init__(self, *, longest_attempt_s: float, jitter: Callable[[], float]) -> None:
        self._longest_attempt_s = longest_attempt_s
        self._jitter = jitter
        self._began_at = -inf
        self.attempts = 0
        self.due_at = -inf
        """When the next attempt may begin."""
        self.gives_up_at = inf
        """When the attempt that was begun is to be given up."""

    def reset(self) -> None:
        """Say that a new series begins."""
        self.attempts = 0
        self.due_at = -inf

    def begin(self, now: float) -> None:
        """Say that an attempt begins."""
        self.attempts += 1
        self._began_at = now
        self.gives_up_at = now + self._longest_attempt_s

    def failed(self) -> None:
        """Say that the attempt brought nothing."""
        distance_s = min(FIRST_S * 2.0 ** min(self.attempts - 1, 10), LONGEST_S)
        self.due_at = self._began_at + distance_s * (1 + self._jitter()) / 2
