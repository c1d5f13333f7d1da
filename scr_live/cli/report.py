"""`scr-live report`."""

from pathlib import Path
from typing import Annotated

import typer

from scr_live import console


def report(
    events: Annotated[Path, typer.Argument(help="Event log that `run --events` wrote.")],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Page to write: *.html.")],
    video: Annotated[
        Path | None, typer.Option(help="Recording of the procedure; the page links to its moments.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Make a page about a procedure of its event log: one file that needs no network, also for printing.

    The log of a run that was killed, or of a full disk, is read as far as it goes.
    """
    from scr_live.report.command import write_report  # noqa: PLC0415 - draws with matplotlib

    console.tell_report(write_report(events, out, video=video, force=force))
