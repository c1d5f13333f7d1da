"""A recording that a person starts and stops while the video goes on."""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeAlias

from scr_live.errors import ScrLiveError, SinkError
from scr_live.events import EventKind, Journal
from scr_live.frames import Picture

if TYPE_CHECKING:
    from scr_live.sinks.recorder import Recorder, RecordingState

Answer: TypeAlias = Callable[[str], None]
"""Hears what became of an order: empty if it was carried out, or a sentence. Quick; it never raises."""

_ENDED: Final = "The run has ended: nothing can be recorded any more."


@dataclass(frozen=True, slots=True, eq=False)
class _Order:
    is_on: bool
    asked_at: float
    answer: Answer


@dataclass(slots=True)
class _Take:
    """What is left of a recording that has ended, or is about to."""

    paths: list[Path] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class SwitchedRecorder:
    """A Sink that records while it is switched on, each time into a new recording.

    `switch` takes effect at the first picture that was captured after the call: what waits before the sink
    is recorded, or not, as it was meant. The thread that writes begins recordings, too, so that a disk which
    is slow to begin costs no picture; they are ended in threads of their own. A recording that fails ends
    alone: pictures go on, and another one can be started. The first failure is raised when all is closed.
    """

    def __init__(
        self,
        begin: Callable[[Path], "Recorder"],
        next_path: Callable[[], Path],
        *,
        first: "Recorder | None" = None,
        journal: Journal | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """begin: may raise a ScrLiveError. next_path: a name that no file has. first: on from the start."""
        self._begin = begin
        self._next_path = next_path
        self._recorder = first
        self._journal = journal or Journal()
        self._clock = clock
        self._orders: deque[_Order] = deque()
        self._lock = threading.Lock()
        self._takes: list[_Take] = []
        self._ending: list[threading.Thread] = []
        self._failures: list[BaseException] = []
        self._written_before = 0
        self._failed: RecordingState | None = None
        self._is_closed = False

    @property
    def is_on(self) -> bool:
        """Whether pictures are recorded."""
        return self._recorder is not None

    @property
    def is_idle(self) -> bool:
        """Whether it needs no picture at present."""
        return self._recorder is None and not self._orders

    @property
    def has_failed(self) -> bool:
        """Whether the latest recording went wrong, and nobody has switched since."""
        return self._failed is not None

    @property
    def written(self) -> int:
        """Pictures of all recordings."""
        with self._lock:
            return self._written_before + (self._recorder.frames_written if self._recorder else 0)

    @property
    def paths(self) -> list[Path]:
        """All files that hold something; complete once closed."""
        with self._lock:
            now = self._recorder.paths if self._recorder else []
            return [path for take in self._takes for path in take.paths] + now

    @property
    def problems(self) -> list[str]:
        """What the recordings survived and what ended them; complete once closed."""
        with self._lock:
            now = self._recorder.problems if self._recorder else []
            return [problem for take in self._takes for problem in take.problems] + now

    def state(self) -> "RecordingState | None":
        """How the recording does that is on, or that failed last; None: nothing is recorded."""
        recorder = self._recorder
        return self._failed if recorder is None else recorder.state()

    def switch(self, *, on: bool, answer: Answer) -> None:
        """Start a new recording, or end the one that is on; if it is so already, that is no error."""
        self._orders.append(_Order(on, self._clock(), answer))
        if self._is_closed:
            self._refuse_orders()

    def write(self, picture: Picture) -> None:
        """Record the picture if it is to be."""
        while self._orders and picture.frame.captured_at >= self._orders[0].asked_at:
            order = self._orders.popleft()
            order.answer(self._turn(order, picture))
        recorder = self._recorder
        if recorder is None:
            return
        try:
            recorder.write(picture)
        except SinkError as error:
            self._stop(error)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish whatever is open. The first failure of any recording is raised, with the others as notes."""
        with self._lock:
            self._is_closed = True
        self._refuse_orders()
        self._stop()
        for thread in self._ending:
            thread.join()  # it waits for a disk as long as a recorder does
        if self._failures:
            first, *more = self._failures
            for other in more:
                first.add_note(str(other))
            raise first

    def _turn(self, order: _Order, picture: Picture) -> str:
        """Carry an order out; return why it was not."""
        if order.is_on:
            return "" if self.is_on else self._start(picture)
        self._failed = None
        self._stop()
        return ""

    def _start(self, picture: Picture) -> str:
        try:
            path = self._next_path()
        except OSError as error:
            return f"No recording can be started: {error.strerror or error}."
        try:
            recorder = self._begin(path)
        except ScrLiveError as error:
            stream_s = picture.frame.pts_s
            self._journal.tell(
                EventKind.RECORDING_FAILED, stream_s=stream_s, path=str(path), cause=str(error)
            )
            return str(error)
        with self._lock:
            if self._is_closed:
                return _ENDED
            self._recorder, self._failed = recorder, None
        return ""

    def _stop(self, failure: SinkError | None = None) -> None:
        """Let the recording that is on be ended beside the pictures."""
        with self._lock:
            recorder = self._recorder
            if recorder is None:
                return
            take = _Take(recorder.paths, recorder.problems)
            self._takes.append(take)
            self._written_before += recorder.frames_written
            if failure is not None:
                self._failures.append(failure)
                self._failed = recorder.state()
            self._recorder = None
        ending = threading.Thread(target=self._end, args=(recorder, take), name="recording-end", daemon=True)
        self._ending = [thread for thread in self._ending if thread.is_alive()]
        try:
            ending.start()
        except RuntimeError:  # no thread can be had: the pictures wait
            self._end(recorder, take)
        else:
            self._ending.append(ending)

    def _end(self, recorder: "Recorder", take: _Take) -> None:
        failure: BaseException | None = None
        try:
            recorder.__exit__(None, None, None)
        except BaseException as error:  # noqa: BLE001 - raised when all is closed
            failure = error
        with self._lock:
            take.paths, take.problems = recorder.paths, recorder.problems
            if failure is not None:
                self._failures.append(failure)
                if self._recorder is None:
                    self._failed = replace(recorder.state(), problem=str(failure))

    def _refuse_orders(self) -> None:
        with contextlib.suppress(IndexError):  # two threads may do so at once
            while True:
                self._orders.popleft().answer(_ENDED)
