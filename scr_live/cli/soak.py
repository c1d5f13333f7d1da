"""`scr-live soak`."""

from pathlib import Path
from typing import Annotated

import typer

from scr_live import console
from scr_live.cli.config import Config
from scr_live.cli.options import Model, Precision, Threads
from scr_live.cli.signals import FORCE_AFTER_S, stop_on_signals
from scr_live.errors import OptionError
from scr_live.heap import keep_memory_level
from scr_live.shipped import DEFAULT_MODEL


def soak(  # noqa: PLR0913 - the options of the command
    *,
    minutes: Annotated[float, typer.Option(help="How long.")],
    seed: Annotated[int, typer.Option(min=0, help="Which faults come when, and which colon is seen.")] = 0,
    fault_every: Annotated[
        float, typer.Option(help="Mean seconds from one fault to the next, of source and engine each.")
    ] = 5.0,
    size: Annotated[str, typer.Option(help="Picture size, such as 1920x1080.")] = "640x480",
    fps: Annotated[float, typer.Option(help="Pictures a second.")] = 30.0,
    engine: Annotated[
        str, typer.Option(help="Which engine is made to fail: constant (a fake), or one of `run`.")
    ] = "constant",
    model: Model = DEFAULT_MODEL,
    precision: Precision = "auto",
    threads: Threads = 0,
    record: Annotated[
        Path | None, typer.Option(help="Folder for soak-0001.mp4 and so on; earlier ones are replaced.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write what was found to this JSON file.")] = None,
    sample_every: Annotated[float, typer.Option(help="Seconds from one sample to the next.")] = 5.0,
    config_file: Config = None,  # noqa: ARG001 - its callback has made defaults of what it holds
) -> None:
    """Run live video for long with faults on purpose, and say what was injected, what was lost, what grew.

    Source and model fail on a schedule that the seed decides. Exit code 1 if a limit was broken. Ctrl-C ends
    it early; the report is written all the same.
    """
    arenas = keep_memory_level()
    from scr_live.files import write_json  # noqa: PLC0415 - beside the other
    from scr_live.soak.config import SoakConfig  # noqa: PLC0415 - keeps --help quick
    from scr_live.soak.running import soak as run_soak  # noqa: PLC0415

    width, height = _sides(size)
    config = SoakConfig(
        minutes,
        seed,
        fault_every_s=fault_every,
        width=width,
        height=height,
        fps=fps,
        engine=engine,
        model=model,
        precision=precision,
        threads=threads,
        record=record,
        report=report,
        sample_every_s=sample_every,
    )
    stopping = stop_on_signals(force_after_s=FORCE_AFTER_S)
    with stopping as signals, console.SoakView(config.duration_s) as view:
        found = run_soak(config, progress=view.progress, stop=signals.stop, started=signals.started.set)
    if report is not None:
        write_json(report, {**found.as_dict(), "arenas": arenas})
    console.tell_soak(found)
    if not found.passed:
        raise typer.Exit(1)


def _sides(size: str) -> tuple[int, int]:
    width, _, height = size.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise OptionError(f"--size must be WIDTHxHEIGHT, such as 640x480; found {size!r}.")
    return int(width), int(height)
