"""An engine in a process of its own: a model that hangs, leaks or crashes cannot touch the video.

It does not share the interpreter's lock with the video either. The image goes over a socket and the answer
comes back; for a network of 352 x 352 that costs about a millisecond.
"""

import contextlib
import logging
import pickle
import socket
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from scr_live import errors
from scr_live.engines import EngineInfo, closed
from scr_live.engines.leash import Leash
from scr_live.engines.opening import NAMED
from scr_live.errors import (
    EngineError,
    EngineUnavailableError,
    InferenceError,
    InferenceTimeoutError,
    ScrLiveError,
)
from scr_live.frames import Mask
from scr_live.processes.child import ChildProcess
from scr_live.processes.wire import Message, receive, send, send_array
from scr_live.shipped import Model

ANSWER_TIMEOUT_S: Final = 10.0
"""Far more than any engine needs for a picture, even on a machine that has other things to do."""
OPENING_TIMEOUT_S: Final = 60.0
"""For the first sign of life while an engine is opened: many times what its libraries need to load."""
STEP_TIMEOUT_S: Final = 600.0
"""From one sign to the next. Only what takes long is told: the build of an engine, whose single steps can
take minutes, or the wait for another process that builds one. Time is all that tells a hang from such work:
a driver that hangs may well spin, and who waits for another takes no processor time either."""
GROWTH_LIMIT_MB: Final = 2000.0
"""How much more memory than right after it was opened an engine may take, unless told otherwise."""

_WORKER = "scr_live.engines.worker"
_OPEN_ENGINE = "scr_live.engines.opening:open_engine"
_CLOSE_S, _KILL_S = 0.3, 0.2
_DEATH_S = 1.0  # from hanging up to the end, which tells the cause
_INSTEAD = "If it happens again, use another engine with --engine."

log = logging.getLogger(__name__)


def open_isolated(  # noqa: PLR0913 - what opening takes, and what isolation takes
    name: str,
    model: Model | None,
    *,
    precision: str = "auto",
    threads: int = 0,
    progress: Callable[[str], None] | None = None,
    reason: str = NAMED,
    opening_timeout_s: float = OPENING_TIMEOUT_S,
    answer_timeout_s: float = ANSWER_TIMEOUT_S,
    memory_limit_mb: float | None = None,
    leash: Leash | None = None,
) -> "IsolatedEngine":
    """Do what `opening.open_engine` does, in a process of its own; see `IsolatedEngine` for the rest."""
    return IsolatedEngine(
        _OPEN_ENGINE,
        {"name": name, "model": model, "precision": precision, "threads": threads, "reason": reason},
        progress=progress,
        opening_timeout_s=opening_timeout_s,
        answer_timeout_s=answer_timeout_s,
        memory_limit_mb=memory_limit_mb,
        leash=leash,
    )


class IsolatedEngine:
    """The engine that `factory`, as "module:callable", makes of `arguments` in a process of its own.

    The factory is called with the arguments, which are pickled, and with `progress`. Its errors arrive here
    as they are, any other end is an EngineUnavailableError: nothing heard for `opening_timeout_s`, or, once
    there was progress, for STEP_TIMEOUT_S. The same holds for `infer`, where the other end is an
    InferenceError: no answer within `answer_timeout_s`, the process gone, or more memory than
    `memory_limit_mb` (Linux; None: GROWTH_LIMIT_MB more than when it was opened).
    After that the engine is dead, its process gone, and every `infer` raises at once: open another one.
    Whatever waits here ends at once when `abandon` is called; `leash` is for what is still being opened.
    """

    def __init__(  # noqa: PLR0913 - what opening takes, and what isolation takes
        self,
        factory: str,
        arguments: Mapping[str, object],
        *,
        progress: Callable[[str], None] | None = None,
        opening_timeout_s: float = OPENING_TIMEOUT_S,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
        memory_limit_mb: float | None = None,
        leash: Leash | None = None,
    ) -> None:
        self._lock = threading.Lock()
        """Held by whoever uses the connection."""
        self._answer_timeout_s = answer_timeout_s
        self._why_dead = ""
        self._is_closed = False
        self._is_abandoned = False
        self._start()
        with self._lock:
            try:
                if leash is not None:
                    leash.hold(self)
                self._info = self._open(factory, arguments, progress or log.info, opening_timeout_s)
            except BaseException:
                self._bury()
                raise
        opened_mb = self._process.resident_mb or 0.0
        self._memory_limit_mb = opened_mb + GROWTH_LIMIT_MB if memory_limit_mb is None else memory_limit_mb

    @property
    def info(self) -> EngineInfo:
        """That of the engine in the process."""
        return self._info

    @property
    def pid(self) -> int:
        """Of the engine's process."""
        return self._process.pid

    def infer(self, image: NDArray[np.uint8]) -> Mask:
        """See `Engine.infer`; what the engine answers is passed on as it is."""
        with self._lock:
            if self._is_closed:
                raise closed(self._info.backend)
            if self._why_dead:
                raise InferenceError(f"{self._why_dead} The engine has to be opened anew.")
            try:
                message = self._exchange(image)
                answer = message.array() if message.kind == "answer" else None
                self._check_memory()
            except BaseException as error:
                failure = self._failure(error)
                self._why_dead = str(failure or "The engine was interrupted while it answered.")
                self._bury()
                if failure is None or failure is error:
                    raise
                raise failure from error
        if answer is None:
            raise _error_of(message, InferenceError, "failed on a frame")
        return answer

    def abandon(self) -> None:
        """Kill the process; whoever waits for it gets an error at once. From any thread, more than once."""
        self._is_abandoned = True
        self._process.kill()
        with contextlib.suppress(OSError):  # closed already
            self._connection.shutdown(socket.SHUT_RDWR)  # wakes the waiting even if the process cannot die

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the engine close itself, for a moment; then kill it."""
        if not self._lock.acquire(blocking=False):
            self.abandon()
            self._lock.acquire()
        try:
            if not self._is_closed:
                self._is_closed = True
                with contextlib.suppress(OSError):
                    self._connection.shutdown(socket.SHUT_WR)
                self._process.wait(_CLOSE_S)
                self._bury()
        finally:
            self._lock.release()

    def _start(self) -> None:
        try:
            self._connection, theirs = socket.socketpair()
            try:
                self._process = ChildProcess(theirs, module=_WORKER, name="engine")
            except BaseException:
                self._connection.close()
                raise
        except OSError as error:
            raise EngineUnavailableError(_no_process(error)) from error

    def _open(
        self,
        factory: str,
        arguments: Mapping[str, object],
        progress: Callable[[str], None],
        timeout_s: float,
    ) -> EngineInfo:
        order = pickle.dumps(dict(arguments))
        said = ""
        message = self._heard_opening(timeout_s, said, order, factory=factory)
        while message.kind == "progress":
            said = str(message.facts.get("text"))
            progress(said)
            message = self._heard_opening(STEP_TIMEOUT_S, said)
        if message.kind != "opened":
            raise _error_of(message, EngineUnavailableError, "could not be opened")
        try:
            facts = message.facts["info"]
            return EngineInfo(**{**facts, "versions": tuple(map(tuple, facts["versions"]))})
        except (KeyError, TypeError) as error:
            raise EngineUnavailableError(self._why_gone("was opened", error)) from error

    def _heard_opening(
        self, timeout_s: float, said: str, order: bytes | None = None, **facts: str
    ) -> Message:
        """Give the order, if there is one, and wait for what the process says next."""
        deadline = time.monotonic() + timeout_s
        try:
            if order is not None:
                send(self._connection, "open", order, deadline=deadline, **facts)
            return receive(self._connection, deadline=deadline)
        except TimeoutError as error:
            after = f" after {said!r}" if said else ""
            raise EngineUnavailableError(
                f"The process of the engine said nothing for {timeout_s:g} s{after} while it was opened, and "
                f"was ended: its device or driver may hang. {_INSTEAD}"
            ) from error
        except (OSError, ValueError) as error:
            raise EngineUnavailableError(self._why_gone("was opened", error)) from error

    def _exchange(self, image: NDArray[np.uint8]) -> Message:
        deadline = time.monotonic() + self._answer_timeout_s
        send_array(self._connection, "image", image, deadline=deadline)
        return receive(self._connection, deadline=deadline)

    def _check_memory(self) -> None:
        taken_mb = self._process.resident_mb
        if taken_mb is not None and taken_mb > self._memory_limit_mb:
            raise InferenceError(
                f"The {self._info.backend} engine leaks memory: its process took {taken_mb:.0f} MB, expected "
                f"{self._memory_limit_mb:.0f} MB at most, and was ended. {_INSTEAD}"
            )

    def _failure(self, error: BaseException) -> InferenceError | None:
        """What the caller gets for an error that ends the process; None: the error itself, none of ours."""
        match error:
            case InferenceError():
                return error
            case TimeoutError():
                return InferenceTimeoutError(
                    f"The {self._info.backend} engine did not answer within {self._answer_timeout_s:g} s and "
                    f"was ended. {_INSTEAD}"
                )
            case Exception():  # no other may end the run's inference for good
                return InferenceError(self._why_gone("answered", error))
            case _:
                return None

    def _why_gone(self, doing: str, error: Exception) -> str:
        """What is known of a process that hung up, or that sent nonsense."""
        if self._is_abandoned:
            return f"The engine was abandoned while it {doing}: the run ends."
        hung_up = isinstance(error, OSError)
        ended = hung_up and self._process.wait(_DEATH_S)
        if ended and self._process.failure is not None:
            return _no_process(self._process.failure)
        how = self._process.ending if ended else "hung up" if hung_up else f"sent nonsense ({error!r})"
        words = self._process.last_words
        said = f" Its last words: {words!r}." if words else ""
        return f"The process of the engine {how} while it {doing}.{said} {_INSTEAD}"

    def _bury(self) -> None:
        """Kill what still lives, and let go of everything."""
        self._process.kill()
        if not self._process.wait(_KILL_S):
            log.warning("the engine process %d was killed and has not ended yet", self.pid)
        self._connection.close()


def _no_process(cause: BaseException) -> str:
    return f"No process can be started for the engine: {cause}. End other programs and try again."


def _error_of(message: Message, other: type[EngineError], what: str) -> ScrLiveError:
    """The engine's own error; `other` for one that is none of ours."""
    text = str(message.facts.get("text", ""))
    kind = getattr(errors, str(message.facts.get("error", "")), None)
    if isinstance(kind, type) and issubclass(kind, ScrLiveError):
        return kind(text)
    return other(f"The engine {what}: {text.rstrip('.')}. {_INSTEAD}")
