"""What each stage does to one item: capture, inference, composing, output."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from scr_live.content import FieldFinder
from scr_live.controls import Controls
from scr_live.engines import Engine
from scr_live.errors import EngineError, InferenceError, ModelError, SourceError
from scr_live.frames import Frame, Mask, Picture, Prediction
from scr_live.geometry import Box, Placement, polyps_from_probability
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
_RANGE_SLACK = 1e-3


class Capture:
    """The inlet of the capture stage: frames until the end, the limit, or the stop."""

    def __init__(
        self, source: VideoSource, timings: Timings, *, is_over: Callable[[], bool], max_frames: int | None
    ) -> None:
        self._source = source
        self._timings = timings
        self._is_over = is_over
        self._max_frames = max_frames
        self._abandoned = False
        self.captured = 0

    def __iter__(self) -> Iterator[Frame]:
        frames = iter(self._source)
        while not self._is_over() and self.captured != self._max_frames:
            try:
                with self._timings.measure("capture"):
                    frame = next(frames, None)
            except SourceError:
                if self._abandoned:  # our own close() made the read fail
                    return
                raise
            if frame is None:
                return
            self.captured += 1
            yield frame
            del frame

    def abandon(self) -> None:
        """Close the source, which also wakes a blocked read."""
        self._abandoned = True
        self._source.close()


class Backoff:
    """When to try again after a failure: waits that double up to a limit, and start anew after a success."""

    def __init__(
        self, first_s: float, longest_s: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._clock = clock
        self._wait_s = first_s
        self._due_at: float | None = None

    @property
    def is_due(self) -> bool:
        """Whether the next attempt may be made."""
        return self._due_at is None or self._clock() >= self._due_at

    def failed(self) -> None:
        """Begin the next, longer wait."""
        self._due_at = self._clock() + self._wait_s
        self._wait_s = min(2 * self._wait_s, self._longest_s)

    def succeeded(self) -> None:
        """Forget the failures."""
        self._due_at = None
        self._wait_s = self._first_s


class Inference:
    """Frame to prediction: find the field, run the engine, check its answer, find the contours.

    Without a back-off a failure ends the stage. With one (live) it is counted and told to the board, frames
    are skipped until the next attempt, and that uses a new engine if there is a way to open one.
    """

    def __init__(  # noqa: PLR0913  all that it works with, named at its one call
        self,
        engine: Engine,
        board: Board,
        timings: Timings,
        *,
        controls: Controls,
        min_area: float,
        backoff: Backoff | None = None,
        reopen_engine: Callable[[], Engine] | None = None,
    ) -> None:
        self._engine = engine
        self._owned: Engine | None = None
        self._board = board
        self._timings = timings
        self._controls = controls
        self._min_area = min_area
        self._backoff = backoff
        self._reopen_engine = reopen_engine
        self._finder = FieldFinder()
        self._is_broken = False
        self.inferred = 0
        self.polyp_frames = 0
        self.failures = 0
        self.skipped = 0
        self.last_failure = ""

    def __call__(self, frame: Frame) -> Prediction | None:
        """Predict one frame; None while the model does not work. Raises InferenceError without a back-off."""
        if self._backoff is None:
            return self._predict(frame)
        if not self._backoff.is_due:
            self.skipped += 1
            return None
        try:
            if self._is_broken:
                self._replace_engine()
            prediction = self._predict(frame)
        except (EngineError, ModelError) as error:
            self._is_broken = True
            self.failures += 1
            self.last_failure = str(error)
            self._board.fail()
            self._backoff.failed()
            return None
        self._is_broken = False
        self._backoff.succeeded()
        return prediction

    def close(self) -> None:
        """Close the engine that was reopened, if any. The first one belongs to the caller."""
        owned, self._owned = self._owned, None
        if owned is not None:
            owned.__exit__(None, None, None)

    def _replace_engine(self) -> None:
        if self._reopen_engine is None:
            return
        self.close()
        self._engine = self._owned = self._reopen_engine().__enter__()

    def _predict(self, frame: Frame) -> Prediction:
        with self._timings.measure("infer"):
            placement = Placement(self._finder.update(frame.image), self._engine.info.input_size)
            network_input = placement.to_network(frame.image)
            started = time.perf_counter()
            with self._timings.measure("engine"):
                probability = self._engine.infer(network_input)
            infer_ms = 1000 * (time.perf_counter() - started)
            check_probability(probability, placement.size, frame_index=frame.index)
            polyps = polyps_from_probability(
                probability, placement, threshold=self._controls.threshold, min_area=self._min_area
            )
        self.inferred += 1
        self.polyp_frames += bool(polyps)
        self._timings.annotation_delay.record(time.perf_counter() - frame.captured_at)
        return Prediction(frame.index, polyps, probability, placement, infer_ms, frame.captured_at)


def check_probability(probability: Mask, size: int, *, frame_index: int) -> None:
    """Raise InferenceError unless it is a (size, size) float map of numbers from 0 to 1."""
    if probability.shape != (size, size) or probability.dtype.kind != "f":
        raise InferenceError(
            f"The engine should answer frame {frame_index} with a ({size}, {size}) float map, and answered "
            f"{probability.shape} {probability.dtype}. The model file does not fit its card: check them."
        )
    lowest, highest = float(probability.min()), float(probability.max())
    # Written so that NaN, which compares false with everything, fails too.
    if not (lowest >= -_RANGE_SLACK and highest <= 1 + _RANGE_SLACK):
        raise InferenceError(
            f"The engine should answer frame {frame_index} with probabilities from 0 to 1, and answered "
            f"values from {lowest:g} to {highest:g}. Try another precision (--precision f32) or engine."
        )


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
