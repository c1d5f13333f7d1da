"""`scr-live train`, and what commands that train share."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scr_live import console
from scr_live.cli.signals import Signals, stop_on_signals
from scr_live.errors import EngineUnavailableError

if TYPE_CHECKING:
    from scr_live.training.command import Listeners

Recipe = Annotated[
    str,
    typer.Option(
        help="A shipped recipe (plain, lite0) or a TOML file. Default, of a continued run: its own."
    ),
]
Data = Annotated[
    list[Path] | None,
    typer.Option(
        help="Image set with a split into train and val. Repeatable. Default, of a continued run: its own."
    ),
]
TrainOnly = Annotated[
    list[Path] | None, typer.Option(help="Image set that is used whole for training. Repeatable.")
]
Epochs = Annotated[float | None, typer.Option(help="Length of the run, instead of the recipe's.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", help="KEY=VALUE of the recipe, such as rate=1e-4 or network.scm=false. Repeatable."
    ),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Threads = Annotated[int, typer.Option(min=0, help="CPU threads; 0: torch decides.")]
Workers = Annotated[
    int | None, typer.Option(min=0, help="Processes that prepare pictures. Without: as the device needs.")
]
Name = Annotated[str, typer.Option(help="Name of the model, for its card. Without: after the recipe.")]


def train(  # noqa: PLR0913 - the options of the command
    *,
    out: Annotated[Path, typer.Option(help="Folder of the run: weights, cards, state, logs, pictures.")],
    recipe: Recipe = "",
    data: Data = None,
    train_only: TrainOnly = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in OUT where it stopped.")
    ] = False,
    epochs: Epochs = None,
    settings: Settings = None,
    device: Device = "auto",
    threads: Threads = 0,
    workers: Workers = None,
    name: Name = "",
) -> None:
    """Train SCR-Net on pictures with masks.

    Ctrl-C ends after the step and saves everything; --resume continues exactly there.
    """
    with missing_extra_explained():
        from scr_live.training import command  # noqa: PLC0415 - needs torch, --help does not
        from scr_live.training.config import TrainConfig  # noqa: PLC0415

    config = TrainConfig(
        out=out,
        recipe=recipe,
        settings=all_settings(settings, epochs),
        data=tuple(data or ()),
        train_only=tuple(train_only or ()),
        resume=resume,
        device=device,
        threads=threads,
        workers=workers,
        name=name,
    )
    with stop_on_signals(same_twice=True) as signals, listening(signals) as listeners:
        result = command.train(config, listeners)
    if result.is_first and result.step < result.steps:
        typer.echo(f"Continue with: scr-live train --resume --out {out}")


@contextmanager
def missing_extra_explained() -> Iterator[None]:
    """Around the import of what needs torch."""
    try:
        yield
    except ImportError as missing:
        raise EngineUnavailableError(
            f'Training needs the extra `train` ({missing}). Install it with `pip install "scr-live[train]"`.'
        ) from missing


@contextmanager
def listening(signals: Signals) -> Iterator["Listeners"]:
    """Print what a training run tells: a bar while pictures are read, then its steps."""
    from scr_live.training.command import Listeners  # noqa: PLC0415 - needs torch

    bar = console.CountView("pictures")
    with ExitStack() as reading, console.TrainView() as view:

        def loading(done: int, total: int) -> None:
            if done == 1:  # of several processes only the first tells
                reading.enter_context(bar)
            bar.update(done, total)

        def ready() -> None:
            reading.close()
            signals.started.set()

        yield Listeners(view, loading, ready=ready, stop=signals.stop.is_set)


def all_settings(settings: list[str] | None, epochs: float | None) -> tuple[str, ...]:
    """Those of --set, and --epochs as one."""
    return (*(settings or ()), *(() if epochs is None else (f"epochs={epochs:g}",)))
