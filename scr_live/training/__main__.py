"""`python -m scr_live.training`: train a network from a recipe and image sets."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from scr_live.errors import EngineUnavailableError, ScrLiveError


def main(  # noqa: PLR0913 - the options of the command
    *,
    recipe: Annotated[Path, typer.Option(help="TOML file, such as models/scr-net-lite0/recipe.toml.")],
    out: Annotated[Path, typer.Option(help="Folder of the run: weights, state, log.csv, card.json.")],
    data: Annotated[list[Path], typer.Option(help="Image set with a split into train and val. Repeatable.")],
    train_only: Annotated[
        list[Path] | None, typer.Option(help="Image set that is used whole for training. Repeatable.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in OUT.")] = False,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 2,
    name: Annotated[str, typer.Option(help="Name of the model, for its card.")] = "scr-net",
) -> None:
    """Train SCR-Net on pictures with masks. Ctrl-C saves the state; --resume continues exactly there."""
    try:
        from scr_live.training.command import train  # noqa: PLC0415 - needs torch, --help does not
    except ImportError as missing:
        raise EngineUnavailableError(
            f'Training needs the extra `train` ({missing}). Install it with `pip install "scr-live[train]"`.'
        ) from missing
    train(
        recipe,
        out,
        data=data,
        train_only=train_only or (),
        resume=resume,
        threads=threads,
        name=name,
        tell=typer.echo,
    )


if __name__ == "__main__":
    try:
        typer.run(main)
    except ScrLiveError as problem:
        typer.echo(f"Error: {problem}", err=True)
        sys.exit(problem.exit_code)
