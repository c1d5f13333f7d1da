"""Where a recording goes: what may be written to, and how its further files are named."""

import errno
import glob
import itertools
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from weakref import WeakValueDictionary

import av

from scr_live.errors import OptionError, OutputExistsError, OutputUnwritableError, SinkError
from scr_live.files import dated
from scr_live.sinks.encoding import BITS_A_PIXEL
from scr_live.sinks.muxing import MUXERS
from scr_live.sinks.options import RecorderOptions
from scr_live.sinks.space import check_room

_USUAL_SIZE: Final = (1280, 720)


class Names:
    """The files of one recording, in the order they are begun. Threads may share it.

    out.mp4, then out-0002.mp4; with `numbered` already the first is out-0001.mp4. A number is used once, in
    whichever folder. Only numbered files beside `path` may replace others, and only with `force`.
    """

    def __init__(self, path: Path, *, numbered: bool, force: bool) -> None:
        self._path = path
        self._numbered = numbered
        self._force = force
        self._lock = threading.Lock()
        self._count = 0

    @property
    def first(self) -> Path:
        """The name that the user can foresee."""
        return self._with_number(1) if self._numbered else self._path

    def next(self, folder: Path, *, suffix: str = "") -> tuple[Path, bool]:
        """Return the next name in `folder`, and whether an old file may be replaced there.

        No other recording of this process gets it before `release()`.
        """
        suffix = suffix or self._path.suffix
        is_at_home = folder == self._path.parent and suffix == self._path.suffix
        with self._lock:
            self._count += 1
            if self._count == 1:
                path = folder / self.first.with_suffix(suffix).name
                if self._takes(path, may_exist=is_at_home):  # if it exists, that was checked or is an error
                    return path, self._force and is_at_home
            may_replace = self._force and self._numbered and is_at_home
            while True:
                path = folder / self._with_number(self._count).with_suffix(suffix).name
                if self._takes(path, may_exist=may_replace):
                    return path, may_replace
                self._count += 1  # another's: that is no reason to stop recording

    def release(self) -> None:
        """Others may have the names, as far as no file has them."""
        with _reserving:
            for path in [path for path, owner in _reserved.items() if owner is self]:
                del _reserved[path]

    def _takes(self, path: Path, *, may_exist: bool) -> bool:
        """Reserve a name, unless it is another's."""
        key = path.parent.resolve() / path.name
        with _reserving:  # and no longer: a disk that hangs must not hold up another recording
            if key in _reserved:
                return False
            _reserved[key] = self
        if may_exist or not path.exists():
            return True
        with _reserving:
            del _reserved[key]
        return False

    def _with_number(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.stem}-{number:04d}{self._path.suffix}")


_reserved: WeakValueDictionary[Path, Names] = WeakValueDictionary()
"""Names that are not in use yet, and whose they will be."""
_reserving = threading.Lock()


def fresh(pattern: Path) -> Path:
    """Put the time of now for {time}; two of one second get a number. No file begins with that name."""
    path = dated(pattern)
    for number in itertools.count(1):
        stem = path.stem if number == 1 else f"{path.stem}-{number}"
        if not any(path.parent.glob(f"{glob.escape(stem)}*")):
            return path.with_name(f"{stem}{path.suffix}")
    raise AssertionError  # itertools.count never ends


@dataclass(frozen=True, slots=True)
class Start:
    """Where a recording begins."""

    folder: Path
    problem: str = ""
    """Why it is the fallback; empty: it is not."""


def place_to_begin(
    first: Path,
    options: RecorderOptions,
    *,
    source_path: Path | None = None,
    size: tuple[int, int] | None = None,
) -> Start:
    """Refuse what cannot be recorded to, before anything is opened; begin in the fallback if there is one.

    first: the first file. size: of the pictures, if known already. Raises a SinkError or an OptionError.
    """
    check_fallback(options.fallback, first.parent)
    try:
        check_target(first, force=options.force, source_path=source_path)
        _check_room(first.parent, options, size)
    except OutputUnwritableError as error:
        fallback = options.fallback
        if fallback is None or not _may_be_named(fallback / first.name) or not _may_be_named(first):
            raise
        try:
            _check_room(fallback, options, size)
        except OutputUnwritableError as second:
            raise OutputUnwritableError(f"{error} The fallback is no help: {second}") from second
        return Start(fallback, f"{error} The recording goes to {fallback} instead.")
    return Start(first.parent)


def check_target(
    path: Path, *, force: bool, source_path: Path | None = None, instead: str = "another name"
) -> None:
    """Refuse what cannot or must not be recorded to, before anything is opened.

    instead: what to choose where the file exists, with the option for it if that was not given.
    """
    try:
        _check_target(path, force=force, source_path=source_path, instead=instead)
    except SinkError:
        raise
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        raise OutputUnwritableError(f"Recording to {path} is not possible: {reason(error)}.") from error


def check_folder(folder: Path) -> None:
    """OutputUnwritableError: no file can be made in `folder`."""
    if not folder.is_dir():
        raise OutputUnwritableError(f"The folder {folder} does not exist; create it, or record elsewhere.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputUnwritableError(f"The folder {folder} cannot be written to; record elsewhere.")


def check_fallback(fallback: Path | None, folder: Path) -> None:
    """Refuse a folder to go on in that is none, or that is the one which has failed then."""
    if fallback is None:
        return
    try:
        check_folder(fallback)
    except OutputUnwritableError as error:
        raise OutputUnwritableError(f"--record-fallback: {error}") from error
    if folder.exists() and fallback.samefile(folder):
        raise OptionError(
            f"--record-fallback: the recording is in {folder}, and so cannot fall back to it. Name a folder "
            "on another disk."
        )


def reason(error: OSError | av.FFmpegError) -> str:
    """What the system or FFmpeg said, without a full stop."""
    return (error.strerror or str(error)).rstrip(".")


def _check_target(path: Path, *, force: bool, source_path: Path | None, instead: str) -> None:
    if path.is_dir():
        raise OutputUnwritableError(
            f"{path} is a folder; name a file in it, such as {path / 'recording.mp4'}."
        )
    if path.suffix.lower() not in MUXERS:
        raise OptionError(
            f"A recording is named *{', *'.join(MUXERS)}; {path.name!r} is not. "
            f"Try {path.with_suffix('.mp4').name}."
        )
    check_folder(path.parent)
    if not path.exists():
        return
    if source_path is not None and source_path.exists() and path.samefile(source_path):
        raise OptionError(f"{path} is the source itself; record to another file.")
    if not path.is_file():
        raise OutputUnwritableError(f"{path} is no ordinary file; record elsewhere.")
    if not force:
        raise OutputExistsError(f"{path} exists already; choose {instead}, or overwrite it with --force.")


def _may_be_named(path: Path) -> bool:
    """Whether a file may have this name, as far as the name goes."""
    try:
        return path.is_file() or not path.exists()
    except OSError as error:
        return error.errno != errno.ENAMETOOLONG


def _check_room(folder: Path, options: RecorderOptions, size: tuple[int, int] | None) -> None:
    width, height = size or _USUAL_SIZE
    needed = BITS_A_PIXEL * width * height * options.fps / 8 * options.room_s
    check_room(folder, needed, what=f"Recording for the first {options.room_s:.0f} s")
