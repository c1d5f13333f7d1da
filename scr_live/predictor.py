"""Frame to prediction: find the field, run the engine, check its answer, follow what it shows."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from scr_live.card import check_range
from scr_live.content import FieldFinder
from scr_live.engines import Engine
from scr_live.errors import InferenceError
from scr_live.frames import Frame, Mask, Polyp, Prediction, Quality
from scr_live.geometry import MIN_AREA, Placement, polyps_from_probability


class Follower(Protocol):
    """What looks at one answer after another: see `scr_live.tracking.following.Tracking`."""

    def update(
        self, frame: Frame, network_input: NDArray[np.uint8], probability: Mask, placement: Placement
    ) -> tuple[Mask, Quality]:
        """Return the steadied probability of the frame, and whether the frame can be judged."""
        ...

    def follow(self, frame: Frame, polyps: tuple[Polyp, ...], placement: Placement) -> tuple[Polyp, ...]:
        """Return the regions of that probability with their identities, ages and announcements."""
        ...

    def pass_by(self, frame: Frame) -> None:
        """Hear of a frame that there is no answer for."""
        ...


class Predictor:
    """The same for a live run, a file and an evaluation; used by one thread, frame after frame."""

    def __init__(
        self,
        engine: Engine,
        *,
        threshold: Callable[[], float],
        min_area: float = MIN_AREA,
        follower: Follower | None = None,
        measure: Callable[[str], AbstractContextManager[None]] = lambda _: nullcontext(),
    ) -> None:
        """threshold: asked for every frame. follower: None judges each frame by itself.

        measure: is given "prepare", "engine", "follow" and "contours", and is around that part of the work.
        """
        self.engine = engine
        """May be replaced between two frames."""
        self._threshold = threshold
        self._min_area = min_area
        self._follower = follower
        self._measure = measure
        self._finder = FieldFinder()

    def predict(self, frame: Frame) -> Prediction:
        """Predict one frame. InferenceError: the engine failed, or its answer is no probability."""
        with self._measure("prepare"):
            placement = Placement(self._finder.update(frame.image), self.engine.info.input_size)
            network_input = placement.to_network(frame.image)
        started = time.perf_counter()
        with self._measure("engine"):
            probability = self.engine.infer(network_input)
        infer_ms = 1000 * (time.perf_counter() - started)
        check_probability(probability, placement.size, frame_index=frame.index)
        quality = Quality.GOOD
        if self._follower is not None:
            with self._measure("follow"):
                probability, quality = self._follower.update(frame, network_input, probability, placement)
        with self._measure("contours"):
            polyps = polyps_from_probability(
                probability, placement, threshold=self._threshold(), min_area=self._min_area
            )
        if self._follower is not None:
            with self._measure("follow"):
                polyps = self._follower.follow(frame, polyps, placement)
        return Prediction(frame.index, polyps, probability, placement, infer_ms, frame.captured_at, quality)

    def pass_by(self, frame: Frame) -> None:
        """Tell the follower of a frame that is not predicted."""
        if self._follower is not None:
            self._follower.pass_by(frame)


def check_probability(probability: Mask, size: int, *, frame_index: int) -> None:
    """Raise InferenceError unless it is a (size, size) float map of numbers from 0 to 1."""
    if probability.shape != (size, size) or probability.dtype.kind != "f":
        raise InferenceError(
            f"The engine should answer frame {frame_index} with a ({size}, {size}) float map, and answered "
            f"{probability.shape} {probability.dtype}. The model file does not fit its card: check them."
        )
    check_range(probability, f"The engine should answer frame {frame_index} with probabilities")
