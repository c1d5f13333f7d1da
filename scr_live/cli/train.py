"""`scr-live train`."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from scr_live import console
from scr_live.cli.signals import stop_on_signals
from scr_live.errors import EngineUnavailableError


def train(  # noqa: PLR0913 - the options of the command
    *,
    out: Annotated[Path, typer.Option(help="Folder of the run: weights, cards, state, logs, pictures.")],
    recipe: Annotated[
        str,
        typer.Option(help="A shipped recipe (plain, lite0) or a TOML file. Without, on --resume: the run's."),
    ] = "",
    data: Annotated[
        list[Path] | None,
        typer.Option(help="Image set with a split into train and val. Repeatable. On --resume: the run's."),
    ] = None,
    train_only: Annotated[
        list[Path] | None, typer.Option(help="Image set that is used whole for training. Repeatable.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in OUT where it stopped.")
    ] = False,
    epochs: Annotated[float | None, typer.Option(help="Length of the run, instead of the recipe's.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="KEY=VALUE of the recipe, such as rate=1e-4 or network.scm=false. Repeatable."
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    threads: Annotated[int, typer.Option(min=0, help="CPU threads; 0: torch decides.")] = 0,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes that prepare pictures. Without: as the device needs.")
    ] = None,
    name: Annotated[
        str, typer.Option(help="Name of the model, for its card. Without: after the recipe.")
    ] = "",
) -> None:
    """Train SCR-Net on pictures with masks.

    Ctrl-C ends after the step and saves everything; --resume continues exactly there.
    """
    try:
        from scr_live.training import command  # noqa: PLC0415 - needs torch, --help does not
    except ImportError as missing:
        raise EngineUnavailableError(
            f'Training needs the extra `train` ({missing}). Install it with `pip install "scr-live[train]"`.'
        ) from missing
    length = () if epochs is None else (f"epochs={epochs:g}",)
    config = command.TrainConfig(
        out=out,
        recipe=recipe,
        settings=(*(settings or ()), *length),
        data=tuple(data or ()),
        train_only=tuple(train_only or ()),
        resume=resume,
        device=device,
        threads=threads,
        workers=workers,
        name=name,
    )
    bar = console.CountView("pictures")
    with stop_on_signals(same_twice=True) as signals, ExitStack() as reading, console.TrainView() as view:

        def loading(done: int, total: int) -> None:
            if done == 1:  # of several processes only the first tells
                reading.enter_context(bar)
            bar.update(done, total)

        def ready() -> None:
            reading.close()
            signals.started.set()

        listeners = command.Listeners(view, loading, ready=ready, stop=signals.stop.is_set)
        result = command.train(config, listeners)
    if result.is_first and result.step < result.steps:
        typer.echo(f"Continue with: scr-live train --resume --out {out}")
