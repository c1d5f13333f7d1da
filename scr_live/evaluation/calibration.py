"""Do the probabilities mean what they say? Reliability of pixels inside the endoscopic field."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Final, TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.frames import Mask

BINS: Final = 10

Reliability: TypeAlias = NDArray[np.float64]
"""(BINS, 4), a row for each tenth of the probability: pixels, sum of their probabilities, polyp pixels, sum
of squared errors. Tables of several pictures may be added."""

_LEVELS = 256  # probabilities are rounded to 255ths first: a histogram costs a tenth of exact sums
_VALUE = np.arange(_LEVELS) / (_LEVELS - 1)
_BIN = np.minimum((_VALUE * BINS).astype(np.int64), BINS - 1)


def reliability(probability: Mask, truth: NDArray[np.bool_]) -> Reliability:
    """Count one picture's field: (h, w) probability and truth of the same shape."""
    levels = cast("NDArray[np.uint8]", cv2.convertScaleAbs(probability, alpha=_LEVELS - 1))
    everything = _histogram(levels, None)
    polyp = _histogram(levels, truth.astype(np.uint8))
    squares = polyp * (1 - _VALUE) ** 2 + (everything - polyp) * _VALUE**2
    columns = (everything, everything * _VALUE, polyp, squares)
    return np.stack([np.bincount(_BIN, column, minlength=BINS) for column in columns], axis=1)


@dataclass(frozen=True, slots=True)
class Bin:
    """The pixels whose probability is from `least` up to `most`; None where there are none."""

    least: float
    most: float
    pixels: int
    mean_probability: float | None
    polyp_share: float | None
    """The share of these pixels that is polyp: as large as the mean probability if that is right."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the pixels of a set say; None where there are no pixels."""

    expected_error: float | None
    """Mean over pixels of |mean probability - share of polyp| of the pixel's bin."""
    brier_score: float | None
    """Mean squared error of the probabilities, 0 is best."""
    bins: tuple[Bin, ...]

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


def calibration_of(tables: Iterable[Reliability]) -> Calibration:
    """Add up the pictures of a set, every pixel counts alike, and judge."""
    table: Reliability = sum(tables, np.zeros((BINS, 4)))
    pixels, probability, polyp, squares = table.T
    count = float(pixels.sum())
    return Calibration(
        expected_error=float(np.abs(probability - polyp).sum()) / count if count else None,
        brier_score=float(squares.sum()) / count if count else None,
        bins=tuple(_bin(index, *row) for index, row in enumerate(table.tolist())),
    )


def _bin(index: int, pixels: float, probability: float, polyp: float, _squares: float) -> Bin:
    mean, share = (probability / pixels, polyp / pixels) if pixels else (None, None)
    return Bin(index / BINS, (index + 1) / BINS, int(pixels), mean, share)


def _histogram(levels: NDArray[np.uint8], mask: NDArray[np.uint8] | None) -> NDArray[np.float64]:
    counts = cv2.calcHist([levels], [0], mask, [_LEVELS], [0, _LEVELS])
    return np.asarray(counts, np.float64).ravel()
