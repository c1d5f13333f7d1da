"""Printing that nobody waits for: a reader that has stopped, or a paused terminal, holds up no run."""

import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from scr_live.pipeline.channel import Channel, Overflow

T = TypeVar("T")

_WAITING: Final = 1000  # about a day of what a run without trouble tells
_PATIENCE_S: Final = 1.0
"""What a reader that has stopped reading has at the end of a run."""


class Background(Generic[T]):
    """Gives each item to `tell` in a thread of its own, in order; `put` never waits, from any thread.

    If too much waits, the oldest is lost, which `tell_lost` hears before the next item: how many.
    """

    def __init__(self, tell: Callable[[T], None], tell_lost: Callable[[int], None]) -> None:
        self._tell = tell
        self._tell_lost = tell_lost
        self._lost = 0
        self._items: Channel[T] = Channel("to-log", _WAITING, Overflow.DROP_OLDEST)
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)

    def start(self) -> None:
        """Start the thread; what was put before is told, too."""
        self._thread.start()

    def put(self, item: T) -> None:
        """Let it be told."""
        self._items.put(item)

    def close(self) -> None:
        """Wait until all is told, but no longer than a moment."""
        self._items.close()
        self._thread.join(_PATIENCE_S)

    def _run(self) -> None:
        for item in self._items:
            lost = self._items.counts().dropped
            if lost > self._lost:
                self._tell_lost(lost - self._lost)
                self._lost = lost
            self._tell(item)
