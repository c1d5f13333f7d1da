"""Probability maps that do not flicker: a running mean that moves with the camera. Past frames only."""

from typing import Final

import cv2
import numpy as np

from scr_live.frames import Mask
from scr_live.tracking.motion import Motion, shrunk

RISE: Final = 0.3
"""Share of a frame of 25 a second where it says more than the mean: a region stands in its third frame."""
FALL: Final = 0.15
"""Where it says less: a region that is gone for a frame or two stays."""
FRAME_S: Final = 0.04
"""The step that the two shares are of; a longer one gives the new frame more, so that time decides."""


class Steadier:
    """Keeps a small map of what was said, moves it along, and lifts or lowers each new map towards it.

    The outline keeps the new frame's detail, since only what a small copy can hold is averaged. Used by one
    thread.
    """

    def __init__(self, *, rise: float = RISE, fall: float = FALL) -> None:
        for name, share in (("rise", rise), ("fall", fall)):
            if not 0 < share <= 1:
                raise ValueError(f"{name} should be a share above 0 and up to 1, and is {share}")
        self._rise = rise
        self._fall = fall
        self._mean: Mask | None = None

    def update(self, probability: Mask, motion: Motion | None, step_s: float = FRAME_S) -> Mask:
        """Return the (s, s) map of this frame, steadied; as it is after a cut or without a frame before.

        step_s: seconds since the frame before; 0: not known, the two have one time.
        """
        now = shrunk(probability)
        if self._mean is None or motion is None or motion.is_cut:
            self._mean = now
            return probability
        before = motion.carry(self._mean)
        rise, fall = (
            np.float32(1 - (1 - share) ** ((step_s or FRAME_S) / FRAME_S))
            for share in (self._rise, self._fall)
        )
        mean = before + np.where(now > before, rise, fall) * (now - before)
        self._mean = np.asarray(mean, np.float32)
        lifted = np.asarray(cv2.resize(mean - now, probability.shape[::-1]), np.float32)
        np.add(lifted, probability, out=lifted)
        return np.clip(lifted, 0, 1, out=lifted)
