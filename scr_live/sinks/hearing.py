"""Work on what a run tells that the run never waits for: a thread with a bounded queue before it."""

import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

WAITING: Final = 2000
"""Items that may wait: a busy procedure tells a few a second, so a disk may be still for minutes."""
_PATIENCE_S: Final = 5.0
"""What a disk that does not answer has at the end of a run."""


class Hearing(Generic[T]):
    """Gives each item to `work` in order, in a daemon thread; `put` never waits, from any thread.

    `work` raises nothing. `finish` follows it in the same thread.
    """

    def __init__(
        self, work: Callable[[T], None], finish: Callable[[], None], *, name: str, waiting: int = WAITING
    ) -> None:
        self._work = work
        self._finish = finish
        self._items: queue.Queue[T | None] = queue.Queue(waiting)
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, item: T) -> bool:
        """Let it be worked on. False: too much waits, and it is not taken."""
        try:
            self._items.put_nowait(item)
        except queue.Full:
            return False
        return True

    def close(self) -> bool:
        """Wait until all is done. False: it was not within seconds."""
        self._ends.set()
        with contextlib.suppress(queue.Full):  # it is busy then, and looks for the end when nothing waits
            self._items.put_nowait(None)
        self._thread.join(_PATIENCE_S)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (item := self._next()) is not None:
            self._work(item)
        self._finish()

    def _next(self) -> T | None:
        """Wait for the next item; None: the end, behind all that was put."""
        if self._ends.is_set():
            try:
                return self._items.get_nowait()
            except queue.Empty:
                return None
        return self._items.get()
