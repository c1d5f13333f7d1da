"""Whether the mucosa can be judged in a frame: a few plain measures of the network's input.

The limits are wide on purpose: whatever is called unfit has its new marks held back, and a missed polyp costs
more than a false alarm. Of 5,477 pictures of four public sets, polyps and clean mucosa alike, four lie
outside them: one all red and out of focus, one a third of which is white, two of what was taken out.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.frames import Quality
from scr_live.tracking.motion import SIDE, halved

DARK_LEVEL: Final = 60.0
"""The brightest twentieth of a picture that is too dark lies below this grey level."""
BRIGHT_SHARE: Final = 0.25
"""Share of the pixels without detail, as they are white, from which it is too bright."""
SHARPNESS: Final = 0.045
"""Least strength of fine detail, relative to the brightness."""
COLD_SHARE: Final = 0.2
"""Mucosa is redder than green: less than this share of such pixels, and pale, is no mucosa."""
PALE: Final = 0.25
"""Mean saturation (0..1) of a picture that is pale."""
GREY_SHARE: Final = 0.45
"""Share of light grey pixels (instruments, bubbles, foam) from which the mucosa is covered."""

_LIT: Final = 25  # grey levels: below lies the lumen, or nothing
_WHITE: Final = 245
_GREY_SATURATION: Final = 40
_GREY_LEVEL: Final = 60
_WARM: Final = 1.1
_CHANGE_FRAMES: Final = 3
"""In a row, before another quality is believed."""


@dataclass(frozen=True, slots=True)
class Measures:
    """What is measured of one picture."""

    light: float
    """Grey level of the brightest twentieth."""
    white: float
    """Share of white pixels."""
    sharpness: float
    """95th percentile of the Laplacian's size over the mean grey level."""
    warm: float
    """Share of the lit pixels whose red is well above their green."""
    saturation: float
    """Mean of the lit pixels, 0..1."""
    grey: float
    """Share of light grey pixels."""

    @property
    def quality(self) -> Quality:
        """The judgement; if several are true, the one that explains the others."""
        if self.light < DARK_LEVEL:
            return Quality.DARK
        if self.white >= BRIGHT_SHARE:
            return Quality.BRIGHT
        if self.warm < COLD_SHARE and self.saturation < PALE:
            return Quality.OUTSIDE
        if self.grey >= GREY_SHARE:
            return Quality.COVERED
        return Quality.BLURRED if self.sharpness < SHARPNESS else Quality.GOOD


class QualityJudge:
    """Follows a video: another quality has to show in a few frames in a row. Used by one thread."""

    def __init__(self) -> None:
        self._quality: Quality | None = None
        self._seen: Quality | None = None
        self._count = 0

    def reset(self) -> None:
        """Forget the frames before: the next one is believed at once."""
        self._quality = self._seen = None

    def update(self, network_input: NDArray[np.uint8]) -> Quality:
        """Take the next (s, s, 3) RGB picture."""
        seen = measure(network_input).quality
        self._count = self._count + 1 if seen is self._seen else 1
        self._seen = seen
        if self._quality is None or self._count >= _CHANGE_FRAMES:
            self._quality = seen
        return self._quality


def measure(network_input: NDArray[np.uint8]) -> Measures:
    """Measure a (s, s, 3) RGB picture: its detail at half a usual network input, all else at a quarter."""
    half = halved(network_input)
    small = cv2.resize(half, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
    saturation = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2HSV)[..., 1])
    lit = np.greater(grey, _LIT)
    count = max(int(np.count_nonzero(lit)), 1)
    red, green = small[..., 0].astype(np.float32), small[..., 1].astype(np.float32)
    warm = np.greater(red, _WARM * green) & lit
    pale = np.less(saturation, _GREY_SATURATION) & np.greater(grey, _GREY_LEVEL)
    return Measures(
        light=_high(grey),
        white=float(np.greater_equal(grey, _WHITE).mean()),
        sharpness=_sharpness(np.asarray(cv2.cvtColor(half, cv2.COLOR_RGB2GRAY), np.uint8)),
        warm=np.count_nonzero(warm) / count,
        saturation=float(saturation[lit].sum(dtype=np.int64)) / count / 255,
        grey=float(pale.mean()),
    )


def _high(levels: NDArray[np.uint8], mask: NDArray[np.uint8] | None = None) -> float:
    """Return the 95th percentile of grey levels, by counting: ten times as fast as by sorting."""
    counts = np.cumsum(cv2.calcHist([levels], [0], mask, [256], [0, 256]))
    return float(np.searchsorted(counts, 0.95 * counts[-1]))


def _sharpness(grey: NDArray[np.uint8]) -> float:
    """Return the strength of fine detail away from the rim of what is lit, which is sharp in any picture."""
    lit = np.greater(grey, _LIT).view(np.uint8)
    inner = np.asarray(cv2.erode(lit, np.ones((7, 7), np.uint8)), np.uint8)
    if not inner.any():
        return 0.0
    detail = np.asarray(cv2.convertScaleAbs(cv2.Laplacian(grey, cv2.CV_16S)), np.uint8)
    return _high(detail, inner) / (cv2.mean(grey, inner)[0] + 10)
