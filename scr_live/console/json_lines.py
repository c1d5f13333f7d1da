"""What `run --log-format json` prints: one JSON object a line, for programs."""

import contextlib
import dataclasses
import json
import math
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from scr_live.console.background import Background
from scr_live.errors import ScrLiveError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from scr_live.app import Outcome, Started
    from scr_live.events import Event
    from scr_live.pipeline.stats import Progress

PROGRESS_EVERY_S: Final = 5.0


class JsonView:
    """The same calls as RunView, and `heard` for a Journal; any thread may make them, and none ever waits.

    Every line has `event` and `at` (UTC). Besides the kinds of EventKind there are `opened`, `progress`,
    `note`, `outcome`, `error`, and `lines-lost` where the reader was too slow. An error that leaves the block
    is told by itself.
    """

    def __init__(
        self,
        write: Callable[[bytes], None] | None = None,
        *,
        progress_every_s: float = PROGRESS_EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write_bytes = write or _stdout_writer()
        self._progress_every_s = progress_every_s
        self._clock = clock
        self._told_at = -math.inf
        self._lines = Background(self._print, self._print_lost)

    def started(self, facts: "Started") -> None:
        """Say what was opened."""
        self._tell("opened", _fields(facts))

    def progress(self, now: "Progress") -> None:
        """Say how the run stands, if the last time is long enough ago."""
        if self._clock() - self._told_at >= self._progress_every_s:
            self._told_at = self._clock()
            self._tell("progress", _fields(now))

    def note(self, text: str) -> None:
        """Pass on a sentence."""
        self._tell("note", {"text": text})

    def heard(self, event: "Event") -> None:
        """Pass on what happened: a listener for the journal of a run."""
        self._put(event.as_dict())

    def tell_outcome(self, outcome: "Outcome") -> None:
        """Say what the run leaves, with all its figures but the events, which were told."""
        stats = {name: value for name, value in outcome.stats.as_dict().items() if name != "events"}
        failure = None if outcome.failure is None else str(outcome.failure)
        told = {**_fields(outcome, without=("stats", "failure")), "failure": failure, "stats": stats}
        self._tell("outcome", told)

    def __enter__(self) -> Self:
        self._lines.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._tell_error(error)
        self._lines.close()

    def _tell_error(self, error: BaseException) -> None:
        exit_code = getattr(error, "exit_code", None)
        notes = list(getattr(error, "__notes__", ()))
        # What is no error of ours and knows its exit code is the command's own way out after a second signal.
        is_way_out = exit_code is not None and not isinstance(error, ScrLiveError)
        text = "interrupted" if is_way_out or not isinstance(error, Exception) else str(error)
        self._tell(
            "error", {"error": type(error).__name__, "text": text, "notes": notes, "exit_code": exit_code}
        )

    def _tell(self, event: str, facts: Mapping[str, object]) -> None:
        self._put({"event": event, "at": _now(), **facts})

    def _put(self, told: Mapping[str, object]) -> None:
        self._lines.put(_line(told))

    def _print_lost(self, lines: int) -> None:
        self._print(_line({"event": "lines-lost", "at": _now(), "lines": lines}))

    def _print(self, line: str) -> None:
        with contextlib.suppress(OSError):  # a closed pipe must not end a run
            self._write_bytes(f"{line}\n".encode())


def _stdout_writer() -> Callable[[bytes], None]:
    """Writes past Python's buffer, whose lock a writer that is stuck would keep until the process ends."""
    number = -1 if sys.stdout is None else sys.stdout.fileno()

    def write(data: bytes) -> None:
        while data:
            data = data[os.write(number, data) :]

    return write


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _line(told: Mapping[str, object]) -> str:
    return json.dumps(_plain(told), allow_nan=False)


def _fields(record: "DataclassInstance", *, without: Sequence[str] = ()) -> dict[str, object]:
    """The record's own fields; asdict() would copy what they hold."""
    names = [one.name for one in dataclasses.fields(record) if one.name not in without]
    return {name: getattr(record, name) for name in names}


def _plain(value: object) -> object:
    """What JSON has a word for: no NaN, times and paths as text, numbers to the thousandth."""
    match value:
        case bool() | int() | None:
            return value
        case float():
            return round(value, 3) if math.isfinite(value) else None
        case Mapping():
            return {str(name): _plain(one) for name, one in value.items()}
        case Sequence() if not isinstance(value, str):
            return [_plain(one) for one in value]
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return _plain(_fields(value))
        case _:
            return str(value)
