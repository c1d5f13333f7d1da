"""Writing small result files: early checks, and whole or not at all."""

import contextlib
import csv
import io
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from scr_live.errors import OptionError, OutputUnwritableError


def check_results(paths: Mapping[str, Path | None]) -> None:
    """Refuse result files, by the option that names them, which cannot be written or are the same."""
    for path in paths.values():
        if path is not None:
            check_writable(path)
    check_distinct(paths)


def check_distinct(paths: Mapping[str, Path | None]) -> None:
    """Raise OptionError if two options name one file, by whatever path; the null device takes everything."""
    seen: dict[str, str] = {}
    for option, path in paths.items():
        real = None if path is None else os.path.realpath(path)
        if real is None or real == os.devnull:
            continue
        other = seen.setdefault(real, option)
        if other != option:
            raise OptionError(f"{other} and {option} name the same file, {path}. Give two names.")


def check_writable(path: Path) -> None:
    """Raise OutputUnwritableError now rather than after an hour's work."""
    try:
        _check_writable(path)
    except OutputUnwritableError:
        raise
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        raise OutputUnwritableError(f"Cannot write {path}: {error.strerror}.") from error


def write_json(path: Path, values: Mapping[str, object]) -> None:
    """Write a JSON object; NaN, which JSON has no word for, is a ValueError."""
    write_text(path, json.dumps(values, indent=2, allow_nan=False) + "\n")


def write_csv(path: Path, rows: Iterable[Iterable[str]]) -> None:
    """Write a table, quoted where it must be."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_text(path, text.getvalue())


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file. OutputUnwritableError: an older file of that name is left as it was.

    A device or pipe is written to, not replaced. File names that are no UTF-8 are written with escapes.
    """
    data = text.encode("utf-8", errors="backslashreplace")
    target = Path(os.path.realpath(path))  # a link stays a link
    partial = target.with_name(target.name + ".partial")
    try:
        if target.exists() and not target.is_file():
            target.write_bytes(data)
            return
        partial.write_bytes(data)
        partial.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise OutputUnwritableError(f"Cannot write {path}: {error.strerror}.") from error


def _check_writable(path: Path) -> None:
    if path.is_dir():
        raise OutputUnwritableError(f"{path} is a folder; expected the name of a file to write.")
    if not path.parent.is_dir():
        raise OutputUnwritableError(
            f"Cannot write {path}: there is no folder {path.parent}. Create it first."
        )
    target = Path(os.path.realpath(path))
    needed = [target] if target.exists() else []
    if target.is_file() or not target.exists():  # `write_text` makes a new file in any case
        needed.append(target.parent)
    if not all(os.access(place, os.W_OK) for place in needed):
        raise OutputUnwritableError(f"Cannot write {path}: permission denied. Choose another place.")
