"""Bounded hand-over of items from one thread to the next.

The end is a state of the channel, never an item in it: `close` says that no more will come, and what is
waiting is still delivered; `abandon` says that nobody reads any more, and producers wake up. Standard
library only.
"""

import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
T_contra = TypeVar("T_contra", contravariant=True)


class Overflow(Enum):
    """What `put` does when the channel is full."""

    BLOCK = "block"
    """Wait for the reader: nothing is lost."""
    DROP_OLDEST = "drop-oldest"
    """Never wait: the oldest waiting item gives way and is counted."""


class Abandoned(Exception):  # noqa: N818  a state that a producer meets, not a fault of its own
    """Nobody reads what is put; the producer should end quietly."""


class Closed(Exception):  # noqa: N818  the end, not a fault
    """No item is left and none will come."""


class Inlet(Protocol[T_co]):
    """Where a stage reads from."""

    def __iter__(self) -> Iterator[T_co]: ...
    def abandon(self) -> None:
        """Nobody reads any more. May be called from any thread, more than once."""
        ...


class Outlet(Protocol[T_contra]):
    """Where a stage writes to."""

    def put(self, item: T_contra) -> bool:
        """Hand the item over; Abandoned if nobody reads."""
        ...

    def close(self) -> None:
        """No more will come. May be called from any thread, more than once."""
        ...


@dataclass(frozen=True, slots=True)
class Counts:
    """What went through a channel: put == taken + dropped + discarded + waiting, at any moment."""

    put: int
    taken: int
    dropped: int
    """Gave way to a newer item because the channel was full, or to the end because too many waited."""
    discarded: int
    """Still waiting when the reader abandoned the channel."""
    waiting: int
    peak: int
    """Most items that ever waited: equal to the capacity, the reader is slow; about 0, it is starved."""
    put_wait_s: float
    get_wait_s: float


class Channel(Generic[T]):
    """A first-in, first-out buffer between threads; every method may be called from any thread."""

    def __init__(self, name: str, capacity: int, overflow: Overflow = Overflow.BLOCK) -> None:
        if capacity < 1:
            raise ValueError(f"channel {name!r} needs a capacity of at least 1, got {capacity}")
        self.name = name
        self.capacity = capacity
        self.overflow = overflow
        self._items: deque[T] = deque()
        self._lock = threading.Lock()
        self._readable = threading.Condition(self._lock)
        self._writable = threading.Condition(self._lock)
        self._closed = False
        self._abandoned = False
        self._put = self._taken = self._dropped = self._discarded = self._peak = 0
        self._put_wait_s = self._get_wait_s = 0.0

    @property
    def abandoned(self) -> bool:
        """Whether the reader has left."""
        return self._abandoned

    def put(self, item: T) -> bool:
        """Append the item; False if an older one was dropped for it.

        Raises Abandoned if nobody reads, even while waiting for room, and Closed after `close`.
        """
        with self._lock:
            if self.overflow is Overflow.BLOCK:
                self._wait_for_room()
            if self._abandoned:
                raise Abandoned(self.name)
            if self._closed:
                raise Closed(self.name)
            fits = len(self._items) < self.capacity
            if not fits:
                self._items.popleft()
                self._dropped += 1
            self._items.append(item)
            self._put += 1
            self._peak = max(self._peak, len(self._items))
            self._readable.notify()
            return fits

    def get(self, timeout_s: float | None = None) -> T:
        """Take the oldest item, waiting for it.

        Raises Closed at the end (or once abandoned), and TimeoutError if nothing came in time.
        """
        with self._lock:
            self._wait_for_item(timeout_s)
            if self._items:
                self._taken += 1
                self._writable.notify()
                return self._items.popleft()
            if self._closed or self._abandoned:
                raise Closed(self.name)
            raise TimeoutError(f"nothing came through channel {self.name!r} within {timeout_s} s")

    def __iter__(self) -> Iterator[T]:
        """Take items until the end."""
        while True:
            try:
                item = self.get()
            except Closed:
                return
            yield item
            del item  # a reader that waits for the next one must not keep this one alive

    def thin(self, keep: int) -> int:
        """Drop all but `keep` of the waiting items, evenly, the newest never; return how many that were."""
        if keep < 1:
            raise ValueError(f"keep at least one item, the newest: {keep}")
        with self._lock:
            waiting = len(self._items)
            if waiting <= keep:
                return 0
            self._items = deque(self._items[(i + 1) * waiting // keep - 1] for i in range(keep))
            self._dropped += waiting - keep
            self._writable.notify_all()
            return waiting - keep

    def close(self) -> None:
        """No more will come; what is waiting is still delivered."""
        with self._lock:
            self._closed = True
            self._readable.notify_all()
            self._writable.notify_all()

    def abandon(self) -> None:
        """Nobody reads any more; what is waiting is discarded and producers wake up."""
        with self._lock:
            self._abandoned = True
            self._discarded += len(self._items)
            self._items.clear()
            self._readable.notify_all()
            self._writable.notify_all()

    def counts(self) -> Counts:
        """Return the counters as they stand now."""
        with self._lock:
            return Counts(
                put=self._put,
                taken=self._taken,
                dropped=self._dropped,
                discarded=self._discarded,
                waiting=len(self._items),
                peak=self._peak,
                put_wait_s=self._put_wait_s,
                get_wait_s=self._get_wait_s,
            )

    def _wait_for_room(self) -> None:
        started = time.perf_counter()
        self._writable.wait_for(lambda: len(self._items) < self.capacity or self._closed or self._abandoned)
        self._put_wait_s += time.perf_counter() - started

    def _wait_for_item(self, timeout_s: float | None) -> None:
        started = time.perf_counter()
        self._readable.wait_for(lambda: self._items or self._closed or self._abandoned, timeout_s)
        self._get_wait_s += time.perf_counter() - started


class FanOut(Generic[T]):
    """Hands every item to those outlets that are still read.

    Raises Abandoned once fewer than `needed` of them are: 0 makes all of them optional.
    """

    def __init__(self, *outlets: Channel[T], needed: int) -> None:
        self._outlets = outlets
        self._read = list(outlets)
        self._needed = needed

    def put(self, item: T) -> bool:
        """Put the item everywhere; False if an older one was dropped anywhere."""
        fits = True
        for outlet in tuple(self._read):
            try:
                fits = outlet.put(item) and fits
            except Abandoned:
                self._read.remove(outlet)
        if len(self._read) < self._needed:
            raise Abandoned(", ".join(outlet.name for outlet in self._outlets))
        return fits

    def close(self) -> None:
        """Close every outlet."""
        for outlet in self._outlets:
            outlet.close()
