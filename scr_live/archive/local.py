"""Worker processes of this machine: each does one video after another, and is replaced when it is lost."""

import queue
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Final, Self

from scr_live.archive.judging import Facts, Job, failed
from scr_live.archive.workplace import ATTEMPTS, Ended, Hearer, error_of, lost_for_good
from scr_live.errors import ScrLiveError
from scr_live.processes.child import ChildProcess
from scr_live.processes.wire import Message, receive, send

STILL_S: Final = 300.0
"""A worker whose video does not move for so long is ended, as if it had crashed."""
OPENING_S: Final = 3600.0
"""The same until it begins: on a GPU an engine may have to be built, one worker after another."""

_MODULE: Final = "scr_live.archive.worker"
_LOOK_EVERY_S: Final = 0.2
_DYING_S: Final = 1.0
"""From hanging up to the end by itself, which tells the cause."""
_DEATH_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class LocalWorkers:
    """A Workplace of so many processes."""

    workers: int
    still_s: float = STILL_S
    opening_s: float = OPENING_S

    def __call__(self, jobs: Sequence[Job], hearer: Hearer, stop: threading.Event) -> None:
        """See Workplace."""
        shared = _Shared(deque(jobs), self.still_s, self.opening_s)
        left = len(jobs)
        with ExitStack() as stack:
            for _ in range(min(self.workers, len(jobs))):
                stack.enter_context(_Slot(shared))
            stack.callback(shared.stopping.set)
            while left and not stop.is_set():
                with suppress(queue.Empty):
                    told = shared.told.get(timeout=_LOOK_EVERY_S)
                    told(hearer)
                    left -= isinstance(told, _TellEnded)


@dataclass(frozen=True, slots=True)
class _TellEnded:
    ended: Ended

    def __call__(self, hearer: Hearer) -> None:
        hearer.ended(self.ended)


@dataclass(frozen=True, slots=True)
class _TellLost:
    job: Job
    cause: str

    def __call__(self, hearer: Hearer) -> None:
        hearer.lost(self.job, self.cause)


@dataclass(slots=True)
class _Shared:
    """What the slots take from and add to."""

    jobs: deque[Job]
    still_s: float
    opening_s: float
    told: "queue.SimpleQueue[Callable[[Hearer], None]]" = field(default_factory=queue.SimpleQueue)
    """For the thread that waits for the work."""
    stopping: threading.Event = field(default_factory=threading.Event)


class _LostError(Exception):
    """The worker is gone, or of no use; the text follows "the worker process"."""


class _Slot:
    """A thread that has one worker process at a time; leaving it kills that."""

    def __init__(self, shared: _Shared) -> None:
        self._shared = shared
        self._lock = threading.Lock()
        self._worker: _Worker | None = None
        self._thread = threading.Thread(target=self._run, name="archive-slot", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._shared.stopping.set()
        with self._lock:
            worker = self._worker
        if worker is not None:
            worker.kill()
        self._thread.join(2 * _DEATH_S)

    def _run(self) -> None:
        try:
            while not self._shared.stopping.is_set():
                try:
                    job = self._shared.jobs.popleft()
                except IndexError:
                    return
                self._do(job)
        except Exception as error:  # noqa: BLE001 - raised in the thread that waits for the work
            self._shared.told.put(_raiser(error))
        finally:
            self._drop()

    def _do(self, job: Job) -> None:
        tell = self._shared.told.put
        for attempt in range(1, ATTEMPTS + 1):
            try:
                results = self._ready().do(
                    job, self._moved(job), still_s=self._shared.still_s, opening_s=self._shared.opening_s
                )
            except _LostError as error:
                self._drop()
                if self._shared.stopping.is_set():
                    return
                cause = f"the worker process {error}"
                results = failed(lost_for_good(cause))
                if attempt < ATTEMPTS:
                    tell(_TellLost(job, cause))
                    continue
            tell(_TellEnded(Ended(job, results, attempt)))
            return

    def _ready(self) -> "_Worker":
        with self._lock:
            if self._shared.stopping.is_set():
                raise _LostError("is not wanted any more")
            if self._worker is None:
                self._worker = _Worker()
            return self._worker

    def _moved(self, job: Job) -> Callable[[int, int | None], None]:
        return lambda frames, expected: self._shared.told.put(
            lambda hearer: hearer.moved(job, frames, expected)
        )

    def _drop(self) -> None:
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.kill()


class _Worker:
    """One process, at the other end of a connection."""

    def __init__(self) -> None:
        try:
            self._connection, its = socket.socketpair()
            self._process = ChildProcess(its, module=_MODULE, name="archive")
        except OSError as error:
            raise ScrLiveError(
                f"A worker process cannot be started: {error.strerror or error}. Free memory or "
                "descriptors, or give fewer --workers; what is done is kept."
            ) from error

    def do(
        self, job: Job, moved: Callable[[int, int | None], None], *, still_s: float, opening_s: float
    ) -> Facts:
        """Have a video done. _LostError: the process is gone or hangs. ScrLiveError: no video's fault."""
        try:
            send(self._connection, "job", job=job.as_facts())
            seen, deadline = -1, time.monotonic() + opening_s
            while True:
                message = receive(self._connection, deadline=deadline)
                match message.kind:
                    case "moved":
                        frames = int(message.facts["frames"])
                        moved(frames, message.facts["expected"])
                        if frames != seen:
                            seen, deadline = frames, time.monotonic() + still_s
                    case "ended":
                        return dict(message.facts["results"])
                    case _:
                        raise _error_in(message)
        except ScrLiveError:  # some are OSError or ValueError, too
            raise
        except TimeoutError as error:
            raise _LostError("did not get on, and was ended") from error
        except (OSError, ValueError) as error:
            raise _LostError(self._ending()) from error

    def kill(self) -> None:
        """End it at once, and whoever waits for it; twice is once."""
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._process.kill()
        if self._process.wait(_DEATH_S):
            self._connection.close()

    def _ending(self) -> str:
        if not self._process.wait(_DYING_S):
            self._process.kill()
            if not self._process.wait(_DEATH_S):
                return "hangs"
        words = self._process.last_words
        return self._process.ending + (f" ({words})" if words else "")


def _error_in(message: Message) -> ScrLiveError:
    return error_of(str(message.facts["error"]), str(message.facts["text"]))


def _raiser(error: Exception) -> Callable[[Hearer], None]:
    def tell(_hearer: Hearer) -> None:
        raise error

    return tell
