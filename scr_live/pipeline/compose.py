"""Frame to picture: pair it with a prediction, draw the marks on a copy, say what is amiss."""

import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from scr_live.controls import Controls
from scr_live.frames import Ai, Frame, Image, Picture, Prediction, Quality, Signal
from scr_live.geometry import Box
from scr_live.overlays import Overlay, draw, draw_no_signal, draw_status
from scr_live.pipeline.board import Board
from scr_live.pipeline.crew import StarvedError
from scr_live.pipeline.timing import Timings

_SILENT_S: Final = 2.0
_SIGNALS: Final = {
    Signal.LOST: "no signal",
    Signal.FROZEN: "input frozen",
    Signal.BLACK: "input black",
    Signal.SATURATED: "input white",
}


log = logging.getLogger(__name__)


class Carrier(Protocol):
    """What keeps marks on their place: see `scr_live.tracking.carrying.MarkCarrier`."""

    def see(self, frame: Frame, box: Box) -> None:
        """Look at the next frame; box: the field in it."""
        ...

    def carry(self, prediction: Prediction) -> Prediction | None:
        """Return it with its regions where they are in the frame seen last; None: nobody knows where."""
        ...


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the model has to say of a frame."""

    ai: Ai
    prediction: Prediction | None = None
    is_broken: bool = False
    """Whether its marks could not be brought to their place."""


class _MarksFailed(Exception):  # noqa: N818 - it never leaves this module
    """Whatever breaks the marks of a frame, its video has to go on."""


class Compose:
    """The step of the compose stage.

    With `budget_s` None (files) every frame carries its own prediction, however long that takes. With a
    budget (live) a frame leaves at the latest so long after its capture, with a young enough earlier
    prediction, carried to where its content is by now, or with none; it does not wait for a model that is
    too slow to keep the budget. Marks that cannot be drawn end a file's run; live, the picture goes on
    without them. Without a signal it says so, large, and for how long.
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
        carrier: Carrier | None = None,
        draws_unannounced: bool = True,
        troubles: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        """troubles: short phrases for what else is amiss, such as "recorder failed".

        carrier: None draws an earlier prediction where it was.
        """
        self._board = board
        self._timings = timings
        self._overlays = overlays
        self._controls = controls
        self._budget_s = budget_s
        self._max_overlay_age_s = max_overlay_age_s
        self._carrier = carrier
        self._draws_unannounced = draws_unannounced
        self._troubles = troubles
        self._began_at = math.inf
        self._first_at: float | None = None
        self._living_at: float | None = None
        self._shape: tuple[int, ...] = ()
        self.composed = 0
        self.marked = 0
        """Pictures with at least one region drawn on them."""
        self.answers: Counter[Ai] = Counter()
        """How many pictures left with which answer of the model."""
        self.marks_failed = 0
        """Pictures whose marks could not be drawn (live)."""
        self.status = ""
        self.ai = Ai.STARTING
        self.marks_age_s: float | None = None

    def __call__(self, frame: Frame) -> Picture:
        """Compose one picture. Raises StarvedError if its prediction cannot come any more (files)."""
        with self._timings.measure("await-prediction"):
            answer = self._answer(frame)
        with self._timings.measure("compose"):
            picture = self._picture(frame, self._in_place(frame, answer))
        self.status, self.ai, self.marks_age_s = picture.status, picture.ai, picture.marks_age_s
        self.composed += 1
        self.answers[picture.ai] += 1
        return picture

    @property
    def silent_s(self) -> float | None:
        """From the last answered frame, or else the first, to the latest; None: there was no frame."""
        if self._living_at is None or self._first_at is None:
            return None
        heard_at = self._board.heard_at
        return max(0.0, self._living_at - (self._first_at if heard_at is None else heard_at))

    def _answer(self, frame: Frame) -> _Answer:
        if frame.signal is Signal.LOST:
            self._began_at = math.inf  # the silence of the model in the gap is no fault of its
            return _Answer(Ai.NOTHING_TO_SEE)
        self._living_at = frame.captured_at
        self._first_at = frame.captured_at if self._first_at is None else self._first_at
        if self._shape not in ((), frame.image.shape):
            self._board.forget_before(frame.index)  # its places are those of another picture
        self._shape = frame.image.shape
        self._began_at = min(self._began_at, frame.captured_at)
        own = self._board.wait_for(frame.index, self._patience_s(frame))
        if own is not None:
            return _Answer(Ai.ON, own)
        if self._budget_s is None:
            raise StarvedError(f"frame {frame.index} was captured and will not be predicted")
        return self._without_its_own(frame)

    def _without_its_own(self, frame: Frame) -> _Answer:
        if not self._board.answers:
            return _Answer(Ai.OFF)
        newest = self._board.newest
        if newest is not None and _age_s(newest) <= self._max_overlay_age_s:
            return _Answer(Ai.BEHIND, newest)
        heard_at = self._board.heard_at
        if frame.captured_at - max(heard_at or -math.inf, self._began_at) > _SILENT_S:
            return _Answer(Ai.OFF)
        return _Answer(Ai.STARTING if heard_at is None else Ai.LATE)

    def _in_place(self, frame: Frame, answer: _Answer) -> _Answer:
        """Return the answer with its marks where they belong in this frame, or without any."""
        if self._carrier is None or answer.ai is Ai.NOTHING_TO_SEE:
            return answer
        latest = answer.prediction or self._board.newest
        try:
            # Before the first answer nobody knows where the field is.
            self._carrier.see(frame, Box.whole(frame.image) if latest is None else latest.placement.box)
            if answer.prediction is None or answer.ai is not Ai.BEHIND or not self._controls.overlay:
                return answer
            carried = self._carrier.carry(answer.prediction)
        except Exception as error:  # noqa: BLE001 - whatever it is, the video goes on
            if answer.ai is Ai.ON:  # its marks are at their place
                return answer
            self._note_failure(frame.index, error)
            return _Answer(answer.ai, is_broken=True)
        return _Answer(Ai.LATE) if carried is None else _Answer(Ai.BEHIND, carried)

    def _patience_s(self, frame: Frame) -> float | None:
        """Return how long the frame may still wait: the budget counts from its capture."""
        if self._budget_s is None:
            return None
        latency_s = self._board.latency_s
        if latency_s is not None and latency_s > self._budget_s:
            return 0.0  # its answer will not be in time either: to wait for it would only delay the video
        return max(0.0, frame.captured_at + self._budget_s - time.perf_counter())

    def _picture(self, frame: Frame, answer: _Answer) -> Picture:
        lost = frame.signal is Signal.LOST
        troubles = [*(["marks failed"] if answer.is_broken else []), *self._troubles()]
        signal = [] if frame.signal is Signal.OK else [_SIGNALS[frame.signal]]
        prediction, image, status_at = self._shown(answer.prediction), frame.image, None
        age_s = None if prediction is None else _age_s(prediction)
        if prediction is not None and self._controls.overlay:
            try:
                image = self._marked(image, prediction)
            except _MarksFailed:
                prediction, age_s = None, None
                troubles.insert(0, "marks failed")
        if frame.signal is Signal.OK and prediction is not None and prediction.quality is not Quality.GOOD:
            signal.append(f"input {prediction.quality}")
        shown = _joined(_words(answer.ai, age_s), *([] if lost else signal), *troubles)
        if lost or shown:
            image = image.copy() if image is frame.image else image
            status_at = self._tell(image, frame, shown)
        status = _joined(_words(answer.ai), *signal, *troubles)
        return Picture(frame, prediction, image, status, answer.ai, age_s, status_at)

    def _shown(self, prediction: Prediction | None) -> Prediction | None:
        """Return the prediction with the regions that are to be drawn."""
        if prediction is None or self._draws_unannounced:
            return prediction
        return replace(prediction, polyps=tuple(one for one in prediction.polyps if one.announced))

    def _marked(self, image: Image, prediction: Prediction) -> Image:
        """Return a copy with the marks, the image itself if there are none. Live: _MarksFailed."""
        try:
            drawn = draw(image, prediction, self._overlays)
        except Exception as error:
            if self._budget_s is None:
                raise
            self._note_failure(prediction.frame_index, error)
            raise _MarksFailed from error
        self.marked += drawn is not image
        return drawn

    def _note_failure(self, frame_index: int, error: Exception) -> None:
        if not self.marks_failed:
            log.error("the marks of frame %d cannot be drawn", frame_index, exc_info=error)
        self.marks_failed += 1

    def _tell(self, image: Image, frame: Frame, text: str) -> Box | None:
        if frame.signal is Signal.LOST:
            since = "" if self._living_at is None else f" {frame.captured_at - self._living_at:.0f} s"
            draw_no_signal(image, f"NO SIGNAL{since}")
        newest = self._board.newest
        return draw_status(image, text, Box.whole(image) if newest is None else newest.placement.box)


def _age_s(prediction: Prediction) -> float:
    """How long ago its frame was captured: what is shown, and what --max-overlay-age limits."""
    return time.perf_counter() - prediction.captured_at


def _words(ai: Ai, age_s: float | None = None) -> str:
    """What the picture says of the model: nothing if the marks are its own."""
    if ai in (Ai.ON, Ai.NOTHING_TO_SEE):
        return ""
    # In steps of ten and two places at least, so that the plate does not change its size with every frame.
    return str(ai) if age_s is None else f"{ai} {round(100 * age_s) * 10:3d} ms"


def _joined(*phrases: str) -> str:
    return "; ".join(filter(None, phrases))
