"""Reading an event log: what can be understood, in order, and sentences about what cannot."""

import json
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from scr_live.errors import DataError
from scr_live.events import EventKind
from scr_live.report.told import Told, in_order, shown, told_of, whole
from scr_live.sinks.event_log import HEADER, LOST, SCHEMA

MOST_LINES: Final = 1_000_000
"""Of a busy run for weeks: more fit neither a page nor the memory."""
MOST_BYTES: Final = 1 << 30
LONGEST_LINE: Final = 1 << 20
"""Bytes; a longer line is damage."""
_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Reading:
    """What an event log says of its run; of several, of the last."""

    path: Path
    version: str
    """Of scr-live that wrote it; empty: not known."""
    events: Sequence[Told]
    """As they happened."""
    problems: Sequence[str]
    """What is damaged or missing, in sentences."""

    def of(self, *kinds: EventKind) -> list[Told]:
        """The events of these kinds."""
        return [told for told in self.events if told.event in kinds]

    def first(self, kind: EventKind) -> Told | None:
        """The first event of this kind."""
        return next(iter(self.of(kind)), None)


def read_events(path: Path) -> Reading:
    """Read an event log. DataError: it is none, or one of a later schema; damaged lines are passed over."""
    found = _Found()
    try:
        _check_kind(path)
        with path.open("rb") as stream:
            while not found.is_full and (piece := stream.readline(LONGEST_LINE)):
                found.add(piece)
    except OSError as error:
        raise DataError(f"Cannot read the event log {path}: {error.strerror}.") from error
    if not found.lines:
        raise DataError(f"The event log {path} is empty: not even its first line was written.")
    if found.header is None and not found.is_ours:
        raise DataError(
            f"{path} is no event log of scr-live: it does not begin with a line {HEADER!r}. Give the file "
            "that `scr-live run --events` wrote."
        )
    if found.header is not None:
        _check_schema(path, found.header.get("schema"))
    version = "" if found.header is None else shown(found.header.get("version"))
    return Reading(path, version, in_order(found.events), list(found.problems()))


class _Found:
    """What the lines so far hold."""

    def __init__(self) -> None:
        self.header: Mapping[str, object] | None = None
        self.events: list[Told] = []
        self.is_ours = False
        """Whether a line, at least, is a header, or an event as this version knows it."""
        self.lines = 0
        self._bytes = 0
        self._is_cut = False
        self._runs = 1
        self._has_started = False
        self._damaged = 0
        self._numbers: list[int] = []

    @property
    def is_full(self) -> bool:
        """Whether no more is to be read."""
        return self.lines >= MOST_LINES or self._bytes >= MOST_BYTES

    def add(self, piece: bytes) -> None:
        """Take the next line, or the next piece of one that is too long."""
        self._bytes += len(piece)
        is_rest, self._is_cut = self._is_cut, len(piece) >= LONGEST_LINE and not piece.endswith(b"\n")
        if is_rest or not piece.strip():
            return
        self.lines += 1
        record = None if self._is_cut else _parsed(piece)
        if record is None:
            self._damaged += 1
        else:
            self._take(record)

    def _take(self, record: Mapping[str, object]) -> None:
        is_header = record.get("event") == HEADER
        if is_header or (record.get("event") == EventKind.RUN_STARTED and self._has_started):
            self._begin_run()
        if (number := whole(record.get("seq"))) is not None:
            self._numbers.append(number)
        if is_header:
            self.header = record
            self.is_ours = True  # also once a later run has left this one aside
            return
        self.is_ours = self.is_ours or _is_ours(record)
        told = told_of(record)
        if told is None:
            self._damaged += 1
        elif told.event != LOST:
            self.events.append(told)
            self._has_started |= told.event == EventKind.RUN_STARTED

    def _begin_run(self) -> None:
        """Leave an earlier run aside: its numbers, and those of its sightings, come again."""
        if self.header is not None or self.events:
            self._runs += 1
        self.header = None
        self.events, self._numbers = [], []
        self._has_started = False

    def problems(self) -> Iterator[str]:
        """Sentences about what is not there."""
        if self._runs > 1:
            yield f"The log holds {self._runs} runs, one after another; only the last is told."
        if self.header is None:
            yield "The header is missing or damaged; schema 1 is assumed."
        if self._damaged:
            lines = "1 line is" if self._damaged == 1 else f"{self._damaged} lines are"
            yield f"{lines} damaged and left out."
        missing = _missing(self._numbers)
        if missing:
            named = ", ".join(missing[:_NAMED]) + (", ..." if len(missing) > _NAMED else "")
            yield f"Events are missing in the log, by their numbers: {named}."
        kinds = {told.event for told in self.events}
        if EventKind.RUN_STARTED not in kinds:
            yield "The log does not say how the run began: its settings are not known."
        if self.is_full:
            yield f"The log is too long for a page: what comes after {self.lines} lines is left out."
        elif EventKind.RUN_ENDED not in kinds:
            yield "The log does not say how the run ended: it was killed or still goes on."


def _check_kind(path: Path) -> None:
    """Refuse what might never end."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise DataError(
            f"{path} is a folder, a device or a pipe. Give the file that `scr-live run --events` wrote."
        )


def _parsed(line: bytes) -> dict[str, object] | None:
    try:
        record = json.loads(line, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _check_schema(path: Path, schema: object) -> None:
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise DataError(f"The event log {path} has the schema {schema!r:.40}; expected a number from 1 up.")
    if schema > SCHEMA:
        raise DataError(
            f"The event log {path} has schema {schema!s:.40}, and this version of scr-live reads up to "
            f"{SCHEMA}. Use the version that wrote it, or a later one."
        )


def _is_ours(record: Mapping[str, object]) -> bool:
    return record.get("event") in list(EventKind) and "at" in record and "seq" in record


def _missing(numbers: Sequence[int]) -> list[str]:
    """Gaps in the numbers of the lines: ["3", "7 to 9"]."""
    gaps = [(before + 1, after - 1) for before, after in pairwise(sorted(numbers)) if after - before > 1]
    return [f"{first}" if first == last else f"{first} to {last}" for first, last in gaps]
