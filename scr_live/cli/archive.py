"""`scr-live archive`."""

from pathlib import Path
from typing import Annotated

import typer

from scr_live import console
from scr_live.cli.config import Config
from scr_live.cli.options import EngineName, Model, Precision, Threshold
from scr_live.cli.signals import FORCE_AFTER_S, stop_on_signals
from scr_live.errors import ScrLiveError
from scr_live.shipped import DEFAULT_MODEL

_NAMED = 5


def archive(  # noqa: PLR0913 - the options of the command
    source: Annotated[
        Path,
        typer.Argument(
            help="A folder: all videos below it, hidden ones left out. Or a manifest: a text file with a "
            "path a line, or a .csv with a column path and perhaps id; paths are relative to it."
        ),
    ],
    *,
    out: Annotated[
        Path, typer.Option(help="Folder for the results; an archive that was broken off goes on in it.")
    ],
    model: Model = DEFAULT_MODEL,
    engine: EngineName = "auto",
    precision: Precision = "auto",
    threshold: Threshold = None,
    workers: Annotated[
        int, typer.Option(help="Videos at a time, each in a process of its own; 0: one a core.")
    ] = 0,
    threads: Annotated[
        int,
        typer.Option(
            help="CPU threads of the engine for each video; 0: the cores are shared out, on Ray one."
        ),
    ] = 0,
    tracking: Annotated[bool, typer.Option(help="Follow regions, and announce sightings.")] = True,
    alert_after: Annotated[
        float, typer.Option(help="Seconds that a region has to be seen before it is announced.")
    ] = 0.5,
    record: Annotated[
        bool, typer.Option("--record", help="Make an annotated recording of each video, too.")
    ] = False,
    keep_margins: Annotated[
        bool,
        typer.Option(
            "--keep-margins",
            help="Record what lies around the field, too: names, dates. Without, it is black.",
        ),
    ] = False,
    quality: Annotated[int, typer.Option(help="Constant quality of the recordings, 0 (best) to 51.")] = 20,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try again what failed in an earlier run.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Remove earlier results in --out, and begin anew.")
    ] = False,
    ray: Annotated[
        str | None,
        typer.Option(
            help="Work on a Ray cluster: its address, auto, or local (extra ray). All nodes see the same "
            "paths."
        ),
    ] = None,
    config_file: Config = None,  # noqa: ARG001 - its callback has made defaults of what it holds
) -> None:
    """Judge a whole archive of recordings, several at a time, into Parquet tables and a summary.

    Every frame of every video is inferred, as by `run`. A video that cannot be read is a row with its error,
    and the exit code is 1. Ended by Ctrl-C or killed, the same command goes on where it was.
    """
    from scr_live.archive.config import ArchiveConfig, Settings  # noqa: PLC0415 - keeps --help quick
    from scr_live.archive.running import Listeners  # noqa: PLC0415
    from scr_live.archive.running import archive as run_archive  # noqa: PLC0415

    config = ArchiveConfig(
        source,
        out,
        Settings(
            model=model,
            engine=engine,
            precision=precision,
            threshold=threshold,
            tracking=tracking,
            alert_after_s=alert_after,
            record=record,
            keep_margins=keep_margins,
            quality=quality,
        ),
        workers=workers,
        threads=threads,
        ray=ray,
        retry_failed=retry_failed,
        force=force,
    )
    with stop_on_signals(force_after_s=FORCE_AFTER_S) as signals:
        signals.started.set()
        with console.ArchiveView() as view:
            listeners = Listeners(view.started, view.progress, view.ended, view.note)
            report = run_archive(config, listeners=listeners, stop=signals.stop)
    console.tell_archive(report)
    if not report.is_complete:
        raise ScrLiveError(
            f"Stopped as asked, with {len(report.kept)} of {report.videos} videos done. The same command "
            "goes on from there."
        )
    if report.failed:
        names = ", ".join(kept.video.id for kept in report.failed[:_NAMED])
        more = f" and {len(report.failed) - _NAMED} more" if len(report.failed) > _NAMED else ""
        raise ScrLiveError(
            f"{len(report.failed)} of {report.videos} videos failed: {names}{more}. The others are in the "
            "tables; --retry-failed tries these again."
        )
