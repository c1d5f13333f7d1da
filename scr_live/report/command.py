"""From an event log to a page on the disk."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scr_live.errors import (
    OptionError,
    OutputExistsError,
    OutputUnwritableError,
    SinkError,
    SourceNotFoundError,
    SourceUnreadableError,
)
from scr_live.files import check_distinct, write_text
from scr_live.report.page import page
from scr_live.report.plots import check_plots
from scr_live.report.procedure import procedure
from scr_live.report.reading import read_events
from scr_live.report.video import video_of


@dataclass(frozen=True, slots=True)
class Written:
    """What was made."""

    path: Path
    sightings: int
    problems: tuple[str, ...]
    """What is damaged, missing or left out; the page says it, too."""


def write_report(events: Path, out: Path, *, video: Path | None = None, force: bool = False) -> Written:
    """Read the event log and write the page. The video is not read: the page links to its moments."""
    _check_out(out, {"EVENTS": events, "--video": video, "--out": out}, force=force)
    if video is not None:
        _check_video(video)
    check_plots()
    told = procedure(read_events(events))
    made = page(told, video=None if video is None else video_of(told, video, page=out))
    write_text(out, made.html)
    return Written(out, len(told.sightings), tuple(made.problems))


def _check_video(video: Path) -> None:
    try:
        is_there = video.is_file()
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        raise SourceUnreadableError(f"Cannot look at the video {video}: {error.strerror}.") from error
    if not is_there:
        raise SourceNotFoundError(
            f"There is no video {video}; --video names the recording of this procedure."
        )


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
