"""Regions of one picture: which polyps a mark hits, which marks are false, and pixels at many thresholds."""

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.frames import Mask
from scr_live.geometry import MIN_AREA, Placement, polyps_from_probability

SMALL_BELOW: Final = 0.05
LARGE_FROM: Final = 0.13
"""Shares of the endoscopic field. There is no common convention: these are the thirds, rounded, of what
polyps cover in the training pictures of Kvasir-SEG, CVC-ClinicDB and PolypGen (5.1 % and 12.7 %)."""

SIZES: Final = ("small", "medium", "large")

_Pixels: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class TruePolyp:
    """One connected region of the truth."""

    field_share: float
    """Its pixels as a share of the field's."""
    hit: bool
    """A mark covers at least one of its pixels."""


def size_of(field_share: float) -> str:
    """The size class: one of SIZES."""
    return SIZES[(field_share >= SMALL_BELOW) + (field_share >= LARGE_FROM)]


def marked_pixels(probability: Mask, threshold: float, *, min_area_px: float) -> _Pixels:
    """(h, w): the pixels of the frame in regions that a run would mark; small ones dropped."""
    marked = probability >= threshold
    window = bounds(marked)
    if window is not None:
        marked[window] = _without_small(marked[window], min_area_px)
    return marked


def true_polyps(truth: _Pixels, marked: _Pixels, field_px: int) -> tuple[TruePolyp, ...]:
    """The regions of the truth, pixels that touch at a corner included.

    Specks below MIN_AREA of the field, which masks stored as JPEG have many of, are no polyps of their own,
    unless there is nothing larger: then the largest of them is the polyp.
    """
    window = bounds(truth)
    if window is None:
        return ()
    labels, areas = _regions(truth[window])
    polyps = np.flatnonzero(areas >= min(MIN_AREA * field_px, areas.max()))
    hit = set(np.unique(labels[marked[window]]).tolist())
    return tuple(TruePolyp(float(areas[index]) / field_px, int(index) + 1 in hit) for index in polyps)


def false_marks(marked: _Pixels, truth: _Pixels) -> int:
    """How many connected regions of the marks touch no polyp."""
    window = bounds(marked)
    if window is None:
        return 0
    labels, areas = _regions(marked[window])
    touching = set(np.unique(labels[truth[window]]).tolist()) - {0}
    return len(areas) - len(touching)


def pixels_at(
    probability: Mask, truth: _Pixels, thresholds: Sequence[float], *, min_area_px: float
) -> NDArray[np.int64]:
    """(thresholds, 2): true and false positive pixels at each threshold, too small regions dropped.

    `probability` and `truth` are (h, w) of the frame. Regions at a threshold lie inside those at a lower one,
    so only what the lowest reaches is looked at.
    """
    counts = np.zeros((len(thresholds), 2), np.int64)
    for index in np.argsort(thresholds):
        above = probability >= thresholds[index]
        window = bounds(above)
        if window is None:
            break
        probability, truth, above = probability[window], truth[window], above[window]
        kept = _without_small(above, min_area_px)
        true = int(np.count_nonzero(kept & truth))
        counts[index] = true, int(np.count_nonzero(kept)) - true
    return counts


def is_marked_at(probability: Mask, placement: Placement, thresholds: Sequence[float]) -> _Pixels:
    """(thresholds,): whether a run would mark anything at all at this threshold.

    Regions grow as the threshold falls, so the highest threshold with a mark is found by bisection.
    """

    def is_empty(threshold: float) -> bool:
        return not polyps_from_probability(probability, placement, threshold=threshold)

    marked = bisect.bisect_left(ascending := sorted(thresholds), True, key=is_empty)
    return np.isin(thresholds, ascending[:marked])


def bounds(mask: _Pixels) -> tuple[slice, slice] | None:
    """Rows and columns that hold everything in the mask; None: there is nothing."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _regions(mask: _Pixels) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Labels, 0 is the ground, and the area of label 1, 2 ..."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    return cast("NDArray[np.int32]", labels), stats[1:, cv2.CC_STAT_AREA].astype(np.int64)


def _without_small(mask: _Pixels, min_area_px: float) -> _Pixels:
    """As geometry.large_regions, and quicker where nothing is small."""
    labels, areas = _regions(mask)
    if not (areas < min_area_px).any():
        return mask
    keep = np.concatenate([[False], areas >= min_area_px])
    return cast("_Pixels", keep[labels])
