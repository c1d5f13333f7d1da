"""Who has not moved for too long: seen while the run goes on, named in the status, told as an event."""

import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, Self

from scr_live.events import EventKind, Journal

LOOK_EVERY_S: Final = 0.25


class StallWatch:
    """A context manager with a thread that looks several times a second how long each stage has been busy.

    It needs a thread of its own: whoever shows pictures may be the one that hangs.
    """

    def __init__(
        self, still_s: Callable[[], Mapping[str, float]], *, limit_s: float, journal: Journal
    ) -> None:
        """still_s: for each busy stage, how long it has been in one step."""
        self._still_s = still_s
        self._limit_s = limit_s
        self._journal = journal
        self._longest_s: dict[str, float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="stall-watch", daemon=True)

    @property
    def stalled(self) -> tuple[str, ...]:
        """The stages that do not move at present."""
        return tuple(self._longest_s)

    def look(self) -> None:
        """Look once; the thread does nothing else."""
        still_s = self._still_s()
        stalled = {stage: time_s for stage, time_s in still_s.items() if time_s > self._limit_s}
        before, self._longest_s = self._longest_s, stalled
        for stage in stalled.keys() - before.keys():
            self._journal.tell(EventKind.STAGE_STALLED, stage=stage, still_s=round(stalled[stage], 2))
        for stage in before.keys() - stalled.keys():
            self._journal.tell(EventKind.STAGE_MOVES, stage=stage, still_s=round(before[stage], 2))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(LOOK_EVERY_S):
            self.look()
