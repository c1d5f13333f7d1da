"""Ending what another thread waits for: the engine that answers, or the one that is being opened."""

import threading
from typing import Protocol, runtime_checkable


@runtime_checkable
class Abandonable(Protocol):
    """What can be ended while another thread waits in it."""

    def abandon(self) -> None:
        """End it at once; whoever waits in it gets an error. From any thread, more than once."""
        ...


class Leash:
    """Holds what was opened last, or is being opened, so that it can be abandoned from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: Abandonable | None = None
        self._cut = False

    @property
    def is_cut(self) -> bool:
        """Whether it was abandoned."""
        return self._cut

    def hold(self, one: Abandonable) -> None:
        """Hold this one in place of the one before; once the leash was cut, it is abandoned at once."""
        with self._lock:
            self._held = one
            cut = self._cut
        if cut:
            one.abandon()

    def abandon(self) -> None:
        """Abandon what is held, and whatever comes later."""
        with self._lock:
            self._cut = True
            held = self._held
        if held is not None:
            held.abandon()
