"""What `python -m scr_live.training` does, once its options are read. Needs torch."""

import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

import cv2
import torch

from scr_live.card import ModelCard, file_sha256
from scr_live.errors import DataError
from scr_live.evaluation.image_sets import Entry, find_entries
from scr_live.files import write_json
from scr_live.training.data import load_samples
from scr_live.training.loop import Trainer
from scr_live.training.recipe import Recipe
from scr_live.training.recipe_file import read_recipe

_LARGEST_ZOOM = 1.1
"""Pictures are kept a little larger than the network's input: augmentation zooms in more than out."""


def train(  # noqa: PLR0913 - the options of the command
    recipe: Path,
    out: Path,
    *,
    data: Sequence[Path],
    train_only: Sequence[Path],
    resume: bool,
    threads: int,
    name: str,
    tell: Callable[[str], None],
) -> None:
    """Train by the recipe until its end or a signal; weights, state, log and cards in `out`."""
    plan = read_recipe(recipe)
    if (out / "last.pt").exists() and not resume:
        raise DataError(f"{out} holds a run already. Give --resume to continue it, or another --out.")
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    size = 32 * round(_LARGEST_ZOOM * plan.final_size / 32)
    samples = load_samples(_entries(data, train_only), size=size, threads=threads)
    held_out = load_samples(_held_out(data), size=plan.final_size, threads=threads)
    trainer = Trainer(plan, samples, held_out)
    if resume:
        trainer.resume(out)
    stopping: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        stopping.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    tell(f"{len(samples)} pictures to train on, {len(held_out)} to validate, step {trainer.step}")
    trainer.run(
        out, log=lambda line: tell(f"{time.strftime('%H:%M:%S')} {line}"), stop=lambda: bool(stopping)
    )
    write_cards(out, plan, name=name)


def write_cards(folder: Path, recipe: Recipe, *, name: str) -> None:
    """Put a card beside each weights file of a run: best.json and last.json."""
    for path in (folder / "best.safetensors", folder / "last.safetensors"):
        if path.is_file():
            network = recipe.network.as_dict()
            card = ModelCard(name, recipe.final_size, sha256=file_sha256(path), network=network)
            write_json(path.with_suffix(".json"), card.as_dict())


def _entries(data: Sequence[Path], train_only: Sequence[Path]) -> list[Entry]:
    split = [entry for directory in data for entry in find_entries(directory, "train")]
    return split + [entry for directory in train_only for entry in find_entries(directory, None)]


def _held_out(data: Sequence[Path]) -> list[Entry]:
    return [entry for directory in data for entry in find_entries(directory, "val")]
