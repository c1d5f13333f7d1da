"""What `scr-live train` does, once its options are read. Needs torch."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import cv2
import torch

from scr_live.card import file_sha256
from scr_live.errors import DataError, OptionError
from scr_live.evaluation.image_sets import find_entries
from scr_live.machine import machine_facts, usable_cores
from scr_live.training.data import Choice, ImageSet, all_samples, check_apart, read_sets
from scr_live.training.devices import choose_device, workers_for
from scr_live.training.distributed import World, join_world
from scr_live.training.events import Event, Note, Report, Saved, Validated
from scr_live.training.loop import Trainer
from scr_live.training.recipe import Recipe
from scr_live.training.recipe_file import find_recipe, read_recipe, recipe_names, with_settings
from scr_live.training.run_folder import (
    check_data,
    check_free,
    check_recipe,
    read_run,
    write_card,
    write_run,
)

_LARGEST_ZOOM: Final = 1.1
"""Pictures are kept a little larger than the network's input: augmentation zooms in more than out."""


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """The options of a training run."""

    out: Path
    recipe: str = ""
    """Name or path; empty: that of the run which is resumed."""
    settings: tuple[str, ...] = ()
    """KEY=VALUE of the recipe."""
    data: tuple[Path, ...] = ()
    """Image sets with a split into train and val; empty: those of the run which is resumed."""
    train_only: tuple[Path, ...] = ()
    resume: bool = False
    device: str = "auto"
    threads: int = 0
    """Of the CPU; 0: torch decides."""
    workers: int | None = None
    """Processes that prepare pictures; None: none on a CPU, most of the cores beside a GPU."""
    name: str = ""
    """Of the model, for its card; empty: after the recipe."""


@dataclass(frozen=True, slots=True)
class TrainResult:
    """How far the run came."""

    step: int
    steps: int
    best_quality: float
    is_first: bool
    """Of the processes that train together: the one that speaks."""


@dataclass(frozen=True, slots=True)
class Listeners:
    """Who hears of a run, and who ends it."""

    report: Report
    loading: Callable[[int, int], None]
    """Pictures read, of how many."""
    ready: Callable[[], None]
    """There is something to be saved from now on."""
    stop: Callable[[], bool]


def train(config: TrainConfig, listeners: Listeners) -> TrainResult:
    """Train by the recipe until its end or until asked to stop; all that comes of it lies in `config.out`.

    Raises OptionError, DataError, ModelError, OutputUnwritableError, and ScrLiveError if training diverges.
    """
    device = choose_device(config.device)
    known = read_run(config.out) if config.resume else None
    if known is None:
        check_free(config.out)
    recipe = _recipe(config, known and known[0])
    config = _with_known(config, known and known[1])
    _check_names(config)
    _check_splits(config)
    if config.threads:
        torch.set_num_threads(config.threads)
        cv2.setNumThreads(config.threads)
    with join_world(device) as (world, own_device):
        sets = _read(config, recipe, listeners if world.is_first else None)
        run = _Run(config, recipe, sets, known, world, own_device)
        return run.train(listeners)


class _Run:
    """A run whose pictures are read."""

    def __init__(  # noqa: PLR0913, PLR0917 - what `train` has gathered
        self,
        config: TrainConfig,
        recipe: Recipe,
        sets: list[ImageSet],
        known: tuple[Recipe, dict[str, Any]] | None,
        world: World,
        device: torch.device,
    ) -> None:
        self._config = config
        self._sets = sets
        self._known = known
        self._world = world
        self._device = device
        self._workers = workers_for(device) if config.workers is None else config.workers
        self._train_sets = [one for one in sets if one.choice.split != "val"]
        self._validation_sets = [one for one in sets if one.choice.split == "val"]
        check_apart(self._train_sets, self._validation_sets)
        samples = all_samples(self._train_sets)
        self._recipe = recipe.resolved(sum(sample.has_polyp for sample in samples))
        self._changes = {} if known is None else self._check_same(*known)

    def train(self, listeners: Listeners) -> TrainResult:
        facts = self._facts()  # reads the weights to start from: before anything is written
        trainer = Trainer(
            # A resumed run takes its weights from its state: those it once began with may be gone.
            self._recipe if self._known is None else replace(self._recipe, imagenet=False, init=""),
            all_samples(self._train_sets),
            all_samples(self._validation_sets),
            device=self._device,
            workers=self._workers,
            world=self._world,
        )
        if self._known is not None:
            trainer.resume(self._config.out)
            facts["resumed"] = [*facts.get("resumed", []), self._resumption(trainer.step)]
        if self._world.is_first:
            origin = " ".join([str(facts["recipe"]), *(f"--set {one}" for one in self._config.settings)])
            write_run(self._config.out, self._recipe, facts, origin=origin)
            for key, (old, new) in self._changes.items():
                listeners.report(Note(f"{key} was {old} and is {new} from step {trainer.step} on."))
        listeners.ready()
        trainer.run(self._config.out, report=self._with_cards(listeners.report), stop=listeners.stop)
        return TrainResult(trainer.step, self._recipe.steps, trainer.best_quality, self._world.is_first)

    def _check_same(self, before: Recipe, facts: Mapping[str, Any]) -> dict[str, tuple[object, object]]:
        check_data(facts["sets"], [one.facts() for one in self._sets], self._config.out)
        return check_recipe(before, self._recipe, self._config.out)

    def _with_cards(self, report: Report) -> Report:
        """A card is written with each weights file: without it they cannot be used."""

        def told(event: Event) -> None:
            match event:
                case Saved():
                    write_card(self._config.out, self._recipe, "last", name=self._config.name)
                case Validated(is_best=True):
                    write_card(self._config.out, self._recipe, "best", name=self._config.name)
                case _:
                    pass
            report(event)

        return told

    def _facts(self) -> dict[str, Any]:
        if self._known is not None:
            return dict(self._known[1])
        config, init = self._config, self._recipe.init
        return {
            "name": config.name,
            "started": _now(),
            "recipe": config.recipe,
            "settings": list(config.settings),
            "data": [str(path) for path in config.data],
            "train_only": [str(path) for path in config.train_only],
            **self._circumstances(),
            "seed": self._recipe.seed,
            "init_sha256": file_sha256(Path(init)) if init else None,
            "sets": [one.facts() for one in self._sets],
        }

    def _resumption(self, step: int) -> dict[str, object]:
        changes = {key: list(values) for key, values in self._changes.items()}
        return {"at": _now(), "step": step, "changes": changes, **self._circumstances()}

    def _circumstances(self) -> dict[str, object]:
        gpu = torch.cuda.get_device_name(self._device) if self._device.type == "cuda" else None
        return {
            "device": str(self._device),
            "gpu": gpu,
            "processes": self._world.size,
            "threads": torch.get_num_threads(),
            "workers": self._workers,
            "machine": machine_facts(),
        }


def _recipe(config: TrainConfig, before: Recipe | None) -> Recipe:
    if config.recipe:
        recipe = read_recipe(find_recipe(config.recipe))
    elif before is not None:
        recipe = before
    else:
        raise OptionError(
            "Which recipe? Give --recipe with the path of a TOML file, or one of "
            f"{', '.join(recipe_names())}."
        )
    return with_settings(recipe, config.settings)


def _with_known(config: TrainConfig, facts: Mapping[str, Any] | None) -> TrainConfig:
    """Fill what was not said, of a resumed run from its record."""
    if facts is not None:
        name = config.name or facts["name"]
        if config.data or config.train_only:
            return replace(config, name=name)
        data, train_only = ([Path(path) for path in facts[key]] for key in ("data", "train_only"))
        return replace(config, name=name, data=tuple(data), train_only=tuple(train_only))
    named = config.recipe if config.recipe in recipe_names() else config.out.absolute().name
    return replace(config, name=config.name or f"scr-net-{named}")


def _check_names(config: TrainConfig) -> None:
    if not config.data:
        raise OptionError("Give at least one --data: an image set with a split into train and val.")
    seen: dict[str, Path] = {}
    for directory in (*config.data, *config.train_only):
        name = directory.absolute().name
        if name in seen:
            raise OptionError(
                f"{seen[name]} and {directory} are one image set, or two of one name, {name}: figures and "
                "set_weights go by it. Give each set once, in folders of different names."
            )
        seen[name] = directory


def _check_splits(config: TrainConfig) -> None:
    """Raise DataError, with the way out, for a sound set that has no train or no val."""
    for directory in filter(_is_set, config.data):
        if not any((place / "splits.csv").is_file() for place in (directory, directory.absolute().parent)):
            raise DataError(
                f"There is no splits.csv in or beside {directory}, with the columns dataset, id and split, "
                "to say which pictures are train and which val. Write one, or train on all of the set by "
                "giving it with --train-only."
            )
        try:
            for split in ("train", "val"):
                find_entries(directory, split, problems=[])
        except DataError as error:
            raise DataError(
                f"{error} A set given with --data needs train and val; one to be trained on as a whole is "
                "given with --train-only."
            ) from error


def _is_set(directory: Path) -> bool:
    try:
        return bool(find_entries(directory, None, problems=[]))
    except DataError:
        return False


def _read(config: TrainConfig, recipe: Recipe, listeners: Listeners | None) -> list[ImageSet]:
    plain = recipe.augmentation == "paper"  # its pictures are resized first and augmented then
    size = recipe.final_size if plain else 32 * round(_LARGEST_ZOOM * recipe.final_size / 32)
    choices = [Choice(directory, "train", size) for directory in config.data]
    choices += [Choice(directory, None, size) for directory in config.train_only]
    choices += [Choice(directory, "val", recipe.final_size) for directory in config.data]

    def quiet(_done: int, _total: int) -> None:
        pass

    progress = quiet if listeners is None else listeners.loading
    return read_sets(choices, threads=config.threads or usable_cores(), progress=progress)


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
