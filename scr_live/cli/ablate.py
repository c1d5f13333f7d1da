"""`scr-live ablate`."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scr_live import console
from scr_live.cli.signals import Signals, stop_on_signals
from scr_live.cli.train import (
    Data,
    Device,
    Epochs,
    Recipe,
    Settings,
    Threads,
    TrainOnly,
    Workers,
    all_settings,
    listening,
    missing_extra_explained,
)

if TYPE_CHECKING:
    from scr_live.training.command import Listeners


def ablate(  # noqa: PLR0913 - the options of the command
    *,
    out: Annotated[
        Path, typer.Option(help="Folder of the four runs and the table. Runs there are continued.")
    ],
    recipe: Recipe = "",
    data: Data = None,
    train_only: TrainOnly = None,
    epochs: Epochs = None,
    settings: Settings = None,
    evaluate_only: Annotated[
        bool, typer.Option("--evaluate-only", help="Train nothing; measure the runs that are in OUT.")
    ] = False,
    device: Device = "auto",
    threads: Threads = 0,
    workers: Workers = None,
) -> None:
    """Train SCR-Net without and with its two modules, as in the paper's Table 1, and write the table.

    Ctrl-C ends after the step and saves everything; the same command continues there.
    """
    with missing_extra_explained():
        from scr_live.training.ablation import ablate as run_ablation  # noqa: PLC0415 - needs torch
        from scr_live.training.config import TrainConfig  # noqa: PLC0415

    config = TrainConfig(
        out=out,
        recipe=recipe,
        settings=all_settings(settings, epochs),
        data=tuple(data or ()),
        train_only=tuple(train_only or ()),
        device=device,
        threads=threads,
        workers=workers,
    )
    with stop_on_signals(same_twice=True) as signals:
        table = run_ablation(config, _Audience(signals), evaluate_only=evaluate_only)
    typer.echo(table or "Stopped. The same command continues here.")


class _Audience:
    def __init__(self, signals: Signals) -> None:
        self._signals = signals

    def training(self, title: str) -> AbstractContextManager["Listeners"]:
        typer.echo(f"== {title}")
        return listening(self._signals)

    @contextmanager
    def evaluating(self, title: str) -> Iterator[Callable[[int, int], None]]:
        self._signals.started.set()
        with console.CountView(f"measuring {title}") as view:
            yield view.update

    def wants_end(self) -> bool:
        return self._signals.stop.is_set()
