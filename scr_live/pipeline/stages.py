"""What the stages around the model do to one item: capture, composing, output."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from scr_live.controls import Controls
from scr_live.errors import SourceError
from scr_live.frames import Frame, Picture, Prediction
from scr_live.geometry import Box
from scr_live.overlays import Overlay, draw, draw_status
from scr_live.pipeline.board import Board
from scr_live.pipeline.channel import Channel
from scr_live.pipeline.crew import StarvedError
from scr_live.pipeline.timing import Timings
from scr_live.sinks import Sink
from scr_live.sources import VideoSource

AI_STARTING = "AI starting"
"""No frame has been answered yet."""
AI_BEHIND = "AI behind"
"""The marks are those of a slightly earlier frame."""
AI_LATE = "AI late"
"""The latest answer is too old to be drawn."""
AI_OFF = "AI off"
"""The model fails, or has said nothing for seconds."""

_SILENT_S = 2.0


class Capture:
    """The inlet of the capture stage: frames until the end, the limit, or the stop."""

    def __init__(
        self, source: VideoSource, timings: Timings, *, is_over: Callable[[], bool], max_frames: int | None
    ) -> None:
        self._source = source
        self._timings = timings
        self._is_over = is_over
        self._max_frames = max_frames
        self._began_at = time.perf_counter()
        self._is_reading = False
        self._interrupted = False
        self.captured = 0

    def __iter__(self) -> Iterator[Frame]:
        frames = iter(self._source)
        while not self._is_over() and self.captured != self._max_frames:
            started = time.perf_counter()
            self._is_reading = True
            try:
                frame = next(frames, None)
            except SourceError:
                if self._interrupted:  # our own close() made the read fail
                    return
                raise
            finally:
                self._is_reading = False
            if frame is None:
                return
            self._timings.record("capture", time.perf_counter() - started)
            if frame.captured_at < self._began_at:
                # Read while the source was opened, then kept while the model was loaded: that is no delay.
                frame = replace(frame, captured_at=started)
            self.captured += 1
            yield frame
            del frame

    def abandon(self) -> None:
        """Wake a blocked read by closing the source. Else nothing is to be done: the caller closes it."""
        if self._is_reading:
            self._interrupted = True
            self._source.close()


@dataclass(frozen=True, slots=True)
class NamedSink:
    """A sink under the name of its thread, its timing and its channel (to-<name> unless given)."""

    name: str
    sink: Sink
    channel: str = ""

    @property
    def channel_name(self) -> str:
        """Name of the channel that leads to it."""
        return self.channel or f"to-{self.name}"


class Compose:
    """Frame to picture: pair it with a prediction, draw the marks on a copy, say what is amiss.

    With `budget_s` None (files) every frame carries its own prediction, however long that takes. With a
    budget (live) a frame leaves at the latest so long after its capture, with a young enough earlier
    prediction or with none.
    """

    def __init__(  # noqa: PLR0913  all that it works with, named at its one call
        self,
        board: Board,
        timings: Timings,
        *,
        overlays: Sequence[Overlay],
        controls: Controls,
        budget_s: float | None,
        max_overlay_age_s: float,
        outputs: Mapping[str, Channel[Picture]],
    ) -> None:
        self._board = board
        self._timings = timings
        self._overlays = overlays
        self._controls = controls
        self._budget_s = budget_s
        self._max_overlay_age_s = max_overlay_age_s
        self._outputs = outputs
        self._began_at = math.inf
        self.composed = 0
        self.status = ""

    def __call__(self, frame: Frame) -> Picture:
        """Compose one picture. Raises StarvedError if its prediction cannot come any more (files)."""
        with self._timings.measure("await-prediction"):
            prediction, status = self._pair(frame)
        with self._timings.measure("compose"):
            status = "; ".join(filter(None, [status, *self._failed_outputs()]))
            picture = self._draw(frame, prediction, status)
        self.status = status
        self.composed += 1
        return picture

    def _pair(self, frame: Frame) -> tuple[Prediction | None, str]:
        self._began_at = min(self._began_at, frame.captured_at)
        own = self._board.wait_for(frame.index, self._patience_s(frame))
        if own is not None:
            return own, ""
        if self._budget_s is None:
            raise StarvedError(f"frame {frame.index} was captured and will not be predicted")
        if not self._board.answers:
            return None, AI_OFF
        near = self._board.newest_near(frame.captured_at, self._max_overlay_age_s)
        if near is not None:
            return near, AI_BEHIND
        newest = self._board.newest
        heard_at = self._began_at if newest is None else newest.captured_at
        if frame.captured_at - heard_at > _SILENT_S:
            return None, AI_OFF
        return None, AI_STARTING if newest is None else AI_LATE

    def _patience_s(self, frame: Frame) -> float | None:
        """Return how long the frame may still wait: the budget counts from its capture."""
        if self._budget_s is None:
            return None
        return max(0.0, frame.captured_at + self._budget_s - time.perf_counter())

    def _failed_outputs(self) -> list[str]:
        return [f"{name} failed" for name, channel in self._outputs.items() if channel.abandoned]

    def _draw(self, frame: Frame, prediction: Prediction | None, status: str) -> Picture:
        image = frame.image
        if prediction is not None and self._controls.overlay:
            image = draw(image, prediction, self._overlays)
        if status:
            newest = self._board.newest
            field = Box.whole(image) if newest is None else newest.placement.box
            image = image.copy() if image is frame.image else image
            draw_status(image, status, field)
        return Picture(frame, prediction, image, status)


class Output:
    """Picture to sink, counted."""

    def __init__(self, named: NamedSink, timings: Timings, *, ends_video_delay: bool) -> None:
        self.name = named.name
        self._sink = named.sink
        self._timings = timings
        self._ends_video_delay = ends_video_delay
        self.written = 0

    def __call__(self, picture: Picture) -> None:
        """Write one picture."""
        with self._timings.measure(self.name):
            self._sink.write(picture)
        self.written += 1
        if self._ends_video_delay:
            self._timings.video_delay.record(time.perf_counter() - picture.frame.captured_at)
