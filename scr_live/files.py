"""Writing small result files: early checks, and whole or not at all."""

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from scr_live.errors import OutputUnwritableError


def check_writable(path: Path) -> None:
    """Raise OutputUnwritableError now rather than after an hour's work."""
    if path.is_dir():
        raise OutputUnwritableError(f"{path} is a folder; expected the name of a file to write.")
    if not path.parent.is_dir():
        raise OutputUnwritableError(
            f"Cannot write {path}: there is no folder {path.parent}. Create it first."
        )
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise OutputUnwritableError(f"Cannot write {path}: permission denied. Choose another place.")


def write_json(path: Path, values: Mapping[str, object]) -> None:
    """Write a JSON object; NaN, which JSON has no word for, is a ValueError."""
    write_text(path, json.dumps(values, indent=2, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file. OutputUnwritableError: an older file of that name is left as it was."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise OutputUnwritableError(f"Cannot write {path}: {error.strerror}.") from error
