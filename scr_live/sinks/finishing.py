"""Ending a file takes the disk's time, so it is done beside the recording."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

_PATIENCE_S: Final = 10.0


class Patience:
    """What is left of the time for which a disk may not answer; it begins now."""

    def __init__(self) -> None:
        self._until = time.monotonic() + _PATIENCE_S

    @property
    def left_s(self) -> float:
        """Never below nothing."""
        return max(0.0, self._until - time.monotonic())


class Finisher:
    """Runs one job at a time in a thread of its own. One thread at a time calls it."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self.path = Path()
        """Of the file that is being ended."""
        self._error: BaseException | None = None

    def begin(self, job: Callable[[], None], path: Path) -> None:
        """Start to end the file at `path`; only if a job still runs, wait for that. TimeoutError: in vain."""
        self.wait()
        self.path = path
        # A daemon, because a disk that does not answer must not keep the process.
        self._thread = threading.Thread(target=self._run, args=(job,), name="recorder-finish", daemon=True)
        self._thread.start()

    def wait(self, patience: Patience | None = None) -> None:
        """Wait for the job that runs, and raise what it raised. TimeoutError: the disk does not answer."""
        if self._thread is None:
            return
        self._thread.join((patience or Patience()).left_s)
        if self._thread.is_alive():
            raise TimeoutError(None, f"the disk has not answered for {_PATIENCE_S:.0f} s")
        self._thread = None
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _run(self, job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as error:  # noqa: BLE001 - raised again in wait(), in the thread that can tell
            self._error = error
