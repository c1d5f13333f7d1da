"""Reading an event log: what can be understood, in order, and sentences about what cannot."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import Final

from scr_live.errors import DataError
from scr_live.events import EventKind
from scr_live.sinks.event_log import HEADER, LOST, SCHEMA

LARGEST_NUMBER: Final = 1e12
"""No fact of a procedure is larger; what is, is damage."""
_LONGEST_S: Final = 1e8  # three years
_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Told:
    """One line that could be read. Facts are whatever stands there: ask for them by type."""

    event: str
    """Perhaps one that this version does not know."""
    at: datetime
    stream_s: float | None
    facts: Mapping[str, object]

    def number(self, name: str) -> float | None:
        """The fact, if it is a finite number."""
        return _number(self.facts.get(name))

    def text(self, name: str) -> str:
        """The fact as text; empty: it is not there."""
        value = self.facts.get(name)
        if isinstance(value, bool):
            return "yes" if value else "no"
        return "" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Reading:
    """What an event log says."""

    path: Path
    version: str
    """Of scr-live that wrote it; empty: not known."""
    events: Sequence[Told]
    """By the time of the clock."""
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
    records, damaged = _records(path)
    header = records[0] if records and records[0].get("event") == HEADER else None
    if header is None and not any(_is_ours(record) for record in records):
        raise DataError(
            f"{path} is no event log of scr-live: it does not begin with a line {HEADER!r}. Give the file "
            "that `scr-live run --events` wrote."
        )
    problems = [] if header is not None else ["The header is missing or damaged; schema 1 is assumed."]
    if header is not None:
        _check_schema(path, header.get("schema"))
    events = []
    for number, record in enumerate(records):
        if number == 0 and header is not None:
            continue
        told = _told(record)
        if told is None:
            damaged += 1
        elif told.event != LOST:
            events.append(told)
    problems += _told_of(records, damaged, events)
    version = "" if header is None else str(header.get("version", ""))
    return Reading(path, version, sorted(events, key=lambda told: told.at), problems)


def _records(path: Path) -> tuple[list[dict[str, object]], int]:
    """The lines that are JSON objects, and how many are not."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"Cannot read the event log {path}: {error.strerror}.") from error
    if not data.strip():
        raise DataError(f"The event log {path} is empty: not even its first line was written.")
    records, damaged = [], 0
    for line in data.splitlines():
        if not line.strip():
            continue
        try:
            record = json.loads(line, parse_constant=lambda _: None)
        except (ValueError, RecursionError):
            record = None
        if isinstance(record, dict):
            records.append(record)
        else:
            damaged += 1
    return records, damaged


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


def _told(record: Mapping[str, object]) -> Told | None:
    event, at = record.get("event"), _time(record.get("at"))
    if not isinstance(event, str) or at is None:
        return None
    stream_s = _number(record.get("stream_s"))
    if stream_s is not None and not 0 <= stream_s <= _LONGEST_S:
        stream_s = None
    facts = {name: value for name, value in record.items() if name not in ("event", "at", "stream_s", "seq")}
    return Told(event, at, stream_s, facts)


def _told_of(records: Sequence[Mapping[str, object]], damaged: int, events: Sequence[Told]) -> Iterator[str]:
    """Sentences about what is not there."""
    if damaged:
        lines = "1 line is" if damaged == 1 else f"{damaged} lines are"
        yield f"{lines} damaged and left out."
    missing = _missing(records)
    if missing:
        shown = ", ".join(missing[:_NAMED]) + (", ..." if len(missing) > _NAMED else "")
        yield f"Events are missing in the log, by their numbers: {shown}."
    kinds = {told.event for told in events}
    if EventKind.RUN_STARTED not in kinds:
        yield "The log does not say how the run began: its settings are not known."
    if EventKind.RUN_ENDED not in kinds:
        yield "The log does not say how the run ended: it was killed or still goes on. The rest is not known."


def _missing(records: Sequence[Mapping[str, object]]) -> list[str]:
    """Gaps in the numbers of the lines: ["3", "7 to 9"]."""
    told = (record.get("seq") for record in records)
    numbers = sorted(seq for seq in told if type(seq) is int and 0 <= seq <= LARGEST_NUMBER)
    gaps = [(before + 1, after - 1) for before, after in pairwise(numbers) if after - before > 1]
    return [f"{first}" if first == last else f"{first} to {last}" for first, last in gaps]


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if isfinite(number) and abs(number) <= LARGEST_NUMBER else None


def _time(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
