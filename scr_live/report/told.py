"""One line of an event log, its facts by their type, and where in the stream it lies."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import inf, isfinite
from typing import Final

from scr_live.events import EventKind

LARGEST_NUMBER: Final = 1e12
"""No fact of a procedure is larger; what is, is damage."""
_LONGEST_S: Final = 1e8  # three years
_OF_ANOTHER_PLACE: Final = frozenset(
    {
        EventKind.SIGHTING_CLOSED,
        EventKind.RECORDING_STARTED,
        EventKind.RECORDING_ENDED,
        EventKind.RECORDING_FAILED,
    }
)
_OWN: Final = frozenset({"event", "at", "stream_s", "seq"})


@dataclass(frozen=True, slots=True)
class Told:
    """One line that could be read. Facts are whatever stands there: ask for them by type."""

    event: str
    """Perhaps one that this version does not know."""
    at: datetime
    seq: int | None
    """Its number in the log; None: not told."""
    stream_s: float | None
    """As it was told; None: it was not."""
    place_s: float
    """Where in the stream it lies, told or guessed."""
    facts: Mapping[str, object]

    def number(self, name: str) -> float | None:
        """The fact, if it is a finite number."""
        return number(self.facts.get(name))

    def text(self, name: str) -> str:
        """The fact as text; empty: it is not there, or more than a word or a number."""
        return shown(self.facts.get(name))


def told_of(record: Mapping[str, object]) -> Told | None:
    """The event that a line tells; None: it tells none."""
    event, at = record.get("event"), _time(record.get("at"))
    if not isinstance(event, str) or at is None:
        return None
    stream_s = number(record.get("stream_s"))
    if stream_s is not None and not 0 <= stream_s <= _LONGEST_S:
        stream_s = None
    facts = {name: value for name, value in record.items() if name not in _OWN}
    return Told(event, at, whole(record.get("seq")), stream_s, stream_s or 0.0, facts)


def in_order(events: Sequence[Told]) -> list[Told]:
    """As they happened: by their numbers, since a clock may be set back; by the clock without good ones.

    Each with its place: those that do not know it lie by the clock behind the last that does.
    """
    numbers = {told.seq for told in events}
    is_numbered = None not in numbers and len(numbers) == len(events)  # and not several logs in one
    ordered = sorted(events, key=lambda told: (told.seq or 0 if is_numbered else 0, told.at))
    return list(_placed(ordered))


def number(value: object) -> float | None:
    """The value, if it is a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if isfinite(found) and abs(found) <= LARGEST_NUMBER else None


def whole(value: object) -> int | None:
    """The value, if it can be the number of a line."""
    return value if type(value) is int and 0 <= value <= LARGEST_NUMBER else None


def shown(value: object) -> str:
    """The value as text; empty: nothing, or a list or table, which is no fact."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, str | int | float) else ""


def _placed(events: Sequence[Told]) -> Iterator[Told]:
    if not events:
        return
    base_at, base_s = events[0].at, 0.0
    for told, ahead_s in zip(events, _places_ahead(events), strict=True):
        if told.stream_s is None:
            guess_s = base_s + max(0.0, (told.at - base_at).total_seconds())
            yield replace(told, place_s=min(guess_s, max(base_s, ahead_s)))
            continue
        if _is_where_it_was_told(told):
            base_at, base_s = told.at, told.place_s
        yield told


def _places_ahead(events: Sequence[Told]) -> list[float]:
    """For each event the next place that is known."""
    ahead, ahead_s = [], inf
    for told in reversed(events):
        ahead_s = told.place_s if _is_where_it_was_told(told) else ahead_s
        ahead.append(ahead_s)
    return ahead[::-1]


def _is_where_it_was_told(told: Told) -> bool:
    """Some events tell another place: where a sighting was seen last, or a recording begins or ends."""
    return told.stream_s is not None and told.event not in _OF_ANOTHER_PLACE


def _time(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
