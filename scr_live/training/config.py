"""The options of a training run and what they come to: recipe, image sets, name. Knows no torch."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from scr_live.errors import DataError, OptionError
from scr_live.evaluation.image_sets import find_entries
from scr_live.training.data import Choice
from scr_live.training.recipe import Recipe
from scr_live.training.recipe_file import find_recipe, read_recipe, recipe_names, with_settings

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


def completed(config: TrainConfig, facts: Mapping[str, Any] | None) -> TrainConfig:
    """What was not said, filled in; of a resumed run from its record `facts`."""
    if facts is None:
        named = config.recipe if config.recipe in recipe_names() else config.out.absolute().name
        return replace(config, name=config.name or f"scr-net-{named}")
    asked = facts.get("asked", {})
    config = replace(
        config,
        name=config.name or facts["name"],
        threads=config.threads or asked.get("threads", 0),  # another number of them adds in another order
        workers=asked.get("workers") if config.workers is None else config.workers,
    )
    if config.data or config.train_only:
        return config
    data, train_only = ([Path(path) for path in facts[key]] for key in ("data", "train_only"))
    return replace(config, data=tuple(data), train_only=tuple(train_only))


def choose_recipe(config: TrainConfig, before: Recipe | None) -> tuple[Recipe, list[str]]:
    """The recipe with its settings, and the sets it weighs that are not given here.

    before: of a resumed run, taken where no recipe is named. OptionError: none at all, or a wrong setting.
    """
    if config.recipe:
        recipe = read_recipe(find_recipe(config.recipe))
    elif before is not None:
        recipe = before
    else:
        raise OptionError(
            "Which recipe? Give --recipe with the path of a TOML file, or one of "
            f"{', '.join(recipe_names())}."
        )
    given = {directory.absolute().name for directory in (*config.data, *config.train_only)}
    unused = [name for name, _ in recipe.set_weights if name not in given]
    weights = tuple((name, weight) for name, weight in recipe.set_weights if name in given)
    recipe = with_settings(replace(recipe, set_weights=weights), config.settings)
    if mistaken := [name for name, _ in recipe.set_weights if name not in given]:
        raise OptionError(
            f"--set set_weights names {', '.join(mistaken)}, and the sets given are "
            f"{', '.join(sorted(given))}."
        )
    return recipe, unused


def check_sets(config: TrainConfig) -> None:
    """Raise OptionError for no set, two of one name, or a run's folder among the pictures.

    DataError: a sound set without train or val.
    """
    _check_names(config)
    _check_out(config)
    _check_splits(config)


def choose_pictures(config: TrainConfig, recipe: Recipe) -> list[Choice]:
    """What is read: to train on and, of split val, to validate on."""
    plain = recipe.augmentation == "paper"  # its pictures are resized first and augmented then
    size = recipe.final_size if plain else 32 * round(_LARGEST_ZOOM * recipe.final_size / 32)
    return [
        *(Choice(directory, "train", size) for directory in config.data),
        *(Choice(directory, None, size) for directory in config.train_only),
        *(Choice(directory, "val", recipe.final_size) for directory in config.data),
    ]


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


def _check_out(config: TrainConfig) -> None:
    out = os.path.realpath(config.out)
    for directory in (*config.data, *config.train_only):
        real = os.path.realpath(directory)
        pictures = [os.path.join(real, kind, "") for kind in ("images", "masks")]  # noqa: PTH118 - as realpath
        if out == real or os.path.join(out, "").startswith(tuple(pictures)):  # noqa: PTH118
            raise OptionError(
                f"--out {config.out} lies in the image set {directory}, whose folder a run must not fill. "
                "Choose another place."
            )


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
                f"{error} (A set given with --data needs train and val; one to be trained on as a whole is "
                "given with --train-only.)"
            ) from error


def _is_set(directory: Path) -> bool:
    try:
        return bool(find_entries(directory, None, problems=[]))
    except DataError:
        return False
