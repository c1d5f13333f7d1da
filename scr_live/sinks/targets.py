"""Where a recording goes: what may be written to, and how its further files are named."""

import os
import threading
from pathlib import Path

import av

from scr_live.errors import OptionError, OutputExistsError, OutputUnwritableError, SinkError
from scr_live.sinks.muxing import MUXERS


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
        """Return the next name in `folder`, and whether an old file may be replaced there."""
        with self._lock:
            self._count += 1
            is_at_home = folder == self._path.parent
            if self._count == 1 and is_at_home:
                return self._suffixed(self.first, suffix), self._force
            may_replace = self._force and self._numbered and is_at_home
            while True:
                path = folder / self._suffixed(self._with_number(self._count), suffix).name
                if may_replace or not path.exists():
                    return path, may_replace
                self._count += 1  # another run's: that is no reason to stop recording

    def _with_number(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.stem}-{number:04d}{self._path.suffix}")

    @staticmethod
    def _suffixed(path: Path, suffix: str) -> Path:
        return path.with_suffix(suffix) if suffix else path


def check_target(path: Path, *, force: bool, source_path: Path | None = None) -> None:
    """Refuse what cannot or must not be recorded to, before anything is opened."""
    try:
        _check_target(path, force=force, source_path=source_path)
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
    check_folder(fallback)
    if fallback.samefile(folder):
        raise OptionError(
            f"The recording is in {folder}, and so cannot fall back to it. Name a folder on another disk."
        )


def reason(error: OSError | av.FFmpegError) -> str:
    """What the system or FFmpeg said, without a full stop."""
    return (error.strerror or str(error)).rstrip(".")


def _check_target(path: Path, *, force: bool, source_path: Path | None) -> None:
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
        raise OutputExistsError(f"{path} exists already; choose another name, or overwrite it with --force.")
