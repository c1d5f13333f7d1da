"""Writing result files: early checks, and whole or not at all."""

import contextlib
import csv
import errno
import io
import json
import os
import zlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from scr_live.errors import OptionError, OutputExistsError, OutputUnwritableError, ScrLiveError

PARTIAL = ".partial"

TIME: Final = "{time}"
"""Stands in the name of a file for the time at which it is begun."""

TEXT_MARK: Final = "<!-- made by scr-live -->"
"""First line of a text result (Markdown, SVG): by it a later run knows that it may replace the file."""

_LONGEST_NAME = 255  # bytes, of nearly every file system
_LARGEST_REPORT = 1 << 22  # bytes; that of evaluate has up to some 30 000 a set
_TABLES = (b"image,dice", b"set,image,dice")
_PICTURE_MARK = b"made by scr-live evaluate"
_PNG = b"\x89PNG"
_PNG_HEADER = 33  # bytes: signature and IHDR, which comes first
_JPEG = b"\xff\xd8"


def dated(path: Path) -> Path:
    """Put the time of the clock for {time}, to the second."""
    if TIME not in path.name:
        return path
    return path.with_name(path.name.replace(TIME, f"{datetime.now().astimezone():%Y%m%d-%H%M%S}"))


def named_later(path: Path) -> Path:
    """Return the name of what is begun later than `path`, with {time} in it: out.mp4 -> out-{time}.mp4."""
    return path if TIME in path.name else path.with_name(f"{path.stem}-{TIME}{path.suffix}")


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
        real = None if path is None else _real(path)
        if real is None or real == os.devnull:
            continue
        other = seen.setdefault(real, option)
        if other != option:
            raise OptionError(f"{other} and {option} name the same file, {path}. Give two names.")


def check_writable(path: Path) -> None:
    """Raise OutputUnwritableError now rather than after an hour's work.

    OutputExistsError: there is a file that is no earlier result, perhaps one that this run is to read.
    """
    try:
        _check_writable(path)
        if path.is_file() and not _is_result(path):
            raise OutputExistsError(
                f"{path} exists and is no earlier result of scr-live; it is left as it is. Choose another "
                "name."
            )
    except ScrLiveError:
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
    _write(path, text.encode("utf-8", errors="backslashreplace"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write any other file as `write_text` does."""
    _write(path, data)


def write_picture(path: Path, encoded: bytes) -> None:
    """Write a JPEG or PNG as `write_text` does; a comment in it tells a later run that it may be replaced."""
    _write(path, _marked(encoded))


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, where there is none. OutputUnwritableError: it cannot be made."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputUnwritableError(
            f"Cannot make the folder {path}: {error.strerror}. Choose another place."
        ) from error


def _write(path: Path, data: bytes) -> None:
    try:
        if path.exists() and not path.is_file():
            _pour(path, data)
        else:
            _replace(Path(os.path.realpath(path)), data)  # a link stays a link
    except OSError as error:
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


def _real(path: Path) -> str:
    try:
        return os.path.realpath(path)
    except OSError:  # the working directory was deleted: nothing can be written there by another path
        return str(path)


def _is_result(path: Path) -> bool:
    """Say whether scr-live wrote this: JSON with the facts of the machine, or the other files of evaluate.

    An empty file holds nothing that could be lost.
    """
    with path.open("rb") as stream:
        data = stream.read(_LARGEST_REPORT + 1)
    if not data or data.startswith((*_TABLES, TEXT_MARK.encode())):
        return True
    if data.startswith((_PNG, _JPEG)):
        return _PICTURE_MARK in data[:256]
    if not data.startswith(b"{") or len(data) > _LARGEST_REPORT:
        return False
    try:
        return "machine" in json.loads(data)
    except (ValueError, RecursionError):
        return False


def _marked(encoded: bytes) -> bytes:
    """Put the comment behind the header of a PNG or JPEG; any other picture is left as it is."""
    if encoded.startswith(_PNG):
        text = b"tEXtComment\0" + _PICTURE_MARK
        chunk = (len(text) - 4).to_bytes(4) + text + zlib.crc32(text).to_bytes(4)
        return encoded[:_PNG_HEADER] + chunk + encoded[_PNG_HEADER:]
    if encoded.startswith(_JPEG):
        first_segment = 4 + int.from_bytes(encoded[4:6])  # JFIF wants to come first
        comment = b"\xff\xfe" + (len(_PICTURE_MARK) + 2).to_bytes(2) + _PICTURE_MARK
        return encoded[:first_segment] + comment + encoded[first_segment:]
    return encoded


def _replace(target: Path, data: bytes) -> None:
    partial = target.with_name(_shortened(target.name, _LONGEST_NAME - len(PARTIAL)) + PARTIAL)
    try:
        partial.write_bytes(data)
        partial.replace(target)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def _shortened(name: str, most_bytes: int) -> str:
    while len(os.fsencode(name)) > most_bytes:
        name = name[:-1]
    return name


def _pour(path: Path, data: bytes) -> None:
    """Write to a device or pipe; a pipe that nobody reads is an OSError and no wait without end."""
    try:
        number = os.open(path, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise OSError(error.errno, "nobody reads from this pipe") from error
        raise
    with os.fdopen(number, "wb") as stream:
        if hasattr(os, "O_NONBLOCK"):
            os.set_blocking(number, True)  # a reader that is there may take its time
        stream.write(data)
