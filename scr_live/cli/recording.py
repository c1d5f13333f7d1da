"""The options of a recording, for `run`."""

from pathlib import Path
from typing import Annotated

import typer

from scr_live import files
from scr_live.errors import OptionError

_PANEL = "The recording"

Record = Annotated[
    Path | None,
    typer.Option(
        help="Write the annotated video to this .mp4 file; {time} in its name becomes date and time.",
        rich_help_panel=_PANEL,
    ),
]
RecordTo = Annotated[
    Path | None,
    typer.Option(
        help="Live, with a window or --serve: folder of recordings that a person starts and stops, by the "
        "key r or on the page; each is a new file, named by its time. With --record one begins at once, and "
        "the others come beside it.",
        rich_help_panel=_PANEL,
    ),
]
RecordRaw = Annotated[
    Path | None,
    typer.Option(
        help="What came in, without marks: a camera's or stream's packets as they are.",
        rich_help_panel=_PANEL,
    ),
]
KeepMargins = Annotated[
    bool,
    typer.Option(
        "--keep-margins",
        help="Record and save what lies around the field, too: names, dates, a second picture. Without, "
        "it is black.",
        rich_help_panel=_PANEL,
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace existing recordings.", rich_help_panel=_PANEL)]
SegmentLength = Annotated[
    str | None,
    typer.Option(help="Begin a new file after 10min, 1h, 500MB ...", rich_help_panel=_PANEL),
]
RecordSafety = Annotated[
    str,
    typer.Option(
        help="What a killed process may cost: at most a second, or a frame (which costs "
        "more processor and bytes).",
        rich_help_panel=_PANEL,
    ),
]
RecordFallback = Annotated[
    Path | None,
    typer.Option(
        help="Folder to go on in when the disk is full or gone, and to begin in if that of the recording "
        "cannot be used.",
        rich_help_panel=_PANEL,
    ),
]
Encoder = Annotated[str, typer.Option(help="H.264 encoder of the recording.", rich_help_panel=_PANEL)]
Quality = Annotated[
    int,
    typer.Option(help="Constant quality of the recording, 0 (best) to 51.", rich_help_panel=_PANEL),
]


def later_recordings(record: Path | None, folder: Path | None) -> Path | None:
    """Return how recordings are named that a person starts; None: nobody can. OptionError: both are given."""
    if record is not None and folder is not None:
        raise OptionError(
            "--record and --record-to exclude one another: --record begins at once, and what is started "
            "later comes beside it. To begin nothing at once, give --record-to alone."
        )
    if folder is not None:
        return folder / f"scr-live-{files.TIME}.mp4"
    return None if record is None else files.named_later(record)
