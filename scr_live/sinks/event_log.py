"""`run --events FILE.jsonl`: what happened, one JSON object a line. EVENTS.md is its manual."""

import contextlib
import json
import math
import numbers
import os
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from scr_live import __version__
from scr_live.errors import OutputExistsError, OutputUnwritableError, SinkError
from scr_live.events import Event, EventKind
from scr_live.sinks.crash_safe import partial_name, sync_folder
from scr_live.sinks.hearing import WAITING, Hearing
from scr_live.sinks.syncing import Syncer

SCHEMA: Final = 1
"""Raised when an event or a fact is renamed, goes away or changes its meaning; not for one that is new."""
HEADER: Final = "log-started"
LOST: Final = "lines-lost"

_SYNC_PAUSE_S: Final = 0.5
_DIGITS: Final = 6


class EventLog:
    """A file of events. `heard` is a journal's listener: it never blocks and never raises.

    Each line is handed to the system at once, so that it survives a killed process, and is on the disk
    within a second. What cannot be written ends no run: `problem` says so, and a line in the file says how
    many are missing once there is room again. An older log is replaced (`force`) when the run has started,
    and is still there if it never does.
    """

    def __init__(self, path: Path, *, force: bool = False, waiting: int = WAITING) -> None:
        check_events_path(path, force)
        self.path = path
        self._force = force
        self._waiting = waiting
        self._lock = threading.Lock()
        self._seq = 0
        self._untaken = 0
        self._problem = ""

    @property
    def problem(self) -> str:
        """The first thing that went wrong, as a sentence; empty: all that was told is in the file."""
        return self._problem

    def heard(self, event: Event) -> None:
        """Let it be written."""
        with self._lock:  # the order of the numbers is that of the lines
            self._seq += 1
            self._has_started |= event.kind is EventKind.RUN_STARTED
            if not self._hearing.put((self._seq, event)):
                self._untaken += 1
                self._fail("the disk is too slow, and events were lost")

    def __enter__(self) -> Self:
        self._place, self._number = _open(self.path, force=self._force)
        self._is_beside = self._place != self.path
        self._has_started = False
        self._size = 0
        self._is_torn = False
        self._unwritten = 0
        self._syncer = Syncer(self._sync, pause_s=_SYNC_PAUSE_S)
        self._write({"event": HEADER, "schema": SCHEMA, "version": __version__, "at": _now(), "seq": 0})
        sync_folder(self.path.parent)
        self._hearing = Hearing(self._work, self._finish, name="event-log", waiting=self._waiting)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._hearing.close():
            self._fail("the disk did not answer at the end of the run")

    def _work(self, numbered: tuple[int, Event]) -> None:
        seq, event = numbered
        with self._lock:
            untaken, self._untaken = self._untaken, 0
        self._unwritten += untaken
        if self._unwritten and self._write({"event": LOST, "at": _now(), "lines": self._unwritten}):
            self._unwritten = 0
        if not self._write({**event.as_dict(), "seq": seq}):
            self._unwritten += 1
        self._take_place()

    def _take_place(self) -> None:
        """Once the run has started, replace the log of an earlier one; a link to that stays a link."""
        if not (self._has_started and self._is_beside):
            return
        self._is_beside = False
        target = Path(os.path.realpath(self.path))
        try:
            self._place.replace(target)
        except OSError as error:
            self._fail(f"the older file cannot be replaced ({error.strerror}), and they are in {self._place}")
        else:
            self._place = self.path
            sync_folder(target.parent)

    def _write(self, told: Mapping[str, object]) -> bool:
        """Write a line whole or not at all."""
        line = json.dumps({name: _plain(value) for name, value in told.items()}, allow_nan=False)
        data = f"\n{line}\n".encode() if self._is_torn else f"{line}\n".encode()
        try:
            _write_all(self._number, data)
        except OSError as error:
            self._fail(error.strerror or str(error))
            self._cut_back()
            return False
        self._size += len(data)
        self._is_torn = False
        self._syncer.written()
        return True

    def _cut_back(self) -> None:
        """Leave no part of a line, or else let the next one begin after it."""
        try:
            os.ftruncate(self._number, self._size)
        except OSError:
            with contextlib.suppress(OSError):
                self._size = os.fstat(self._number).st_size
                self._is_torn = True

    def _finish(self) -> None:
        with self._lock:
            untaken, self._untaken = self._untaken, 0
        if self._unwritten + untaken:
            self._write({"event": LOST, "at": _now(), "lines": self._unwritten + untaken})
        self._syncer.close()
        self._sync()
        self._take_place()
        is_in_place = self._is_in_place()
        if self._has_started and not is_in_place:
            self._fail("the file was removed or replaced while it was being written")
        with contextlib.suppress(OSError):
            os.close(self._number)
            if is_in_place and not self._has_started:  # it has nothing to tell, and would be in the way
                self._place.unlink()

    def _sync(self) -> None:
        try:
            os.fsync(self._number)
        except OSError as error:  # later lines may get there all the same
            self._fail(error.strerror or str(error))

    def _is_in_place(self) -> bool:
        """An open file can be removed, and written to on and on."""
        try:
            return os.path.samestat(os.fstat(self._number), self._place.stat())
        except OSError:
            return False

    def _fail(self, cause: str) -> None:
        self._problem = self._problem or f"The events in {self.path} are incomplete: {cause.rstrip('.')}."


def check_events_path(path: Path, force: bool) -> None:  # noqa: FBT001 - as the option says
    """Refuse what cannot or must not be written to, before anything is opened."""
    try:
        _check(path, force=force)
    except SinkError:
        raise
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        raise OutputUnwritableError(f"Cannot write events to {path}: {error.strerror}.") from error


def _check(path: Path, *, force: bool) -> None:
    if path.is_dir():
        raise OutputUnwritableError(
            f"{path} is a folder; name a file in it, such as {path / 'events.jsonl'}."
        )
    if not path.parent.is_dir():
        raise OutputUnwritableError(
            f"Cannot write events to {path}: there is no folder {path.parent}. Create it first."
        )
    needed = [path.parent]
    if path.is_symlink() and not path.exists():
        raise OutputUnwritableError(
            f"{path} is a link that leads nowhere; remove it, or choose another name."
        )
    if path.exists():
        if not path.is_file():
            raise OutputUnwritableError(f"{path} is no ordinary file; write the events elsewhere.")
        if not force:
            raise OutputExistsError(
                f"{path} exists already; choose another name, or overwrite it with --force."
            )
        needed = [path, Path(os.path.realpath(path)).parent]
    if not all(os.access(place, os.W_OK) for place in needed):
        raise OutputUnwritableError(
            f"Cannot write events to {path}: permission denied. Choose another place."
        )


def _open(path: Path, *, force: bool) -> tuple[Path, int]:
    """Make the file, beside an older one for now. Returns where, and its number."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    flags |= getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    try:
        place = partial_name(Path(os.path.realpath(path))) if force and path.exists() else path
        return place, os.open(place, flags | os.O_EXCL, 0o666)
    except FileExistsError as error:
        raise OutputExistsError(
            f"{path} came into being meanwhile; choose another name, or overwrite it with --force."
        ) from error
    except OSError as error:
        raise OutputUnwritableError(f"Cannot write events to {path}: {error.strerror}.") from error


def _write_all(number: int, data: bytes) -> None:
    while data:
        data = data[os.write(number, data) :]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _plain(value: object) -> str | int | float | bool | None:
    """What JSON has a word for: no NaN, NumPy's numbers as plain ones, anything else as text."""
    match value:
        case bool() | str() | None:
            return value
        case numbers.Integral():
            return int(value)
        case numbers.Real():
            number = float(value)
            return round(number, _DIGITS) if math.isfinite(number) else None
        case _:
            return str(value)
