"""What is known of a rendered frame: which pixels show which polyp, and what kind of picture it is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scr_live.frames import Quality


@dataclass(frozen=True, slots=True)
class PolypTruth:
    """One polyp that can be seen in a frame."""

    polyp_id: int
    box: tuple[int, int, int, int]
    """x, y, width, height in pixels of what is visible."""
    visible_area_px: int


@dataclass(frozen=True, slots=True, eq=False)
class PhantomTruth:
    """All visible polyps of one frame."""

    frame_index: int
    mask: NDArray[np.bool_]
    """(h, w) True where a polyp can be seen: lit, inside the field, before any fold."""
    polyps: tuple[PolypTruth, ...]
    quality: Quality = Quality.GOOD
    """Nothing can be seen, and so no polyp either, unless it is GOOD, or COVERED in part."""
    is_cut: bool = False
    """The first frame of another place: nothing in it follows from the frame before."""


def read_truth(
    frame_index: int,
    labels: NDArray[np.uint8],
    identities: dict[int, int],
    *,
    quality: Quality = Quality.GOOD,
    is_cut: bool = False,
) -> PhantomTruth:
    """Measure a label picture; `identities` maps labels to polyp ids."""
    found = []
    for label, polyp_id in identities.items():
        rows, columns = np.nonzero(labels == label)
        if not len(rows):
            continue
        x, y = int(columns.min()), int(rows.min())
        box = (x, y, int(columns.max()) - x + 1, int(rows.max()) - y + 1)
        found.append(PolypTruth(polyp_id, box, len(rows)))
    return PhantomTruth(frame_index, labels > 0, tuple(found), quality, is_cut)
