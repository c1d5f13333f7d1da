"""One named thread a stage: the first error is kept and raised, a stage that does not return is named.

`pump` is the body of every stage. However it ends, it closes its outlets and abandons its inlet, so that an
end or a failure runs to both ends of the pipeline by itself. Standard library only.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeVar

from scr_live.errors import StageStuckError
from scr_live.pipeline.channel import Abandoned, Channel, Inlet, Outlet

T = TypeVar("T")
U = TypeVar("U")

_LOOK_EVERY_S = 0.05
_INTERRUPT_AFTER_S = 0.2


class StarvedError(Exception):
    """A step lacks what an earlier stage should have delivered: raised if no stage has a better reason."""


class Activity(Enum):
    """What a stage is doing."""

    READING = "waiting for its input"
    WORKING = "working"
    HANDING_OVER = "handing over"


@dataclass(slots=True)
class Watch:
    """What `pump` tells of itself while it runs; written by one thread, read by others."""

    activity: Activity = Activity.READING
    since: float = field(default_factory=time.monotonic)
    """When it began with that."""
    steps: int = 0

    def turn_to(self, activity: Activity) -> None:
        """Begin with something else."""
        self.activity = activity
        self.since = time.monotonic()


def pump(
    inlet: Inlet[T], step: Callable[[T], U | None], *outlets: Outlet[U], watch: Watch | None = None
) -> None:
    """Put step(item) of every item into all outlets; None is put nowhere.

    Ends at the end of the inlet, with the step's error, or quietly when an outlet is abandoned. However it
    ends, its outlets are closed and its inlet is abandoned.
    """
    watch = watch or Watch()
    try:
        for item in inlet:
            watch.turn_to(Activity.WORKING)
            result = step(item)
            watch.turn_to(Activity.HANDING_OVER)
            if result is not None:
                for outlet in outlets:
                    outlet.put(result)
            del item, result  # a stage that waits must not keep a picture alive
            watch.steps += 1
            watch.turn_to(Activity.READING)
    except Abandoned:
        pass  # the reader has left; whatever made it leave is reported by its own stage
    finally:
        for outlet in outlets:
            outlet.close()
        inlet.abandon()


class Crew:
    """A context manager around the stages of one pipeline.

    Leaving it waits for all stages and raises the first error, with a note that names its stage; later
    errors become notes of the first. Start the stages upstream first: the first one is the head, and once it
    has ended (or `stop` is set) the others have to follow. If then nothing moves for `grace_s`, the first
    stage that is busy counts as stuck: it is cut off, so that the rest can finish, and named in a
    StageStuckError. Threads are daemons: a stuck one does not keep the process alive.
    """

    def __init__(
        self,
        *,
        grace_s: float = 10.0,
        stop: threading.Event | None = None,
        main: str = "main",
        hurry: Callable[[], None] = lambda: None,
    ) -> None:
        """hurry: called once if an ending run does not move at first; it wakes what it can."""
        self.stop = stop or threading.Event()
        """Set by whoever wants the run to end; the head stage has to look at it."""
        self._grace_s = grace_s
        self._main = main
        self._hurry = hurry
        self._stages: list[_Stage] = []
        self._lock = threading.Lock()
        self._all_ended = threading.Event()
        self._all_ended.set()
        self._first: BaseException | None = None

    @property
    def winding_down(self) -> bool:
        """Whether all stages are bound to end soon."""
        return self.stop.is_set() or (bool(self._stages) and self._stages[0].ended)

    def still_s(self) -> dict[str, float]:
        """Return for each stage that is busy in foreign code how long it has been so, in seconds.

        Waiting for the very first item of a source is no stall: it may take its time to begin.
        """
        now = time.monotonic()
        return {
            stage.name: now - stage.watch.since
            for stage in self._alive()
            if stage.is_busy and (stage.watch.steps or stage.watch.activity is not Activity.READING)
        }

    def start(self, name: str, inlet: Inlet[T], step: Callable[[T], U | None], *outlets: Outlet[U]) -> None:
        """Start a thread of that name which pumps the inlet through the step into the outlets."""
        watch = Watch()
        body = partial(pump, inlet, step, *outlets, watch=watch)
        stage = _Stage(name, watch, inlet, outlets)
        thread = threading.Thread(target=self._run, args=(stage, body), name=name, daemon=True)
        stage.thread = thread
        with self._lock:
            self._all_ended.clear()
            self._stages.append(stage)
        thread.start()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until all stages have ended; False if they have not in that time."""
        return self._all_ended.wait(timeout_s)

    def join(self, tick: Callable[[], None] = lambda: None) -> None:
        """Wait for all stages and cut off those that are stuck, calling `tick` now and then.

        Leaving the crew does this too; call it before that to do something while waiting.
        """
        seen, moved_at = None, time.monotonic()
        interrupted = hurried = False
        while not self.wait(_LOOK_EVERY_S):
            tick()
            now = [(stage.watch.steps, stage.ended) for stage in self._stages]
            if now != seen or not self.winding_down:
                seen, moved_at = now, time.monotonic()
                continue
            still_s = time.monotonic() - moved_at
            if still_s > min(_INTERRUPT_AFTER_S, self._grace_s / 2):
                if not interrupted:
                    interrupted = self._interrupt_head()
                if not hurried:
                    hurried = True
                    self._hurry()
                if all(stage.cut_off for stage in self._alive()):
                    break
            if still_s > self._grace_s:
                self._cut_off_stuck()
                moved_at = time.monotonic()
        for stage in self._stages:
            if stage.ended:
                stage.thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.stop.set()
            self._keep(self._main, error)
        self.join()
        if self._first is not None and self._first is not error:
            raise self._first

    def _run(self, stage: "_Stage", body: Callable[[], None]) -> None:
        _name_for_the_system(stage.name)
        try:
            body()
        except BaseException as error:  # noqa: BLE001  the one place that keeps any error: the caller gets it
            self._keep(stage.name, error)
        with self._lock:
            stage.ended = True
            if all(other.ended for other in self._stages):
                self._all_ended.set()

    def _keep(self, name: str, error: BaseException) -> None:
        with self._lock:
            # A stage closes its outlets before its error is kept, so the starved one may be heard first.
            if self._first is None or isinstance(self._first, StarvedError):
                self._first = error
                error.add_note(f"Pipeline stage: {name}")
            elif self._first is not error and not isinstance(error, StarvedError):
                self._first.add_note(f"Then pipeline stage {name}: {type(error).__name__}: {error}")

    def _alive(self) -> "list[_Stage]":
        return [stage for stage in self._stages if not stage.ended]

    def _interrupt_head(self) -> bool:
        """Wake a head that is blocked in a read and so has not seen the stop; False if it is not."""
        head = self._stages[0]
        if head.ended or head.watch.activity is not Activity.READING:
            return False
        head.inlet.abandon()
        return True

    def _cut_off_stuck(self) -> None:
        """End the neighbours of a stuck stage as its own end would have done.

        Upstream first: a busy stage may be waiting for one before it. If none is busy, all are cut off.
        """
        left = [stage for stage in self._alive() if not stage.cut_off]
        for stage in [stage for stage in left if stage.is_busy][:1] or left:
            stage.cut_off = True
            self._keep(stage.name, _stuck_error(stage, self._grace_s))
            for outlet in stage.outlets:
                outlet.close()
            stage.inlet.abandon()


class _Closable(Protocol):
    def close(self) -> None: ...


@dataclass(slots=True)
class _Stage:
    """What the crew knows of one thread."""

    name: str
    watch: Watch
    inlet: Inlet[object]
    outlets: Sequence[_Closable]
    thread: threading.Thread = field(init=False)
    ended: bool = False
    cut_off: bool = False

    @property
    def is_busy(self) -> bool:
        """Whether it is in foreign code, and not just waiting at a channel."""
        if self.watch.activity is Activity.READING:
            return not isinstance(self.inlet, Channel)
        return self.watch.activity is Activity.WORKING


def _name_for_the_system(name: str) -> None:
    """Let top and perf tell the thread from others (Linux); what a library starts in it inherits the name."""
    with contextlib.suppress(OSError):
        Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(name[:15], encoding="utf-8")


def _stuck_error(stage: _Stage, grace_s: float) -> StageStuckError:
    return StageStuckError(
        f"Pipeline stage {stage.name!r} did not return: the run was ending, and for {grace_s:g} s nothing "
        f"moved while this stage was {stage.watch.activity.value}. The other stages were finished without "
        "it. A thread cannot be stopped from outside: end the process, and look at the device, driver or "
        "disk that this stage uses."
    )
