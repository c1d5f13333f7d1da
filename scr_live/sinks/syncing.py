"""Getting what was written onto the disk itself, in a thread of its own: a slow disk delays no picture."""

import threading
from collections.abc import Callable
from typing import Final

from scr_live.sinks.options import Safety

_PAUSE_S: Final[dict[Safety, float]] = {"second": 0.5, "frame": 0.0}
"""Between two syncs: half of what may be lost; frames inside the encoder and the sync take the rest."""
_JOIN_S: Final = 1.0


class Syncer:
    """Calls `sync` soon after `written()`, never twice at once; one call covers all that was written before.

    `written()` and `check()` never wait for the disk. A `sync` that raises OSError is called no more: what
    the system could not write it may have forgotten, and a second call would say that all is well.
    ValueError, since the file is closed by now, ends it too.
    """

    def __init__(self, sync: Callable[[], None], *, pause_s: float) -> None:
        self._sync = sync
        self._pause_s = pause_s
        self._change = threading.Condition()
        self._written = 0
        self._synced = 0
        self._ends = False
        self._has_last = False
        self._error: OSError | None = None
        # A daemon, because a disk that does not answer must not keep the process.
        self._thread = threading.Thread(target=self._run, name="recorder-sync", daemon=True)
        self._thread.start()

    def written(self) -> None:
        """Say that there is something new to be synced."""
        with self._change:
            self._written += 1
            self._change.notify_all()

    def check(self) -> None:
        """Raise the OSError of a sync that failed, if one did."""
        if self._error is not None:
            raise self._error

    def close(self, *, last: bool = False) -> None:
        """End the thread; with a `last` sync of what is new. A disk is waited for a second at most."""
        with self._change:
            self._ends, self._has_last = True, last
            self._change.notify_all()
        self._thread.join(_JOIN_S)
        with self._change:
            self._has_last = False

    def _run(self) -> None:
        while (target := self._next()) is not None:
            try:
                self._sync()
            except OSError as error:
                self._error = error
                return
            except ValueError:
                return
            with self._change:
                self._synced = target
                self._change.wait_for(lambda: self._ends, self._pause_s)

    def _next(self) -> int | None:
        """Wait for something new; None: the end."""
        with self._change:
            self._change.wait_for(lambda: self._ends or self._written > self._synced)
            is_over = self._ends and not (self._has_last and self._written > self._synced)
            return None if is_over else self._written


def pause_for(safety: Safety) -> float:
    """Seconds between two syncs."""
    return _PAUSE_S[safety]
