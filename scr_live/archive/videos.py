"""Which videos an archive holds: those below a folder, or those of a manifest; all looked at beforehand."""

import csv
import hashlib
import io
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scr_live.errors import DataError
from scr_live.natural import natural_key

# fmt: off
VIDEO_SUFFIXES: Final = frozenset((
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg",
    ".mpeg", ".m2v", ".ts", ".mts", ".m2ts", ".vob", ".wmv",
    ".asf", ".flv", ".ogv", ".mxf", ".dv", ".3gp", ".h264",
    ".264", ".hevc", ".265", ".y4m",
))
# fmt: on
"""What is taken for a video below a folder; a manifest may name any file."""

_NAMED: Final = 10
_LONGEST_SLUG: Final = 80
_MOST_MANIFEST_BYTES: Final = 1 << 26


@dataclass(frozen=True, slots=True)
class Video:
    """One file of the archive."""

    id: str
    """Its name in all results: what the manifest says, or the path from the folder."""
    path: Path
    size_bytes: int
    mtime_ns: int

    @property
    def key(self) -> str:
        """A file name for what is kept of it: no two ids have the same."""
        data = self.id.encode("utf-8", errors="surrogateescape")
        slug = re.sub(r"[^A-Za-z0-9._-]+", "_", self.id).strip("._")[-_LONGEST_SLUG:]
        return f"{slug or 'video'}-{hashlib.sha256(data).hexdigest()[:12]}"


def find_videos(source: Path, *, out: Path) -> list[Video]:
    """List the videos, a folder's in natural order. DataError: what is wrong with them, all in one message.

    Below a folder hidden files and folders are passed over, and what lies in `out`; links are followed, and
    a file that can be reached in several ways counts once.
    """
    problems: dict[str, list[str]] = {}
    is_folder = _is_folder(source)
    named = _of_folder(source, out, problems) if is_folder else _of_manifest(source)
    _note_twins([name for name, _ in named], problems)
    videos = [video for name, path in named if (video := _looked_at(name, path, problems)) is not None]
    _note_ways(videos, problems)
    if problems:
        raise DataError(_told(source, problems))
    if not videos:
        kinds = ", ".join(sorted(VIDEO_SUFFIXES)) if is_folder else "a path a line"
        raise DataError(f"There is no video in {source}. Expected {kinds}.")
    return videos


def _is_folder(source: Path) -> bool:
    try:
        return source.is_dir()
    except OSError as error:
        raise DataError(f"Cannot read {source}: {error.strerror}.") from error


def _of_folder(folder: Path, out: Path, problems: dict[str, list[str]]) -> list[tuple[str, Path]]:
    """Each name with its path; of several ways to one file the one without links, then the first."""
    found = sorted(_files_below(folder, out, problems), key=natural_key)
    firsts: dict[tuple[int, int] | str, Path] = {}
    root = Path(os.path.realpath(folder))
    for path in sorted(
        found, key=lambda path: Path(os.path.realpath(path)) != root / path.relative_to(folder)
    ):
        firsts.setdefault(_identity(path), path)
    kept = set(firsts.values())
    return [(path.relative_to(folder).as_posix(), path) for path in found if path in kept]


def _files_below(folder: Path, out: Path, problems: dict[str, list[str]]) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        problems.setdefault("cannot be read", []).append(str(error.filename))

    real_out = os.path.realpath(out)
    seen = {_identity(folder)}
    for place, folders, files in os.walk(folder, onerror=unreadable, followlinks=True):
        kept = []
        for name in sorted(folders, key=lambda name: (Path(place, name).is_symlink(), name)):
            below = Path(place, name)
            identity = _identity(below)
            if name.startswith(".") or identity in seen or os.path.realpath(below) == real_out:
                continue
            seen.add(identity)  # a link that leads back up would never end
            kept.append(name)
        folders[:] = kept
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in VIDEO_SUFFIXES:
                yield Path(place, name)


def _of_manifest(path: Path) -> list[tuple[str, Path]]:
    text = _manifest_text(path)
    rows = _csv_rows(path, text) if path.suffix.lower() == ".csv" else _text_rows(text)
    return [(name or named, path.parent / named) for name, named in rows]


def _manifest_text(path: Path) -> str:
    if path.suffix.lower() in VIDEO_SUFFIXES:
        raise DataError(
            f"{path} is a video; expected a folder of videos, or a manifest with a path a line. For a single "
            "video there is `scr-live run`."
        )
    try:
        if path.stat().st_size > _MOST_MANIFEST_BYTES:
            raise DataError(f"{path} is too large for a manifest, which is text with a path a line.")
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"There is no folder and no manifest {path}. Check the path.") from error
    except OSError as error:
        raise DataError(f"Cannot read the manifest {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is no manifest: it is not UTF-8 text. Expected a path a line, or a CSV file with a "
            "column `path`."
        ) from error


def _text_rows(text: str) -> list[tuple[str, str]]:
    lines = [line.strip() for line in text.split("\n")]
    return [("", line) for line in lines if line and not line.startswith("#")]


def _csv_rows(path: Path, text: str) -> list[tuple[str, str]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)
    try:
        return _rows_read(path, reader)
    except csv.Error as error:
        raise DataError(
            f"{path} cannot be read as CSV near line {reader.line_num}: {error}. Is a quotation mark open?"
        ) from error


def _rows_read(path: Path, reader: "csv.DictReader[str]") -> list[tuple[str, str]]:
    if "path" not in (reader.fieldnames or ()):
        columns = ", ".join(reader.fieldnames or ()) or "nothing"
        raise DataError(
            f"The first line of {path} should name a column `path`, and perhaps one `id`; found {columns}."
        )
    rows = [((row.get("id") or "").strip(), (row.get("path") or "").strip()) for row in reader]
    if empty := [str(number) for number, (_, named) in enumerate(rows, 2) if not named]:
        raise DataError(f"In {path} the path is missing in line {_some(empty)}.")
    return rows


def _note_twins(names: Sequence[str], problems: dict[str, list[str]]) -> None:
    twins = [name for name, count in Counter(names).items() if count > 1]
    if twins:
        problems["stand there more than once (give them ids of their own)"] = twins


def _note_ways(videos: Sequence[Video], problems: dict[str, list[str]]) -> None:
    """Note the ids of files that a list names in several ways: all that is in them would count twice."""
    names: dict[str, dict[str, None]] = {}
    for video in videos:
        names.setdefault(os.path.realpath(video.path), {})[video.id] = None
    if again := [name for same in names.values() if len(same) > 1 for name in same]:
        problems["name a file that another names, too (list each file once)"] = again


def _looked_at(name: str, path: Path, problems: dict[str, list[str]]) -> Video | None:
    def note(what: str) -> None:
        problems.setdefault(what, []).append(str(path))

    try:
        status = path.stat()
        if not path.is_file():
            note("are no files")
        elif not os.access(path, os.R_OK):
            note("cannot be read")
        else:
            return Video(name, path, status.st_size, status.st_mtime_ns)
    except FileNotFoundError:
        note("are missing")
    except (OSError, ValueError):  # a name that is too long, or holds a zero
        note("cannot be read")
    return None


def _identity(path: Path) -> tuple[int, int] | str:
    """The same for all ways to a file."""
    try:
        status = path.stat()
    except OSError:
        return str(path)
    return (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(path)


def _told(source: Path, problems: Mapping[str, Sequence[str]]) -> str:
    told = "; ".join(f"{len(names)} {what}: {_some(names)}" for what, names in problems.items())
    return (
        f"Of the videos of {source}, {told}. Nothing was begun: mend the list or the files, and start again."
    )


def _some(names: Sequence[str]) -> str:
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
