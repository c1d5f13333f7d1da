"""`scr-live repair`."""

from pathlib import Path
from typing import Annotated

import typer

from scr_live import console


def repair(
    file: Annotated[
        Path, typer.Argument(help="Recording that was cut off: .mp4, .mov or .mkv. It is left as it is.")
    ],
    *,
    out: Annotated[
        Path | None, typer.Option(help="File to write. Without: NAME-repaired.mp4 beside the recording.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Make an ordinary video of a recording that was cut off, by a crash or when the power went.

    Pictures are copied, not encoded anew, and every one is decoded before the new file gets its name.
    """
    from scr_live.repair.repairing import repair as repair_file  # noqa: PLC0415 - imports av

    with console.CountView("pictures checked") as view:
        repaired = repair_file(file, out, force=force, progress=view.update)
    console.tell_repaired(repaired)
