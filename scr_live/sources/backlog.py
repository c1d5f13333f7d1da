"""Packets between the thread that receives them and the one that decodes them. Standard library only.

The receiving thread never waits for the decoder, so that no system buffer fills up and every packet's arrival
is known. A decoder that is too slow therefore shows here, as packets that wait, and here alone is it caught
up with: by a jump to a key frame, since nothing else can be decoded without what came before.
"""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final, Generic, TypeVar

from scr_live.sources.handoff import Handoff

JUMP_AFTER_S: Final = 0.2
"""If a key frame arrives while a packet has waited for longer, the decoder goes on with the key frame."""

LONGEST_WAIT_S: Final = 1.0
"""If a packet has waited for longer, nothing is kept until the next key frame."""

CAPACITY: Final = 16
"""Packets that may wait where none may be left out."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Waiting(Generic[T]):
    """A packet, and what the decoder has to know of those before it."""

    packet: T
    arrived_at: float
    after_gap: bool
    """Packets before it were left out: it is a key frame."""


class Backlog(Handoff[Waiting[T]]):
    """A handoff that keeps the newest of a live video decodable; `dropped` counts the packets left out."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        super().__init__(CAPACITY)
        self._clock = clock
        self._awaits_key = False

    def add(self, packet: T, *, is_key: bool, lossy: bool) -> bool:
        """Hand over a packet; False once nobody wants more. Lossy: never waits, but may leave some out."""
        now = self._clock()
        if not lossy:
            return self.put(Waiting(packet, now, after_gap=False), lossy=False)
        with self._changed:
            if self._closed:
                return False
            waited_s = now - self._items[0].arrived_at if self._items else 0.0
            if waited_s > (JUMP_AFTER_S if is_key else LONGEST_WAIT_S):
                self.dropped += len(self._items)
                self._items.clear()
                self._awaits_key = True
            if self._awaits_key and not is_key:
                self.dropped += 1
                return True
            self._items.append(Waiting(packet, now, after_gap=self._awaits_key))
            self._awaits_key = False
            self._changed.notify_all()
            return True
