"""A card for each sighting, with its picture."""

import base64
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from scr_live.report.markup import Html, clock, counted, element, figure, join, share
from scr_live.report.plots import area_curve
from scr_live.report.sightings import Sighting
from scr_live.report.video import Video

LARGEST_PICTURE: Final = 8 << 20
"""Bytes: a snapshot is a small JPEG."""
ALL_PICTURES: Final = 256 << 20
"""Bytes: whoever opens the page has to hold them."""
ALL_CURVES: Final = 500
MOST_CARDS: Final = 1000
"""More are read by nobody, and a browser hardly shows them."""
_KINDS: Final = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}
_FEWEST_POINTS: Final = 3


class Cards:
    """Makes a card of each sighting, with its picture and curve as long as the page has room for them."""

    def __init__(self, folder: Path, video: Video | None) -> None:
        """folder: of the event log."""
        self._folder = folder
        self._video = video
        self._bytes_left = ALL_PICTURES
        self._curves_left = ALL_CURVES
        self._pictures_left_out = 0
        self._curves_left_out = 0
        self._astray = 0
        self._sightings = 0

    def cards(self, sightings: Sequence[Sighting]) -> list[Html]:
        """Those of the first sightings."""
        self._sightings = len(sightings)
        return [self.card(one) for one in sightings[:MOST_CARDS]]

    def card(self, one: Sighting) -> Html:
        """One sighting."""
        at = clock(one.first_s)
        moment = "" if self._video is None else self._video.moment(one)
        link = element("a", f"Show sighting {one.number} in the video", href=moment)
        return element(
            "article",
            element("h3", f"Sighting {one.number}, at {at}", id=f"sighting-{one.number}"),
            self._picture(one),
            facts(
                {
                    "First seen": f"{at}, {wall(one.first_at)}",
                    "Last seen": f"{clock(one.last_s)}, {wall(one.last_at)}"
                    + ("" if one.is_closed else " (the log ends before it did)"),
                    "Seen for": f"{one.last_s - one.first_s:.1f} s"
                    + ("" if one.frames is None else f", in {one.frames} frames"),
                    "Best score": figure(one.best_score, 2),
                    "Largest area": f"{figure(one.largest_area_px, 0, 'px')}, "
                    f"{share(one.largest_field_share)} of the field",
                }
            ),
            self._curve(one),
            element("p", link, class_="moment") if moment else None,
        )

    def problems(self) -> Iterator[str]:
        """Sentences about what found no room, once all cards are made."""
        if self._sightings > MOST_CARDS:
            yield (
                f"Only the first {MOST_CARDS} of {self._sightings} sightings have a card; the timeline and "
                "the figures are of all."
            )
        left_out = {"picture": self._pictures_left_out, "curve": self._curves_left_out}
        named = [counted(count, name) for name, count in left_out.items() if count]
        if named:
            yield f"Left out, since the page would be too large: {' and '.join(named)} of sightings."
        if self._astray:
            yield (
                f"Left out, since only what lies in the folder of the log gets into the page: "
                f"{counted(self._astray, 'picture')} of sightings."
            )

    def _picture(self, one: Sighting) -> Html:
        if not one.snapshot:
            return element("p", "No picture was taken of this sighting.", class_="none")
        data, problem = self._read(one.snapshot)
        if problem:
            return element("p", f"The picture {one.snapshot} {problem}.", class_="none")
        kind = next(kind for mark, kind in _KINDS.items() if data.startswith(mark))
        at = clock(one.first_s)
        return element(
            "img",
            src=f"data:{kind};base64,{base64.b64encode(data).decode()}",
            alt=f"Frame of sighting {one.number}, first seen at {at}, with the outline that the model drew",
        )

    def _read(self, snapshot: str) -> tuple[bytes, str]:
        """The picture, or why there is none. Nothing but one gets into the page, whatever the log names."""
        try:
            path = (self._folder / snapshot).resolve()
            if not path.is_relative_to(self._folder.resolve()):
                self._astray += 1
                return b"", "is left out: it does not lie in the folder of the log"
            if not path.is_file():
                return b"", "is not there"
            if self._bytes_left < path.stat().st_size <= LARGEST_PICTURE:
                self._pictures_left_out += 1
                return b"", "is left out: the page would be too large"
            with path.open("rb") as stream:
                data = stream.read(LARGEST_PICTURE + 1)
        except (OSError, ValueError, RuntimeError):  # too long a name, a zero in it, links in a circle
            return b"", "cannot be read"
        if len(data) > LARGEST_PICTURE or not data.startswith(tuple(_KINDS)):
            return b"", "is no JPEG or PNG of a snapshot's size"
        self._bytes_left -= len(data)
        return data, ""

    def _curve(self, one: Sighting) -> Html | None:
        if len(one.areas) < _FEWEST_POINTS:
            return None
        if not self._curves_left:
            self._curves_left_out += 1
            return None
        self._curves_left -= 1
        return area_curve(one)


def facts(told: dict[str, str]) -> Html:
    """Names and what they are."""
    return element(
        "dl", join(*(join(element("dt", name), element("dd", value)) for name, value in told.items()))
    )


def wall(at: datetime) -> str:
    """Time of the day."""
    return f"{at:%H:%M:%S} UTC"
