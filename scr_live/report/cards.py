"""A card for each sighting, with its picture."""

import base64
from datetime import datetime
from pathlib import Path
from typing import Final

from scr_live.report.markup import Html, clock, element, figure, join, share
from scr_live.report.plots import area_curve
from scr_live.report.sightings import Sighting

LARGEST_PICTURE: Final = 8 << 20
"""Bytes: a snapshot is a small JPEG."""
_KINDS: Final = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}
_FEWEST_POINTS: Final = 3


def card(one: Sighting, folder: Path, video: str) -> Html:
    """One sighting. folder: of the event log; video: address of the recording, or empty."""
    at = clock(one.first_s)
    place = (
        element("a", f"Show sighting {one.number} in the video", href=f"{video}#t={one.first_s:.1f}")
        if video
        else None
    )
    return element(
        "article",
        element("h3", f"Sighting {one.number}, at {at}", id=f"sighting-{one.number}"),
        _picture(one, folder),
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
        area_curve(one) if len(one.areas) >= _FEWEST_POINTS else None,
        None if place is None else element("p", place),
    )


def facts(told: dict[str, str]) -> Html:
    """Names and what they are."""
    return element(
        "dl", join(*(join(element("dt", name), element("dd", value)) for name, value in told.items()))
    )


def wall(at: datetime) -> str:
    """Time of the day."""
    return f"{at:%H:%M:%S} UTC"


def _picture(one: Sighting, folder: Path) -> Html:
    if not one.snapshot:
        return element("p", "No picture was taken of this sighting.", class_="none")
    data, problem = _read(one.snapshot, folder)
    if problem:
        return element("p", f"The picture {one.snapshot} {problem}.", class_="none")
    kind = next(kind for mark, kind in _KINDS.items() if data.startswith(mark))
    at = clock(one.first_s)
    return element(
        "img",
        src=f"data:{kind};base64,{base64.b64encode(data).decode()}",
        alt=f"Frame of sighting {one.number}, first seen at {at}, with the outline that the model drew",
    )


def _read(snapshot: str, folder: Path) -> tuple[bytes, str]:
    """The picture, or why there is none. Nothing but a picture gets into the page, whatever the log names."""
    try:
        path = folder / snapshot
        if not path.is_file():
            return b"", "is not there"
        with path.open("rb") as stream:
            data = stream.read(LARGEST_PICTURE + 1)
    except (OSError, ValueError):  # a name that is too long, or has a zero in it
        return b"", "cannot be read"
    if len(data) > LARGEST_PICTURE or not data.startswith(tuple(_KINDS)):
        return b"", "is no JPEG or PNG of a snapshot's size"
    return data, ""
