"""Names a live picture that is none: frozen, black or white. Pure; sees RGB pictures and their times alone.

Frozen is bit by bit the same for longer than a second: sensors have noise, so no camera does that, while a
grabber that has lost its input may go on giving its last picture. Black and white are what a grabber gives
without input, or a camera whose light or exposure failed.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from scr_live.frames import Image, Signal

FROZEN_AFTER_S: Final = 1.0
"""The same picture for longer is frozen."""

HOLDS_S: Final = 0.5
"""Black or white for longer is told: a flash, a cut or a hit against the wall is not."""

BLACK_BELOW: Final = 24
"""Black: nearly all samples are darker in every channel (16 is black in video that kept its own range)."""

WHITE_ABOVE: Final = 250
"""Saturated: nearly all samples are at the top in every channel."""

NEARLY_ALL: Final = 0.98
"""Share of the samples: of black with a clock or a logo in it, this is still black."""

_SAMPLES = 48  # a side: about 2,300 of a picture's pixels


class SignalJudge:
    """Judges the pictures of one input in their order. One thread at a time."""

    def __init__(self) -> None:
        self._image: Image | None = None
        self._sample: NDArray[np.uint8] | None = None
        self._same_since = 0.0
        self._level = Signal.OK
        self._level_since = 0.0

    def judge(self, image: Image, captured_at: float) -> Signal:
        """Say what the picture shows; it is kept until the next one, and must not be changed."""
        sample = _sample(image)
        if not self._is_same(image, sample):
            self._same_since = captured_at
            level = _level(sample)
            if level is not self._level:
                self._level, self._level_since = level, captured_at
        self._image, self._sample = image, sample
        if self._level is not Signal.OK and captured_at - self._level_since > HOLDS_S:
            return self._level
        return Signal.FROZEN if captured_at - self._same_since > FROZEN_AFTER_S else Signal.OK

    def _is_same(self, image: Image, sample: NDArray[np.uint8]) -> bool:
        """Compare bit by bit, the whole only where a sparse sample is equal: so it costs little as a rule."""
        if self._image is None or self._sample is None or self._image.shape != image.shape:
            return False
        return np.array_equal(self._sample, sample) and np.array_equal(self._image, image)


def _sample(image: Image) -> NDArray[np.uint8]:
    """Copy a regular grid of pixels, (about 48, about 48, 3)."""
    height, width = image.shape[:2]
    return image[:: max(height // _SAMPLES, 1), :: max(width // _SAMPLES, 1)].copy()


def _level(sample: NDArray[np.uint8]) -> Signal:
    pixels = sample.reshape(-1, 3)
    if np.mean(pixels.max(axis=1) < BLACK_BELOW) >= NEARLY_ALL:
        return Signal.BLACK
    if np.mean(pixels.min(axis=1) > WHITE_ABOVE) >= NEARLY_ALL:
        return Signal.SATURATED
    return Signal.OK
