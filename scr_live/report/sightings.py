"""What was seen: the events of each sighting put together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from scr_live.events import EventKind
from scr_live.report.reading import Reading
from scr_live.report.told import Told

SIGHTED = (EventKind.SIGHTING_OPENED, EventKind.SIGHTING_UPDATED, EventKind.SIGHTING_CLOSED)


@dataclass(frozen=True, slots=True)
class Sighting:
    """One region that was announced, from first to last."""

    number: int
    first_s: float
    last_s: float
    first_at: datetime
    """By the clock, as far as its first event tells: of a video faster than life, a little off."""
    last_at: datetime
    is_closed: bool
    """False: the log ends before the sighting did, and what is here is what was known by then."""
    frames: int | None
    best_score: float | None
    largest_area_px: float | None
    largest_field_share: float | None
    snapshot: str
    """Path as the log has it; empty: none was taken."""
    areas: Sequence[tuple[float, float]]
    """(seconds of the stream, square pixels), by time."""


def sightings(reading: Reading) -> list[Sighting]:
    """All sightings of a log, by the time they were first seen."""
    told_of: dict[int, list[Told]] = {}
    for told in reading.of(*SIGHTED):
        number = told.number("sighting")
        if number is not None:
            told_of.setdefault(int(number), []).append(told)
    found = [_sighting(number, events) for number, events in told_of.items()]
    return sorted(found, key=lambda one: (one.first_s, one.number))


def _sighting(number: int, events: Sequence[Told]) -> Sighting:
    first, last = events[0], events[-1]
    closed = next((told for told in events if told.event == EventKind.SIGHTING_CLOSED), None)
    ended = closed or last
    seen = [told for told in events if told.event != EventKind.SIGHTING_CLOSED]
    dated = (seen or events)[-1]  # closing is told a while after it was seen, and tells only where that was
    first_s = _within(_either(first.number("first_s"), first.place_s), first.place_s)
    last_s = max(first_s, _within(_either(ended.number("last_s"), ended.place_s), ended.place_s))
    frames = None if closed is None else closed.number("frames")
    return Sighting(
        number=number,
        first_s=first_s,
        last_s=last_s,
        first_at=_shifted(first.at, first_s - first.place_s),
        last_at=_shifted(dated.at, last_s - dated.place_s),
        is_closed=closed is not None,
        frames=None if frames is None else int(frames),
        best_score=_highest(events, "score"),
        largest_area_px=_highest(events, "area_px", "largest_area_px"),
        largest_field_share=_highest(events, "field_share", "largest_field_share"),
        snapshot="" if closed is None else closed.text("snapshot"),
        areas=[(told.place_s, area) for told in seen if (area := told.number("area_px")) is not None],
    )


def _highest(events: Sequence[Told], *names: str) -> float | None:
    values = [value for told in events for name in names if (value := told.number(name)) is not None]
    return max(values, default=None)


def _either(value: float | None, other: float) -> float:
    return other if value is None else value


def _within(value: float, latest: float) -> float:
    """Nothing is seen before the video begins, nor after it was told."""
    return min(max(0.0, value), latest)


def _shifted(at: datetime, seconds: float) -> datetime:
    try:
        return at + timedelta(seconds=seconds)
    except OverflowError:
        return at
