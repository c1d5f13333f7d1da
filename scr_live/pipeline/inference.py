"""What the inference stage does to one frame, and what it does when the model fails."""

import logging
import time
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from scr_live.controls import Controls
from scr_live.engines import Engine
from scr_live.engines.leash import Abandonable
from scr_live.frames import Frame, Prediction, Signal
from scr_live.pipeline.board import Board
from scr_live.pipeline.timing import Timings
from scr_live.predictor import Follower, Predictor

log = logging.getLogger(__name__)


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


@runtime_checkable
class Recovery(Protocol):
    """A way to reopen the engine that wants to hear how it goes, such as an `EngineLadder`."""

    def __call__(self) -> Engine:
        """Open the engine that is next."""
        ...

    def failed(self, error: Exception, *, stream_s: float | None = None) -> None:
        """The engine could not be opened, or did not answer."""
        ...

    def succeeded(self, *, stream_s: float | None = None) -> None:
        """It answered."""
        ...


class Inference:
    """Frame to prediction, and what becomes of a run whose model does not answer.

    Without a back-off a failure ends the stage. With one (live) it is counted and told to the board and to
    `reopen_engine` if that is a Recovery; frames are skipped until the next attempt, and that uses a new
    engine if there is a way to open one.
    """

    def __init__(  # noqa: PLR0913  all that it works with, named at its one call
        self,
        engine: Engine,
        board: Board,
        timings: Timings,
        *,
        controls: Controls,
        min_area: float,
        follower: Follower | None = None,
        backoff: Backoff | None = None,
        reopen_engine: Recovery | Callable[[], Engine] | None = None,
    ) -> None:
        self._engine = engine
        self._owned: Engine | None = None
        self._board = board
        self._timings = timings
        self._backoff = backoff
        self._reopen_engine = reopen_engine
        self._recovery = reopen_engine if isinstance(reopen_engine, Recovery) else None
        self._predictor = Predictor(
            engine,
            threshold=lambda: controls.threshold,
            min_area=min_area,
            follower=follower,
            measure=timings.measure,
        )
        self._is_broken = False
        self._is_abandoned = False
        self.engine_info = engine.info
        """Of the engine in use, or of the last one that was."""
        self.inferred = 0
        self.polyp_frames = 0
        self.failures = 0
        self.skipped = 0
        """Frames not shown to the model because it had failed and its next attempt was not due."""
        self.reopened = 0
        self.last_failure = ""

    def __call__(self, frame: Frame) -> Prediction | None:
        """Predict one frame; None if there is nothing to see, or live, while the model does not work.

        Raises InferenceError without a back-off.
        """
        prediction = self._answer(frame)
        if prediction is None and not self._is_abandoned:  # sightings end without answers, too
            self._predictor.pass_by(frame)
        return prediction

    def abandon(self) -> None:
        """End the engine even in the middle of a frame, if it can be ended; no other is opened, live.

        For another thread, when the run is to end and the model does not return.
        """
        self._is_abandoned = True
        in_use: tuple[object, ...] = (self._reopen_engine, self._engine)  # the first: what it is opening
        for one in in_use:
            if isinstance(one, Abandonable):
                one.abandon()

    def close(self) -> None:
        """Close the engine that was reopened, if any. The first one belongs to the caller."""
        owned, self._owned = self._owned, None
        if owned is not None:
            try:
                owned.__exit__(None, None, None)
            except Exception:
                log.exception("the engine %s failed to close", owned.info.kind)

    def _answer(self, frame: Frame) -> Prediction | None:
        if frame.signal is Signal.LOST:
            return None
        if self._backoff is None:
            return self._predict(frame)
        if self._is_abandoned:
            return None
        if not self._backoff.is_due:
            self.skipped += 1
            return None
        try:
            if self._is_broken:
                self._replace_engine()
            prediction = self._predict(frame)
        except Exception as error:  # noqa: BLE001 - whatever breaks the model, it has to be tried again
            if not self._is_abandoned:  # else it is what was asked for
                self._failed(error, frame, self._backoff)
            return None
        self._succeeded(frame, self._backoff)
        return prediction

    def _failed(self, error: Exception, frame: Frame, backoff: Backoff) -> None:
        self._is_broken = True
        self.failures += 1
        self.last_failure = str(error) or type(error).__name__
        self._board.fail()
        if self._recovery is not None:
            self._recovery.failed(error, stream_s=frame.pts_s)
        backoff.failed()

    def _succeeded(self, frame: Frame, backoff: Backoff) -> None:
        self._is_broken = False
        if self._recovery is not None:
            self._recovery.succeeded(stream_s=frame.pts_s)
        backoff.succeeded()

    def _replace_engine(self) -> None:
        if self._reopen_engine is None:
            return
        if self._owned is None and isinstance(self._engine, Abandonable):
            self._engine.abandon()  # the caller closes it, in the end: its process must be gone by now
        self.close()
        self._engine = self._owned = self._reopen_engine().__enter__()
        self._predictor.engine = self._engine
        self.reopened += 1
        self.engine_info = self._engine.info

    def _predict(self, frame: Frame) -> Prediction:
        with self._timings.measure("infer"):
            prediction = self._predictor.predict(frame)
        self.inferred += 1
        self.polyp_frames += bool(prediction.polyps)
        self._timings.annotation_delay.record(time.perf_counter() - frame.captured_at)
        return prediction
