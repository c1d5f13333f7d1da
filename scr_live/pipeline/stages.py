"""What the first and the last stages do to one item: capture and output."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Protocol, runtime_checkable

from scr_live.errors import SourceError
from scr_live.events import EventKind, Journal
from scr_live.frames import Frame, Image, Picture, Signal
from scr_live.pipeline.timing import Timings
from scr_live.sinks import Sink
from scr_live.sources import VideoSource

_LATELY: Final = 0.1  # the weight of the newest picture: the last ten or so


class Judge(Protocol):
    """Sees every living picture of a live source, in order."""

    def judge(self, image: Image, captured_at: float) -> Signal:
        """Say whether it is a picture, or frozen, black or white input."""
        ...


class Capture:
    """The inlet of the capture stage: frames until the end, the limit, or the stop."""

    def __init__(  # noqa: PLR0913  all that it works with, named at its one call
        self,
        source: VideoSource,
        timings: Timings,
        *,
        journal: Journal,
        is_over: Callable[[], bool],
        max_frames: int | None,
        judge: Judge | None = None,
    ) -> None:
        self._source = source
        self._timings = timings
        self._journal = journal
        self._is_over = is_over
        self._max_frames = max_frames
        self._judge = judge
        self._signal = Signal.OK
        self._began_at = time.perf_counter()
        self._is_reading = False
        self._interrupted = False
        self.captured = 0
        """Living pictures of the source."""
        self.placeholders = 0
        """What stands for them while there is no signal."""
        self.stream_s: float | None = None
        """Where in the video the last one lies, be it this or that; None: no frame knew."""

    def __iter__(self) -> Iterator[Frame]:
        frames = iter(self._source)
        while not self._is_over() and self.captured != self._max_frames:
            started, cpu_s = time.perf_counter(), time.thread_time()
            frame = self._next(frames)
            if frame is None:
                return
            took_s = time.perf_counter() - started
            self._timings.record("capture", took_s, cpu_s=time.thread_time() - cpu_s)
            if frame.captured_at < self._began_at:
                # Read while the source was opened, then kept while the model was loaded: that is no delay.
                frame = replace(frame, captured_at=started)
            if frame.signal is Signal.LOST:
                self.placeholders += 1
            else:
                self.captured += 1
                frame = self._judged(frame)
            self.stream_s = self.stream_s if frame.pts_s is None else frame.pts_s
            yield frame
            del frame

    def abandon(self) -> None:
        """Wake a blocked read by closing the source. Else nothing is to be done: the caller closes it."""
        if self._is_reading:
            self._interrupted = True
            self._source.close()

    def _next(self, frames: Iterator[Frame]) -> Frame | None:
        self._is_reading = True
        try:
            return next(frames, None)
        except SourceError:
            if self._interrupted:  # our own close() made the read fail
                return None
            raise
        finally:
            self._is_reading = False

    def _judged(self, frame: Frame) -> Frame:
        if self._judge is None:
            return frame
        signal, before = self._judge.judge(frame.image, frame.captured_at), self._signal
        if signal is not before:
            self._signal = signal
            self._journal.tell(
                EventKind.INPUT_CHANGED, stream_s=frame.pts_s, signal=str(signal), before=str(before)
            )
        return frame if signal is frame.signal else replace(frame, signal=signal)


class Switch(Protocol):
    """Whether a sink takes its pictures, where a person decides that."""

    @property
    def is_on(self) -> bool:
        """False: it lets them pass, which is neither timed nor counted."""
        ...

    @property
    def has_failed(self) -> bool:
        """Whether it went off by itself, and nobody has switched it since."""
        ...


@dataclass(frozen=True, slots=True)
class NamedSink:
    """A sink under the name of its thread, its timing and its channel (to-<name> unless given)."""

    name: str
    sink: Sink
    channel: str = ""
    switch: Switch | None = None
    """None: it takes every picture."""

    @property
    def channel_name(self) -> str:
        """Name of the channel that leads to it."""
        return self.channel or f"to-{self.name}"


@runtime_checkable
class CountsItself(Protocol):
    """A sink that may write something else than the pictures it is given."""

    @property
    def written(self) -> int:
        """How many frames are in its files."""
        ...


class Output:
    """Picture to sink, counted."""

    def __init__(self, named: NamedSink, timings: Timings, *, ends_video_delay: bool) -> None:
        self.name = named.name
        self._sink = named.sink
        self._switch = named.switch
        self._timings = timings
        self._ends_video_delay = ends_video_delay
        self._taken = 0
        self.pace_s = 0.0
        """What a picture took lately."""

    @property
    def has_failed(self) -> bool:
        """Whether the sink takes no pictures although it should."""
        return self._switch is not None and self._switch.has_failed

    @property
    def written(self) -> int:
        """Pictures that the sink took, or what it says itself that it wrote."""
        return self._sink.written if isinstance(self._sink, CountsItself) else self._taken

    def __call__(self, picture: Picture) -> None:
        """Write one picture."""
        started, cpu_s = time.perf_counter(), time.thread_time()
        self._sink.write(picture)
        if self._switch is None or self._switch.is_on:
            self._count(time.perf_counter() - started, time.thread_time() - cpu_s)
        if self._ends_video_delay:
            self._timings.video_delay.record(time.perf_counter() - picture.frame.captured_at)

    def _count(self, took_s: float, cpu_s: float) -> None:
        self._timings.record(self.name, took_s, cpu_s=cpu_s)
        self.pace_s += (_LATELY if self._taken else 1.0) * (took_s - self.pace_s)
        self._taken += 1
