"""Do the probabilities mean what they say? Reliability of pixels inside the endoscopic field."""

from collections.abc import Iterable
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


def total(tables: Iterable[Reliability]) -> Reliability:
    """Add up the pictures of a set: every pixel counts alike."""
    return sum(tables, np.zeros((BINS, 4)))


def expected_calibration_error(table: Reliability) -> float | None:
    """Mean over pixels of |mean probability - share of polyp| of the pixel's bin; None without pixels."""
    pixels, probability, polyp, _ = table.T
    return float(np.abs(probability - polyp).sum() / pixels.sum()) if pixels.any() else None


def brier_score(table: Reliability) -> float | None:
    """Mean squared error of the probabilities, 0 is best; None without pixels."""
    return float(table[:, 3].sum() / table[:, 0].sum()) if table[:, 0].any() else None


def calibration_report(table: Reliability) -> dict[str, object]:
    """For JSON: the two figures and the reliability table."""
    bins: list[dict[str, object]] = []
    for index, (pixels, probability, polyp, _) in enumerate(table.tolist()):
        bins.append(
            {
                "from": index / BINS,
                "to": (index + 1) / BINS,
                "pixels": int(pixels),
                "mean_probability": probability / pixels if pixels else None,
                "polyp_share": polyp / pixels if pixels else None,
            }
        )
    return {
        "expected_calibration_error": expected_calibration_error(table),
        "brier_score": brier_score(table),
        "bins": bins,
    }


def _histogram(levels: NDArray[np.uint8], mask: NDArray[np.uint8] | None) -> NDArray[np.float64]:
    counts = cv2.calcHist([levels], [0], mask, [_LEVELS], [0, _LEVELS])
    return np.asarray(counts, np.float64).ravel()
