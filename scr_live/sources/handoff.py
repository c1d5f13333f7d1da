"""Passes pictures from the thread that reads a device to the one that iterates. Standard library only."""

from collections import deque
from threading import Condition
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")


class Handoff(Generic[T]):
    """A short queue whose end, failure and closing are states that wake both sides.

    `lossy`: the oldest item makes room for a new one and is counted in `dropped`; else `put` waits for room.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._items: deque[T] = deque()
        self._changed = Condition()
        self._ended = False
        self._closed = False
        self._error: BaseException | None = None
        self.dropped = 0

    def is_closed(self) -> bool:
        """Say whether nobody wants more."""
        return self._closed

    def put(self, item: T, *, lossy: bool) -> bool:
        """Hand over an item; False once nobody wants more."""
        with self._changed:
            if lossy and len(self._items) >= self._capacity:
                self._items.popleft()
                self.dropped += 1
            self._changed.wait_for(lambda: self._closed or len(self._items) < self._capacity)
            if self._closed:
                return False
            self._items.append(item)
            self._changed.notify_all()
            return True

    def take(self, timeout_s: float | None = None) -> T | None:
        """Wait for the next item (None: as long as it takes); None at the end.

        Raises what the reader failed with, or TimeoutError.
        """
        deadline = None if timeout_s is None else monotonic() + timeout_s
        with self._changed:
            while not (self._items or self._ended or self._closed):
                if not self._changed.wait(None if deadline is None else deadline - monotonic()):
                    raise TimeoutError
            if self._closed:
                return None
            if self._items:
                item = self._items.popleft()
                self._changed.notify_all()
                return item
            if self._error is not None:
                raise self._error
            return None

    def end(self, error: BaseException | None = None) -> None:
        """Say that no more will come, and why; what is inside is still delivered."""
        with self._changed:
            self._ended = True
            self._error = None if self._closed else error
            self._changed.notify_all()

    def close(self) -> None:
        """Say that nobody wants more; what is inside is forgotten."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._error = (
                None  # its traceback leads back here: without this, both would wait for the collector
            )
            self._changed.notify_all()

    def wait_closed(self, timeout_s: float) -> bool:
        """Sleep until it is closed, at most this long."""
        with self._changed:
            return self._changed.wait_for(lambda: self._closed, timeout_s)
