"""A Follower whose failure costs a frame its identity, and neither the video nor the engine."""

import logging

import numpy as np
from numpy.typing import NDArray

from scr_live.frames import Frame, Mask, Polyp, Quality
from scr_live.geometry import Placement
from scr_live.predictor import Follower

log = logging.getLogger(__name__)


class Guarded:
    """A Follower (see `scr_live.predictor`) around another one; used by one thread.

    Where that raises, the regions of the frame are drawn as the model found them, announced or not: what
    follows a video must not hide a polyp. The next frame is followed again.
    """

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._has_failed = False
        """In this frame."""
        self.failures = 0
        self.first_failure = ""

    def update(
        self, frame: Frame, network_input: NDArray[np.uint8], probability: Mask, placement: Placement
    ) -> tuple[Mask, Quality]:
        """Return what the other makes of it, or the probability as it is."""
        self._has_failed = False
        try:
            return self._follower.update(frame, network_input, probability, placement)
        except Exception as error:  # noqa: BLE001 - whatever it is, the video goes on
            self._failed(error, frame)
            return probability, Quality.GOOD

    def follow(self, frame: Frame, polyps: tuple[Polyp, ...], placement: Placement) -> tuple[Polyp, ...]:
        """Return what the other makes of it, or the regions as they are."""
        if self._has_failed:
            return polyps
        try:
            return self._follower.follow(frame, polyps, placement)
        except Exception as error:  # noqa: BLE001 - see above
            self._failed(error, frame)
            return polyps

    def pass_by(self, frame: Frame) -> None:
        """Tell the other."""
        try:
            self._follower.pass_by(frame)
        except Exception as error:  # noqa: BLE001 - see above
            self._failed(error, frame)

    @property
    def problems(self) -> list[str]:
        """One sentence, if it ever failed."""
        if not self.failures:
            return []
        frames = "1 frame" if self.failures == 1 else f"{self.failures} frames"
        return [
            f"{frames} could not be followed from the one before; the first failure: {self.first_failure}"
        ]

    def _failed(self, error: Exception, frame: Frame) -> None:
        self._has_failed = True
        self.failures += 1
        if self.failures == 1:
            self.first_failure = f"{type(error).__name__}: {error}"
            log.error("frame %d could not be followed", frame.index, exc_info=error)
