"""From an event log to a page on the disk."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from scr_live.errors import (
    OptionError,
    OutputExistsError,
    OutputUnwritableError,
    SinkError,
    SourceNotFoundError,
)
from scr_live.files import check_distinct, write_text
from scr_live.report.page import page
from scr_live.report.plots import check_plots
from scr_live.report.procedure import procedure
from scr_live.report.reading import read_events


@dataclass(frozen=True, slots=True)
class Written:
    """What was made."""

    path: Path
    sightings: int
    problems: tuple[str, ...]
    """What is damaged or missing in the log; the page says it, too."""


def write_report(events: Path, out: Path, *, video: Path | None = None, force: bool = False) -> Written:
    """Read the event log and write the page. The video is not read: the page links to its moments."""
    _check_out(out, {"EVENTS": events, "--video": video, "--out": out}, force=force)
    if video is not None and not video.is_file():
        raise SourceNotFoundError(
            f"There is no video {video}; --video names the recording of this procedure."
        )
    check_plots()
    told = procedure(read_events(events))
    write_text(out, page(told, video="" if video is None else _address(video, out)))
    return Written(out, len(told.sightings), tuple(told.reading.problems))


def _check_out(out: Path, paths: Mapping[str, Path | None], *, force: bool) -> None:
    try:
        if out.suffix.lower() not in (".html", ".htm"):
            raise OptionError(
                f"A report is named *.html; {out.name!r} is not. Try {out.stem or 'report'}.html."
            )
        check_distinct(paths)
        if out.is_dir():
            raise OutputUnwritableError(
                f"{out} is a folder; name a file in it, such as {out / 'report.html'}."
            )
        if not out.parent.is_dir():
            raise OutputUnwritableError(
                f"Cannot write {out}: there is no folder {out.parent}. Create it first."
            )
        if out.exists() and not force:
            raise OutputExistsError(
                f"{out} exists already; choose another name, or overwrite it with --force."
            )
    except SinkError:
        raise
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        raise OutputUnwritableError(f"Cannot write {out}: {error.strerror}.") from error


def _address(video: Path, out: Path) -> str:
    """Where the video is, seen from the page: both can be moved together."""
    try:
        relative = os.path.relpath(video.resolve(), out.parent.resolve())
    except ValueError:  # on another drive
        return video.resolve().as_uri()
    return quote(Path(relative).as_posix().encode(errors="surrogateescape"))
