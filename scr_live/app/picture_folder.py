"""The folder of the pictures of sightings: beside the events, and without those of an earlier run."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from scr_live.errors import OptionError, OutputExistsError, OutputUnwritableError, SinkError

_ENDING: Final = "-sightings"
"""What the folder is called after the events' file."""
_OURS: Final = re.compile(r"sighting-\d{4,}\.jpg")


def folder_beside(events: Path) -> Path:
    """Where the pictures of the sightings lie."""
    return events.parent / f"{events.stem}{_ENDING}"


def picture_name(number: int) -> str:
    """What the picture of the sighting of that number is called; numbers start at 1 in every run."""
    return f"sighting-{number:04d}.jpg"


def check_folder(folder: Path, *, force: bool) -> None:
    """Refuse a folder that cannot be written to; without `force` also one with pictures of an earlier run."""
    try:
        _check(folder, force=force)
    except SinkError:
        raise
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        raise _unwritable(folder, error) from error


def check_no_output_in(folder: Path, outputs: Mapping[str, Path | None]) -> None:
    """Raise OptionError if an option has something else written there, or in place of the folder."""
    try:
        for option, path in outputs.items():
            if path is not None and Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
                raise OptionError(
                    f"The pictures of sightings go into {folder}, and {option} names {path}. Give it another "
                    "place, or --events another name."
                )
    except OSError as error:  # the working directory was deleted
        raise _unwritable(folder, error) from error


def clear_folder(folder: Path) -> None:
    """Remove the pictures of an earlier run, and nothing else. OutputUnwritableError: they cannot be."""
    try:
        for path in _earlier(folder):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _check(folder: Path, *, force: bool) -> None:
    if not folder.exists():
        if folder.is_symlink():
            raise OutputUnwritableError(
                f"Pictures of sightings go into {folder}, and that is a link that leads nowhere; remove it, "
                "or give --events another name."
            )
        return
    if not folder.is_dir():
        raise OutputUnwritableError(
            f"Pictures of sightings go into {folder}, and that is a file; give --events another name."
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputUnwritableError(
            f"Cannot write pictures of sightings to {folder}: permission denied. Choose another place."
        )
    if not force and (earlier := _earlier(folder)):
        raise OutputExistsError(
            f"Pictures of sightings of an earlier run lie in {folder}: {len(earlier)}. Give --events another "
            "name, or replace them with --force."
        )


def _earlier(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if _OURS.fullmatch(path.name)]


def _unwritable(folder: Path, error: OSError) -> OutputUnwritableError:
    return OutputUnwritableError(
        f"Cannot write pictures of sightings to {folder}: {error.strerror or error}. Choose another place."
    )
