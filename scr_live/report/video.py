"""A recording of the procedure, as the page links to its moments."""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from scr_live.report.procedure import Procedure
from scr_live.report.sightings import Sighting
from scr_live.sinks.stretches import Stretch


@dataclass(frozen=True, slots=True)
class Video:
    """Where it is, and what it holds."""

    address: str
    stretch: Stretch
    problem: str = ""
    """What is not known of it; empty: nothing."""

    def moment(self, one: Sighting) -> str:
        """Address of a sighting's first picture there; empty: it is not in this file."""
        if not self.stretch.holds(one.first_s, one.last_s):
            return ""
        return f"{self.address}#t={max(0.0, one.first_s - self.stretch.first_s):.1f}"


def video_of(told: Procedure, path: Path, *, page: Path) -> Video:
    """What the log tells of a file; one that it does not name is taken to begin with the run."""
    address = _address(path, page)
    stretch = told.recording(path.name)
    if stretch is not None:
        return Video(address, stretch)
    whole = Stretch(path, 0.0)
    if not told.recordings:
        return Video(address, whole)
    return Video(
        address,
        whole,
        f"The log tells of no recording {path.name}: the links to it are right if it begins with the run.",
    )


def _address(path: Path, page: Path) -> str:
    """Where the video is, seen from the page: both can be moved together."""
    try:
        relative = os.path.relpath(path.resolve(), page.parent.resolve())
    except ValueError:  # on another drive
        return path.resolve().as_uri()
    return quote(Path(relative).as_posix().encode(errors="surrogateescape"))
