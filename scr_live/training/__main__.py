"""`python -m scr_live.training`: train a network from a recipe and image sets."""

import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Annotated

import cv2
import torch
import typer

from scr_live.card import ModelCard, file_sha256
from scr_live.errors import DataError, ScrLiveError
from scr_live.evaluation.image_sets import Entry, find_entries
from scr_live.files import write_json
from scr_live.training.data import load_samples
from scr_live.training.loop import Trainer
from scr_live.training.recipe import Recipe

_LARGEST_ZOOM = 1.1
"""Pictures are kept a little larger than the network's input: augmentation zooms in more than out."""


def train(  # noqa: PLR0913 - the options of the command
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
    plan = Recipe.load(recipe)
    if (out / "last.pt").exists() and not resume:
        raise DataError(f"{out} holds a run already. Give --resume to continue it, or another --out.")
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    size = 32 * round(_LARGEST_ZOOM * plan.final_size / 32)
    samples = load_samples(_entries(data, train_only or []), size=size, threads=threads)
    held_out = load_samples(_held_out(data), size=plan.final_size, threads=threads)
    trainer = Trainer(plan, samples, held_out)
    if resume:
        trainer.resume(out)
    stopping: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        stopping.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    typer.echo(f"{len(samples)} pictures to train on, {len(held_out)} to validate, step {trainer.step}")
    trainer.run(out, log=_tell, stop=lambda: bool(stopping))
    write_cards(out, plan, name=name)


def write_cards(folder: Path, recipe: Recipe, *, name: str) -> None:
    """Put a card beside each weights file of a run: best.json and last.json."""
    for path in (folder / "best.safetensors", folder / "last.safetensors"):
        if path.is_file():
            network = recipe.network.as_dict()
            card = ModelCard(name, recipe.final_size, sha256=file_sha256(path), network=network)
            write_json(path.with_suffix(".json"), card.as_dict())


def _entries(data: list[Path], train_only: list[Path]) -> list[Entry]:
    split = [entry for directory in data for entry in find_entries(directory, "train")]
    return split + [entry for directory in train_only for entry in find_entries(directory, None)]


def _held_out(data: list[Path]) -> list[Entry]:
    return [entry for directory in data for entry in find_entries(directory, "val")]


def _tell(line: str) -> None:
    typer.echo(f"{time.strftime('%H:%M:%S')} {line}")


if __name__ == "__main__":
    try:
        typer.run(train)
    except ScrLiveError as problem:
        typer.echo(f"Error: {problem}", err=True)
        sys.exit(problem.exit_code)
