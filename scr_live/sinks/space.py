"""Room on the disk: is there enough to begin, and for how long will it last."""

import shutil
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from scr_live.errors import OutputUnwritableError
from scr_live.events import EventKind, Journal

LOW_H: Final = 0.25
"""From here on the disk counts as low."""

_RECOVERED_H: Final = 0.5
_LOOK_EVERY_S: Final = 5.0
_LOOKS: Final = 13
"""The rate is that of the last minute."""
_SHORTEST_S: Final = 4.0
"""Before that a rate would be a guess."""


def free_bytes(folder: Path) -> int | None:
    """Bytes that this user may still write in `folder`; None: the system does not say."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def check_room(folder: Path, needed_bytes: float, *, what: str) -> None:
    """OutputUnwritableError if `folder` has no room for `needed_bytes`, which `what` needs."""
    free = free_bytes(folder)
    if free is not None and free < needed_bytes:
        raise OutputUnwritableError(
            f"{what} needs about {megabytes(needed_bytes)} in {folder}, and {megabytes(free)} are free there."
            " Free space, or choose another place."
        )


def megabytes(count: float) -> str:
    """12.3 MB, 1.2 GB."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"  # noqa: PLR2004 - a giga


class DiskWatch:
    """How long the disk will last at the rate of the last minute. `note()` is called from one thread.

    What it found can be read from any.
    """

    def __init__(
        self,
        *,
        look: Callable[[Path], int | None] = free_bytes,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._look = look
        self._now = now
        self._looks: deque[tuple[float, int]] = deque(maxlen=_LOOKS)
        self._folder: Path | None = None
        self._due = 0.0
        self.free_bytes: int | None = None
        """None: not looked at yet, or the system does not say."""
        self.hours_left: float | None = None
        """None: not known yet."""
        self.is_low = False

    def note(self, folder: Path, written_bytes: int) -> bool:
        """Look at the disk if it is time. written_bytes: by the whole recording. True: it became low now."""
        now = self._now()
        if folder == self._folder and now < self._due:
            return False
        if folder != self._folder:
            self._folder, self.is_low = folder, False
        self._due = now + _LOOK_EVERY_S
        self._looks.append((now, written_bytes))
        self.free_bytes = self._look(folder)
        self.hours_left = self._hours_left()
        was_low = self.is_low
        if self.hours_left is not None:
            self.is_low = self.hours_left < (_RECOVERED_H if was_low else LOW_H)
        return self.is_low and not was_low

    def watch(
        self, folder: Path, written_bytes: int, *, journal: Journal, stream_s: float | None = None
    ) -> None:
        """Look as `note()` does, and tell `journal` if the disk became low."""
        if self.note(folder, written_bytes):
            hours_left = None if self.hours_left is None else round(self.hours_left, 2)
            journal.tell(
                EventKind.DISK_LOW,
                stream_s=stream_s,
                folder=str(folder),
                free_bytes=self.free_bytes,
                hours_left=hours_left,
            )

    def _hours_left(self) -> float | None:
        (first, before), (last, after) = self._looks[0], self._looks[-1]
        if self.free_bytes is None or last - first < _SHORTEST_S or after <= before:
            return None
        return self.free_bytes / ((after - before) / (last - first)) / 3600
