"""Sources, sinks and screens that count, fail, wait and remember, and a way to run them all."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from time import perf_counter
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from scr_live.controls import Controls
from scr_live.engines.constant import ConstantEngine
from scr_live.events import Journal
from scr_live.frames import Frame, Mask, Picture, Prediction
from scr_live.pipeline.live import NamedSink, PipelineOptions, Progress, RunStats, run
from scr_live.sources import SourceInfo

Hook = Callable[[int], object]
"""Called with the number of the item, before it is worked on: raises, waits, or just notes it."""

WIDTH, HEIGHT = 48, 32


PATIENT = PipelineOptions(annotation_budget_s=5.0, retry_first_s=0.0)
"""Live, every frame waits for its own prediction even on a loaded machine."""


class FaultError(Exception):
    """What tests inject; nothing in the product knows it."""


def fail_at(number: int, error: Exception | None = None) -> Hook:
    def hook(index: int) -> None:
        if index == number:
            raise error or FaultError(f"at {index}")

    return hook


def ignore(index: int) -> None:
    pass


class Closable:
    """A context manager that knows that it was left, and which of the run's threads lived then."""

    left = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.left = True


class Pace:
    """Lets the source hand out frame n + 1 once n pictures have arrived at the far end: live, no clock."""

    def __init__(self) -> None:
        self._arrived = threading.Semaphore(1)

    def arrived(self, index: int) -> None:
        self._arrived.release()

    def wait(self, index: int) -> None:
        assert self._arrived.acquire(timeout=20), f"frame {index - 1} never arrived"


class CountingSource(Closable):
    """`count` frames, each filled with its own number."""

    def __init__(self, count: int, *, is_live: bool = False, before: Hook = ignore) -> None:
        self.info = SourceInfo("phantom", "counting", WIDTH, HEIGHT, 25.0, is_live=is_live, frame_count=count)
        self._count = count
        self.before = before
        self.closed = threading.Event()
        self.exhausted = threading.Event()
        self.on_close: Hook = ignore
        self.picture: Callable[[int], NDArray[np.uint8]] = lambda index: np.full(
            (HEIGHT, WIDTH, 3), 60 + index % 190, np.uint8
        )

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self._count):
            self.before(index)
            if self.closed.is_set():
                return
            yield Frame(self.picture(index), index, index / 25, perf_counter())
        self.exhausted.set()  # the consumer came back for more, so it has passed the last one on

    def close(self) -> None:
        self.closed.set()
        self.on_close(0)


class HookedEngine(ConstantEngine):
    """The constant engine, marking a disc, with a hook before each answer."""

    def __init__(self, before: Hook = ignore) -> None:
        super().__init__(size=32, probability=0.9)
        self._before = before
        self._calls = 0
        self.left = False

    def infer(self, image: NDArray[np.uint8]) -> Mask:
        self._calls += 1
        self._before(self._calls - 1)
        return super().infer(image)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.left = True


@dataclass
class Keeper(Closable):
    """A sink that remembers; pictures are kept, so only for short runs."""

    before: Hook = ignore
    after: Hook = ignore
    pictures: list[Picture] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)

    def write(self, picture: Picture) -> None:
        self.threads.add(threading.current_thread().name)
        self.before(len(self.pictures))
        self.pictures.append(picture)
        self.after(picture.frame.index)

    @property
    def indexes(self) -> list[int]:
        return [picture.frame.index for picture in self.pictures]

    @property
    def statuses(self) -> list[str]:
        return [picture.status for picture in self.pictures]


@dataclass
class FakeScreen(Closable):
    """A screen that remembers, and that asks for the end when `quits_at` pictures were shown."""

    before: Hook = ignore
    after: Hook = ignore
    quits_at: int | None = None
    idle: Callable[[], object] = lambda: None
    pictures: list[Picture] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)

    def refresh(self, picture: Picture | None) -> bool:
        self.threads.add(threading.current_thread().name)
        if picture is None:
            self.idle()
            return True
        self.before(len(self.pictures))
        self.pictures.append(picture)
        self.after(picture.frame.index)
        return len(self.pictures) != self.quits_at

    @property
    def indexes(self) -> list[int]:
        return [picture.frame.index for picture in self.pictures]

    @property
    def statuses(self) -> list[str]:
        return [picture.status for picture in self.pictures]


@dataclass
class Rig:
    """Everything for one run, opened and closed as the command line does; what is None is left out."""

    source: CountingSource
    engine: HookedEngine = field(default_factory=HookedEngine)
    recorder: Keeper | None = field(default_factory=Keeper)
    screen: FakeScreen | None = None
    others: dict[str, Keeper] = field(default_factory=dict)
    """More sinks, by name."""
    overlay: Hook = ignore
    controls: Controls = field(default_factory=Controls)
    options: PipelineOptions = PATIENT
    stop: threading.Event = field(default_factory=threading.Event)
    reopen_engine: Callable[[], HookedEngine] | None = None
    progress: Callable[[Progress], None] | None = None
    stats: RunStats | None = None
    journal: Journal | None = None

    def run(self) -> RunStats:
        drawn = 0

        def overlay(image: NDArray[np.uint8], prediction: Prediction) -> None:
            nonlocal drawn
            drawn += 1
            self.overlay(drawn - 1)
            image[HEIGHT // 2, :, 1] = 255

        with contextlib.ExitStack() as stack:
            for part in (self.source, self.engine, self.recorder, self.screen, *self.others.values()):
                if part is not None:
                    stack.enter_context(part)
            sinks = [] if self.recorder is None else [NamedSink("recorder", self.recorder, "to-disk")]
            sinks += [NamedSink(name, sink) for name, sink in self.others.items()]
            return run(
                self.source,
                self.engine,
                sinks=sinks,
                screen=self.screen,
                overlays=[overlay],
                controls=self.controls,
                options=self.options,
                progress=self.progress,
                stop=self.stop,
                reopen_engine=self.reopen_engine,
                journal=self.journal,
                finished=self._keep_stats,
            )

    def with_options(self, **changes: object) -> Self:
        self.options = replace(self.options, **changes)
        return self

    def _keep_stats(self, stats: RunStats) -> None:
        self.stats = stats


def notes(error: BaseException) -> str:
    return "\n".join(getattr(error, "__notes__", []))
