"""A procedure as its event log tells it: settings, sightings, and when the picture or the AI was missing."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from scr_live.events import EventKind
from scr_live.frames import Quality, Signal
from scr_live.report.reading import Reading, Told
from scr_live.report.sightings import Sighting, sightings
from scr_live.report.spans import Span, StateOf, covered_s, spans

QUALITY: Final = "quality not good"
INPUT: Final = "picture faulty"
SIGNAL: Final = "no signal"
AI: Final = "AI off"


@dataclass(frozen=True, slots=True)
class Procedure:
    """All that the page shows. Times are seconds of the stream."""

    reading: Reading
    started: Told | None
    """The settings; None: not told."""
    ended: Told | None
    """None: the run was killed, or its end is lost."""
    first_at: datetime | None
    last_at: datetime | None
    end_s: float
    """Of what was told."""
    sightings: Sequence[Sighting]
    quality: Sequence[Span]
    """Where the mucosa could not be judged, and why."""
    input: Sequence[Span]
    """Frozen, black or saturated pictures."""
    signal: Sequence[Span]
    """Without a signal, and the cause."""
    ai: Sequence[Span]
    """The model failed, and the cause."""
    withdrawals: Sequence[Span]

    @property
    def gaps(self) -> Mapping[str, Sequence[Span]]:
        """When something was missing, by what it was."""
        return {QUALITY: self.quality, INPUT: self.input, SIGNAL: self.signal, AI: self.ai}

    @property
    def duration_s(self) -> float:
        """As the run told it, else up to the last event."""
        told = None if self.ended is None else self.ended.number("duration_s")
        return self.end_s if told is None or told < 0 else told

    def assessable_share(self, first_s: float = 0.0, last_s: float | None = None) -> float | None:
        """Share of the time with a living picture of good quality; None: there was no time."""
        last_s = self.end_s if last_s is None else last_s
        if last_s <= first_s:
            return None
        lost = covered_s([*self.quality, *self.input, *self.signal], first_s, last_s)
        return 1 - lost / (last_s - first_s)

    @property
    def without_ai_s(self) -> float:
        """How long the model was off."""
        return covered_s(self.ai, 0.0, self.end_s)


def procedure(reading: Reading) -> Procedure:
    """Put together what the events tell."""
    place = _Places(reading.events).of
    end_s = max((place(told) for told in reading.events), default=0.0)

    def stretches(state_of: StateOf, *kinds: EventKind) -> list[Span]:
        return spans(reading.of(*kinds), state_of, place, end_s)

    return Procedure(
        reading=reading,
        started=reading.first(EventKind.RUN_STARTED),
        ended=reading.first(EventKind.RUN_ENDED),
        first_at=reading.events[0].at if reading.events else None,
        last_at=reading.events[-1].at if reading.events else None,
        end_s=end_s,
        sightings=sightings(reading, place),
        quality=stretches(_bad_quality, EventKind.QUALITY_CHANGED),
        input=stretches(_bad_input, EventKind.INPUT_CHANGED),
        signal=stretches(_until(EventKind.SIGNAL_BACK), EventKind.SIGNAL_LOST, EventKind.SIGNAL_BACK),
        ai=stretches(_until(EventKind.AI_BACK), EventKind.AI_FAILED, EventKind.AI_BACK),
        withdrawals=stretches(
            _until(EventKind.WITHDRAWAL_ENDED), EventKind.WITHDRAWAL_STARTED, EventKind.WITHDRAWAL_ENDED
        ),
    )


class _Places:
    """Where in the stream events lie; those that do not know it, by the clock from the last that does."""

    def __init__(self, events: Sequence[Told]) -> None:
        self._known = [(told.at, told.stream_s) for told in events if told.stream_s is not None]
        self._start = events[0].at if events else None

    def of(self, told: Told) -> float:
        if told.stream_s is not None:
            return told.stream_s
        index = bisect_right(self._known, told.at, key=lambda known: known[0])
        base_at, base_s = self._known[index - 1] if index else (self._start or told.at, 0.0)
        guess = base_s + max(0.0, (told.at - base_at).total_seconds())
        return guess if index == len(self._known) else min(guess, max(base_s, self._known[index][1]))


def _bad_quality(told: Told) -> str | None:
    quality = told.text("quality")
    return None if quality == Quality.GOOD else quality or "not told"


def _bad_input(told: Told) -> str | None:
    signal = told.text("signal")
    return None if signal in (Signal.OK, Signal.LOST) else signal or "not told"


def _until(end: EventKind) -> StateOf:
    """It is so, for the cause that was told, until `end` is."""
    return lambda told: None if told.event == end else told.text("cause")
