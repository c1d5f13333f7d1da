"""Which region of this frame is which of the frames before: by overlap, once the camera's motion is undone.

Own code, because no tracking library that is kept up follows masks: they match boxes by a motion model of the
object, while here the object stands still and the camera moves, and that motion is known already.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.frames import Polyp
from scr_live.geometry import Placement
from scr_live.tracking.motion import SIDE, Motion

KEPT_S: Final = 1.0
"""How long an announced track may be out of sight, behind a fold, say, and come back as itself."""
KEPT_YOUNG_S: Final = 0.2
"""The same before it was announced: false marks come and go at the same place."""
LONGEST_STEP_S: Final = 0.25
"""What one frame adds to a track's age at most: with longer steps nobody knows what was between them."""

_LEAST_COVER: Final = 0.1  # intersection over the smaller of the two: a fold may hide most of a polyp
_COVERED: Final = 0.5  # from here on the older track is in the right: two regions may have become one
_REACH: Final = 5  # cells by which a track that is out of sight is widened: it may drift meanwhile


@dataclass(slots=True, eq=False)
class Track:
    """One region through time."""

    number: int
    area: NDArray[np.float32]
    """(SIDE, SIDE) 0..1: where it is, or would be, in the small copy of the network's input."""
    first_s: float
    last_s: float
    """When it was last seen."""
    age_s: float = 0.0
    """For how long it has been seen: each frame in which it is adds the step from the frame before."""
    frames: int = 0
    announced: bool = False
    seen: bool = True
    """In the latest frame."""


class Tracks:
    """Gives regions their identities; used by one thread, frame after frame."""

    def __init__(self) -> None:
        self._alive: list[Track] = []
        self._count = 0
        self._time_s: float | None = None

    def update(
        self,
        polyps: Sequence[Polyp],
        placement: Placement,
        motion: Motion | None,
        *,
        time_s: float,
        grows: bool = True,
    ) -> tuple[list[Track], list[Track]]:
        """Return a track for each region, in order, and the tracks that have ended.

        motion: since the frame before; None or a cut: nothing goes on. grows: whether to be seen in this
        frame makes a track older.
        """
        ended = self._carry(motion, time_s)
        step_s = 0.0 if self._time_s is None else min(max(time_s - self._time_s, 0.0), LONGEST_STEP_S)
        self._time_s = time_s
        areas = [small_area(polyp, placement) for polyp in polyps]
        found = self._matched(areas)
        for at, area in enumerate(areas):
            track = found.get(at)
            if track is None:
                self._count += 1
                track = found[at] = Track(self._count, area, time_s, time_s, frames=1)
                self._alive.append(track)
            else:
                if grows:
                    track.age_s += step_s
                track.area, track.last_s = area, time_s
                track.frames += 1
        seen = set(map(id, found.values()))
        for track in self._alive:
            track.seen = id(track) in seen
        return [found[at] for at in range(len(areas))], ended

    def pass_by(self, time_s: float) -> list[Track]:
        """Return the tracks that have ended by then; nobody looked at a frame."""
        ended = [one for one in self._alive if time_s - one.last_s > _kept_s(one)]
        self._alive = [one for one in self._alive if one not in ended]
        return ended

    def end_all(self) -> list[Track]:
        """End every track, and return them."""
        ended, self._alive = self._alive, []
        return ended

    def _carry(self, motion: Motion | None, time_s: float) -> list[Track]:
        """Move all tracks to where they are now; return those that have ended."""
        if motion is None or motion.is_cut:
            return self.end_all()
        # The step to this frame may be long, where answers are few: that is no absence.
        ended = [one for one in self._alive if not one.seen and time_s - one.last_s > _kept_s(one)]
        self._alive = [one for one in self._alive if one not in ended]
        for track in self._alive:
            track.area = motion.carry(track.area)
        return ended

    def _matched(self, areas: Sequence[NDArray[np.float32]]) -> dict[int, Track]:
        """Pair regions with tracks, the best fit first: each takes part once.

        What was seen in the frame before comes first. A track that is out of sight is looked for in a wider
        place, and would take a region from the one that it has become part of, back and forth.
        """
        fits = [
            ((track.seen, cover >= _COVERED, track.age_s, iou), at, track)
            for track in self._alive
            for at, area in enumerate(areas)
            for cover, iou in [_overlap(track, area)]
            if cover >= _LEAST_COVER
        ]
        found: dict[int, Track] = {}
        taken: set[int] = set()
        for _, at, track in sorted(fits, key=itemgetter(0), reverse=True):
            if at not in found and track.number not in taken:
                found[at] = track
                taken.add(track.number)
        return found


def small_area(polyp: Polyp, placement: Placement) -> NDArray[np.float32]:
    """Draw a region into (SIDE, SIDE), 0 or 1; at least one cell."""
    points = (placement.to_network_points(polyp.contour) + 0.5) * (SIDE / placement.size) - 0.5
    area = np.zeros((SIDE, SIDE), np.float32)
    outline = np.clip(np.round(points), 0, SIDE - 1).astype(np.int32)
    cv2.fillPoly(area, [outline], 1.0)
    return area


def _kept_s(track: Track) -> float:
    return KEPT_S if track.announced else KEPT_YOUNG_S


def _overlap(track: Track, area: NDArray[np.float32]) -> tuple[float, float]:
    """Return the shared area over the smaller one, and over all of both.

    A track that was out of sight is looked for around it.
    """
    before = track.area
    if not track.seen:
        before = np.asarray(cv2.dilate(before, np.ones((2 * _REACH + 1,) * 2, np.uint8)), np.float32)
    shared, one, other = (float(part.sum()) for part in (np.minimum(before, area), before, area))
    return (shared / min(one, other), shared / (one + other - shared)) if shared else (0.0, 0.0)
