"""What a run keeps on record in its folder, recipe.toml and run.json, and what a resumed run must share."""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from scr_live.card import ModelCard, file_sha256
from scr_live.errors import DataError, OutputUnwritableError
from scr_live.files import write_json, write_text
from scr_live.training.checkpoint import LAST, PREVIOUS
from scr_live.training.recipe import Recipe
from scr_live.training.recipe_file import read_recipe, to_toml

RECIPE: Final = "recipe.toml"
FACTS: Final = "run.json"

MAY_CHANGE: Final = ("rate", "encoder_rate", "steps", "epochs")
"""Keys of the recipe that may be others in a resumed run: how fast it goes, and how far."""

_REPLACED: Final = (
    RECIPE,
    *(f"{which}.{suffix}" for which in ("best", "last") for suffix in ("safetensors", "json")),
    "train.csv",
    "validation.csv",
)

Changes = dict[str, tuple[object, object]]
"""Before and now, by the recipe's key."""


def is_run(folder: Path) -> bool:
    """Whether there is a run that can be continued. OutputUnwritableError: nobody may look."""
    try:
        return any((folder / name).is_file() for name in (LAST, PREVIOUS))
    except OSError as error:
        raise OutputUnwritableError(
            f"{folder} cannot be the folder of a training run: {error.strerror}. Choose another place."
        ) from error


def check_free(folder: Path) -> None:
    """Raise DataError if the folder holds something that a new run would destroy.

    OutputUnwritableError: it cannot be made or written.
    """
    there_already = is_run(folder)
    place = next(place for place in (folder, *folder.absolute().parents) if os.path.lexists(place))
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        reason = "permission denied" if place.is_dir() else "it is no folder"
        raise OutputUnwritableError(
            f"No training run can be written to {folder}; {place}: {reason}. Choose another place."
        )
    if there_already:
        raise DataError(f"{folder} holds a run already. Continue it with --resume, or give another --out.")
    own = [] if (folder / FACTS).exists() else [folder / name for name in _REPLACED]
    if there := [path for path in own if os.path.lexists(path)]:
        raise DataError(
            f"{there[0]} is there and belongs to no run; this one would write its own in its place. "
            "Give another --out."
        )


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other processes from training in the folder. DataError: one does.

    The system lets go of it when the process ends, however it ends. Nothing is held on Windows, where files
    that are in use cannot be replaced anyway, and on file systems that know no locks.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl  # noqa: PLC0415 - not on Windows

    number = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(number)
        raise DataError(
            f"Another process trains in {folder}. Wait for its end, some seconds if it was killed, or give "
            "another --out."
        ) from error
    except OSError:  # no locks here
        pass
    try:
        yield
    finally:
        os.close(number)


def read_run(folder: Path) -> tuple[Recipe, dict[str, Any]]:
    """Recipe and facts of a run. DataError: there is none, or its files were damaged."""
    if not is_run(folder):
        raise DataError(
            f"Nothing to resume: {folder} holds no training run, that is {FACTS}, {RECIPE} and {LAST}. Start "
            "without --resume."
        )
    if missing := [name for name in (FACTS, RECIPE) if not (folder / name).is_file()]:
        raise DataError(
            f"The run in {folder} cannot be resumed without its {' and '.join(missing)}. Put it back, or "
            "start a new run with another --out."
        )
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        _check_facts(facts)
    except OSError as error:
        raise DataError(f"{folder / FACTS} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{folder / FACTS} is damaged: {error}. Start again with another --out.") from error
    return read_recipe(folder / RECIPE), facts


def write_run(folder: Path, recipe: Recipe, facts: Mapping[str, object], *, origin: str) -> None:
    """Write both files. OutputUnwritableError: the folder cannot be written."""
    write_text(
        folder / RECIPE, f"# The recipe of this run, every value said; from {origin}.\n{to_toml(recipe)}"
    )
    write_json(folder / FACTS, facts)


def write_card(folder: Path, recipe: Recipe, which: str, *, name: str) -> None:
    """Put a card beside `which`.safetensors, of the same name."""
    path = folder / f"{which}.safetensors"
    card = ModelCard(name, recipe.final_size, sha256=file_sha256(path), network=recipe.network.as_dict())
    write_json(path.with_suffix(".json"), card.as_dict())


def check_recipe(before: Recipe, now: Recipe, folder: Path) -> Changes:
    """What was changed and may be. DataError: something else was changed too."""
    changes: Changes = {}
    for entry in fields(Recipe):
        old, new = getattr(before, entry.name), getattr(now, entry.name)
        if old != new:
            changes[entry.name] = (old, new)
    refused = [
        f"{key} was {old} and is {new}" for key, (old, new) in changes.items() if key not in MAY_CHANGE
    ]
    if refused:
        raise DataError(
            f"The recipe is not that of the run in {folder}: {'; '.join(refused)}. On resuming you may "
            "change rate, encoder_rate and the length (steps, epochs, --epochs). Leave --recipe out to take "
            "the run's own, or start a new run with another --out."
        )
    return changes


def check_data(before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Raise DataError, with what differs, unless these are the pictures of the run, by their hashes."""
    old = {(one["set"], one["split"]): one for one in before}
    new = {(one["set"], one["split"]): one for one in now}
    texts = [f"{_named(key)} is missing" for key in old if key not in new]
    texts += [f"{_named(key)} is new" for key in new if key not in old]
    texts += [
        f"{_named(key)} {_difference(old[key], new[key])}"
        for key in old
        if key in new and old[key]["sha256"] != new[key]["sha256"]
    ]
    if texts:
        raise DataError(
            f"The pictures are not those of the run in {folder}: {'; '.join(texts)}. Give the same --data "
            "and --train-only, or none to take those of the run; for other pictures start a new run with "
            f"another --out (--set init={folder}/best.safetensors starts it from these weights)."
        )


def _check_facts(facts: object) -> None:
    """Raise ValueError for what is no record of a run, or lacks what a resumed one reads in it."""
    if not isinstance(facts, dict):
        raise ValueError("it is no record of a run")  # noqa: TRY004 - as json says it
    facts = {"asked": {}, "resumed": [], **facts}
    sets = {"set": str, "split": str, "pictures": int, "with_polyp": int, "sha256": str}
    _check_kinds(facts, {"name": str, "recipe": str, "asked": dict})
    _check_kinds(facts["asked"], {key: int for key, value in facts["asked"].items() if value is not None})
    for key, kind in (("data", str), ("train_only", str), ("resumed", dict), ("sets", dict)):
        if not isinstance(facts.get(key), list) or not all(isinstance(one, kind) for one in facts[key]):
            raise ValueError(f"{key} in it is missing or no longer what it was")
    for one in facts["sets"]:
        _check_kinds(one, sets)


def _check_kinds(values: Mapping[str, object], kinds: Mapping[str, type]) -> None:
    if wrong := [key for key, kind in kinds.items() if not isinstance(values.get(key), kind)]:
        raise ValueError(f"{', '.join(wrong)} in it is missing or no longer what it was")


def _named(key: tuple[str, str]) -> str:
    return f"{key[0]} ({key[1]})"


def _difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    if old["pictures"] != new["pictures"]:
        return f"had {old['pictures']} pictures and has {new['pictures']}"
    return "has other names or bytes in pictures or masks"
