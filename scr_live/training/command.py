"""What `scr-live train` does, once its options are read. Needs torch."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import torch

from scr_live.card import file_sha256
from scr_live.errors import ModelNotFoundError, ScrLiveError
from scr_live.files import make_folder
from scr_live.machine import machine_facts, usable_cores
from scr_live.network.scr_net import ScrNet
from scr_live.training.config import TrainConfig, check_sets, choose_pictures, choose_recipe, completed
from scr_live.training.data import Choice, ImageSet, all_samples, check_apart, read_sets
from scr_live.training.distributed import World, choose_device, join_world
from scr_live.training.events import Event, Note, Report, Saved, Validated
from scr_live.training.learner import initialise
from scr_live.training.loading import check_load, workers_for
from scr_live.training.loop import Trainer
from scr_live.training.recipe import Recipe
from scr_live.training.run_folder import (
    Changes,
    check_data,
    check_free,
    check_recipe,
    held,
    read_run,
    write_card,
    write_run,
)


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
    config = completed(config, known and known[1])
    recipe, unused = choose_recipe(config, known and known[0])
    check_sets(config)
    _check_beginning(recipe, is_new=known is None)
    check_load(threads=config.threads, workers=config.workers or 0)
    if config.threads:
        torch.set_num_threads(config.threads)
        cv2.setNumThreads(config.threads)
    try:
        with join_world(device) as (world, own_device):
            choices = choose_pictures(config, recipe)
            sets = _read(choices, config.threads, listeners if world.is_first else None)
            run = _Run(config, recipe, sets, known, world, own_device)
            if world.is_first and unused:
                names = ", ".join(unused)
                listeners.report(Note(f"The set_weights of {names} have no effect: no such set is given."))
            return run.train(listeners)
    except MemoryError as error:
        raise ScrLiveError(
            f"The memory of this machine is too small for the run: {error}. Take a lower batch, such as "
            "--set batch=4, smaller sizes or fewer pictures."
        ) from error


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
        with self._folder_held() if self._world.is_first else nullcontext():
            return self._train(facts, listeners)

    @contextmanager
    def _folder_held(self) -> Iterator[None]:
        folder = self._config.out
        make_folder(folder)
        with held(folder):
            if self._known is None:
                check_free(folder)  # once more: another process may have begun while pictures were read
            yield

    def _train(self, facts: dict[str, Any], listeners: Listeners) -> TrainResult:
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
            for note in self._notes(trainer.step):
                listeners.report(Note(note))
        listeners.ready()
        trainer.run(self._config.out, report=self._with_cards(listeners.report), stop=listeners.stop)
        return TrainResult(trainer.step, self._recipe.steps, trainer.best_quality, self._world.is_first)

    def _notes(self, step: int) -> Iterator[str]:
        for key, (old, new) in self._changes.items():
            yield f"{key} was {old} and is {new} from step {step} on."
        for key, (old, new) in self._other_circumstances().items():
            yield (
                f"{key} was {old} and is {new} from step {step} on: the numbers will be close to those of an "
                "unbroken run, and not the same."
            )
        if self._recipe.warmup_steps >= self._recipe.steps:
            yield (
                f"The learning rate never comes to its peak: the warm-up takes {self._recipe.warmup_steps} "
                f"steps and the run has {self._recipe.steps}. Lower warmup_steps, or train longer."
            )

    def _other_circumstances(self) -> Changes:
        """What sums are added up by, and in which order, where it is not as it was."""
        if self._known is None:
            return {}
        facts, now = self._known[1], self._circumstances()
        before = [facts, *facts.get("resumed", [])][-1]
        keys = [key for key in ("device", "processes", "threads") if key in before]
        return {key: (before[key], now[key]) for key in keys if before[key] != now[key]}

    def _check_same(self, before: Recipe, facts: Mapping[str, Any]) -> Changes:
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
            # Absolute: the run may be resumed in another working directory.
            "data": [str(path.absolute()) for path in config.data],
            "train_only": [str(path.absolute()) for path in config.train_only],
            "asked": {"threads": config.threads, "workers": config.workers},
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


def _check_beginning(recipe: Recipe, *, is_new: bool) -> None:
    """Raise now, and not after all pictures were read, what is wrong with where the weights begin."""
    network = ScrNet(recipe.network)
    if not is_new:
        return
    if recipe.init and not _is_file(Path(recipe.init)):
        raise ModelNotFoundError(
            f"init names the weights {recipe.init}, and there is no such file. Give the path of a "
            ".safetensors file, such as that of another run's best.safetensors."
        )
    initialise(network, recipe)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, a folder that may not be looked into
        return False


def _read(choices: Sequence[Choice], threads: int, listeners: Listeners | None) -> list[ImageSet]:
    def quiet(_done: int, _total: int) -> None:
        pass

    progress = quiet if listeners is None else listeners.loading
    return read_sets(choices, threads=threads or usable_cores(), progress=progress)


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
