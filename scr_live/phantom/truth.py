"""What is known of a rendered frame: which pixels show which polyp, and what kind of picture it is."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypedDict

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
    """Of the whole picture. In a bad one `mask` holds only what can be seen all the same, mostly nothing."""
    is_cut: bool = False
    """The first frame of another place: nothing in it follows from the frame before."""


class BoxTruth(TypedDict):
    """One polyp of one frame as it is written down: x1, y1, x2, y2 in pixels, the last two behind it."""

    bbox: list[int]
    id: int


def boxes(frames: Iterable[PhantomTruth]) -> list[list[BoxTruth]]:
    """Each frame's polyps as boxes, as evaluations of a video read them."""
    return [[_box(polyp) for polyp in frame.polyps] for frame in frames]


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


def _box(polyp: PolypTruth) -> BoxTruth:
    x, y, width, height = polyp.box
    return {"bbox": [x, y, x + width, y + height], "id": polyp.polyp_id}
