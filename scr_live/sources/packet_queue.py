"""Packets between the thread that receives them and the one that decodes them. Standard library only.

The receiving thread never waits for the decoder, so that no system buffer fills up and every packet's arrival
is known. A decoder that is too slow therefore shows here, as packets that wait. It catches up by a jump to
the next key frame, since nothing else can be decoded without what came before. Until one comes all is kept
for a while: after a short stall the decoder is soon with the newest again by itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final, Generic, TypeVar

from scr_live.sources.handoff import Handoff

JUMP_AFTER_S: Final = 0.2
"""If a key frame arrives while a packet has waited for longer, the decoder goes on with the key frame."""

LONGEST_WAIT_S: Final = 5.0
"""If a packet has waited for longer, nothing is kept until the next key frame."""

MOST_BYTES: Final = 64 * 2**20
"""If more are waiting, nothing is kept until the next key frame, either."""

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
    bytes_before: int = 0
    """Of all packets that were kept before it."""


class PacketQueue(Handoff[Waiting[T]]):
    """A handoff that keeps the newest of a live video decodable; `dropped` counts the packets left out."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        super().__init__(CAPACITY)
        self._clock = clock
        self._awaits_key = False
        self._bytes = 0

    def add(self, packet: T, *, is_key: bool, lossy: bool, size: int = 0) -> bool:
        """Hand over a packet; False once nobody wants more. Lossy: never waits, but may leave some out."""
        now = self._clock()
        if not lossy:
            return self.put(Waiting(packet, now, after_gap=False), lossy=False)
        with self._changed:
            if self._closed:
                return False
            if self._is_too_much(now, is_key=is_key):
                self.dropped += len(self._items)
                self._items.clear()
                self._awaits_key = True
            if self._awaits_key and not is_key:
                self.dropped += 1
                return True
            self._items.append(Waiting(packet, now, after_gap=self._awaits_key, bytes_before=self._bytes))
            self._bytes += size
            self._awaits_key = False
            self._changed.notify_all()
            return True

    def _is_too_much(self, now: float, *, is_key: bool) -> bool:
        if not self._items:
            return False
        oldest = self._items[0]
        longest_s = JUMP_AFTER_S if is_key else LONGEST_WAIT_S
        return now - oldest.arrived_at > longest_s or self._bytes - oldest.bytes_before > MOST_BYTES
