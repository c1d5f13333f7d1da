"""A sighting: an announced track, from its first frame to its last, told as it opens, goes on and closes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from scr_live.events import EventKind, Fact, Journal
from scr_live.frames import Frame, Polyp
from scr_live.geometry import Placement
from scr_live.tracking.tracks import Track

UPDATE_EVERY_S: Final = 1.0

SaveSnapshot: TypeAlias = Callable[[int, Frame, Polyp, Placement], Path | None]
"""Saves the picture of the sighting of that number, and says where: at once, whenever it is written."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A sighting in one frame."""

    frame: Frame
    polyp: Polyp
    placement: Placement

    @property
    def field_share(self) -> float:
        """Its area, 0 to 1."""
        return self.polyp.area_px / (self.placement.box.width * self.placement.box.height)

    def facts(self) -> dict[str, Fact]:
        """Score, size and place, as events tell them; the box is (x, y, width, height) in frame pixels."""
        polyp = self.polyp
        left, top = polyp.contour.min(axis=0)
        right, bottom = polyp.contour.max(axis=0)
        x, y = max(0, math.floor(left)), max(0, math.floor(top))
        return {
            "score": round(polyp.score, 4),
            "area_px": round(polyp.area_px, 1),
            "field_share": round(self.field_share, 5),
            "x": x,
            "y": y,
            "width": math.ceil(right) - x + 1,
            "height": math.ceil(bottom) - y + 1,
        }


@dataclass(slots=True, eq=False)
class Sighting:
    """What is kept of one while it goes on."""

    number: int
    first_s: float
    best: View
    last_s: float
    told_s: float
    largest_area_px: float
    largest_field_share: float


class Sightings:
    """Tells a journal of the announced tracks; used by one thread."""

    def __init__(self, journal: Journal, save_snapshot: SaveSnapshot | None = None) -> None:
        self._journal = journal
        self._save_snapshot = save_snapshot
        self._open: dict[int, Sighting] = {}
        self.count = 0
        """How many were opened."""

    def see(self, track: Track, view: View, *, time_s: float) -> None:
        """An announced track was seen in this frame."""
        sighting = self._open.get(track.number)
        if sighting is None:
            self.count += 1
            sighting = Sighting(
                self.count, track.first_s, view, time_s, time_s, view.polyp.area_px, view.field_share
            )
            self._open[track.number] = sighting
            self._tell(EventKind.SIGHTING_OPENED, sighting, view, first_s=round(sighting.first_s, 3))
            return
        sighting.last_s = time_s
        if view.polyp.score > sighting.best.polyp.score:
            sighting.best = view
        if view.polyp.area_px > sighting.largest_area_px:
            sighting.largest_area_px, sighting.largest_field_share = view.polyp.area_px, view.field_share
        if time_s - sighting.told_s >= UPDATE_EVERY_S:
            sighting.told_s = time_s
            self._tell(EventKind.SIGHTING_UPDATED, sighting, view, first_s=round(sighting.first_s, 3))

    def close(self, tracks: Sequence[Track]) -> None:
        """These tracks have ended."""
        for track in tracks:
            sighting = self._open.pop(track.number, None)
            if sighting is not None:
                self._close(sighting, track)

    def _close(self, sighting: Sighting, track: Track) -> None:
        best, path = sighting.best, None
        if self._save_snapshot is not None:
            path = self._save_snapshot(sighting.number, best.frame, best.polyp, best.placement)
        self._journal.tell(
            EventKind.SIGHTING_CLOSED,
            stream_s=sighting.last_s,
            sighting=sighting.number,
            **best.facts(),
            first_s=round(sighting.first_s, 3),
            last_s=round(sighting.last_s, 3),
            frames=track.frames,
            largest_area_px=round(sighting.largest_area_px, 1),
            largest_field_share=round(sighting.largest_field_share, 5),
            snapshot=None if path is None else str(path),
        )

    def _tell(self, kind: EventKind, sighting: Sighting, view: View, **facts: Fact) -> None:
        self._journal.tell(kind, stream_s=view.frame.pts_s, sighting=sighting.number, **view.facts(), **facts)
