"""A live run that is told to end does so in time: what waits for a slow sink is thinned."""

import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

LIMIT_S: Final = 1.2
"""From the stop on, for writing what waits. Closing the file of a recording takes its time besides."""


class Waiting(Protocol):
    """A channel, as seen from outside."""

    def thin(self, keep: int) -> int:
        """Let go of all but `keep` of the waiting items."""
        ...


class Paced(Protocol):
    """What reads from it."""

    pace_s: float
    """What an item takes lately; 0: not known."""


class Ending:
    """Keeps of what waits for each sink no more than the sink can take in the time that is left.

    A whole backlog would be written in the end, but two seconds of 1080p can be five of encoding, and whoever
    ends a run in a hurry (a service manager, a battery) does not wait. Pictures are let go evenly, never the
    last one: the recording gets to its end, with fewer pictures a second.
    """

    def __init__(
        self,
        sinks: Sequence[tuple[Waiting, Paced]],
        *,
        limit_s: float = LIMIT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sinks = sinks
        self._limit_s = limit_s
        self._clock = clock
        self._began_at: float | None = None

    def hasten(self) -> None:
        """Call it often from the stop on."""
        now = self._clock()
        if self._began_at is None:
            self._began_at = now
        left_s = max(self._limit_s - (now - self._began_at), 0.0)
        for waiting, sink in self._sinks:
            if sink.pace_s > 0:
                waiting.thin(max(int(left_s / sink.pace_s), 1))
