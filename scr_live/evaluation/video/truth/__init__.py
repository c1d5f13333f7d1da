"""Which polyps a frame of a video shows; opening.py picks where that is read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

LEAST_OVERLAP: Final = 0.1
"""Of the smaller of the two: from there on a region touches a polyp. A box holds more than its polyp, and
what only meets its corner is no hit; a still picture with a mask counts a single pixel."""

Pixels: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class FrameTruth:
    """The polyps in view."""

    areas: Mapping[str, Pixels] = field(default_factory=dict)
    """(h, w) of each, by its name."""
    mask: Pixels | None = None
    """(h, w) of all, where it is known exactly; None: boxes say only where they are."""

    def touched_by(self, region: Pixels) -> frozenset[str]:
        """Return the polyps that an (h, w) region touches."""
        return frozenset(name for name, area in self.areas.items() if touches(region, area))


class Truth(Protocol):
    """The truth of one video, frame by frame."""

    def at(self, index: int) -> FrameTruth:
        """Return what the frame shows. DataError: nothing is known of it."""
        ...

    def check_end(self, frames: int) -> None:
        """DataError: the video ended after so many frames, and more are known."""
        ...


def touches(region: Pixels, polyp: Pixels) -> bool:
    """Whether two (h, w) areas share at least a tenth of the smaller one."""
    smaller = min(np.count_nonzero(region), np.count_nonzero(polyp))
    return bool(smaller) and bool(np.count_nonzero(region & polyp) >= LEAST_OVERLAP * smaller)
