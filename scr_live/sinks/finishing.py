"""Ending a file takes the disk's time, so it is done beside the recording."""

import threading
from collections.abc import Callable
from typing import Final

_PATIENCE_S: Final = 10.0


class Finisher:
    """Runs one job at a time in a thread of its own. One thread at a time calls it."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def begin(self, job: Callable[[], None]) -> None:
        """Start a job; only if the one before still runs, wait for that. TimeoutError: in vain."""
        self.wait()
        # A daemon, because a disk that does not answer must not keep the process.
        self._thread = threading.Thread(target=self._run, args=(job,), name="recorder-finish", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait for the job that runs, and raise what it raised. TimeoutError: the disk does not answer."""
        if self._thread is None:
            return
        self._thread.join(_PATIENCE_S)
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
