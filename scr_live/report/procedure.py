"""A procedure as its event log tells it: settings, sightings, and when the picture or the AI was missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from scr_live.events import EventKind
from scr_live.frames import Quality, Signal
from scr_live.report.reading import Reading
from scr_live.report.sightings import Sighting, sightings
from scr_live.report.spans import Span, StateOf, covered_s, spans
from scr_live.report.told import Told
from scr_live.sinks.stretches import Stretch, stretches

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
    recordings: Sequence[Stretch]
    """What each file holds of the stream."""

    @property
    def gaps(self) -> Mapping[str, Sequence[Span]]:
        """When something was missing, by what it was."""
        return {QUALITY: self.quality, INPUT: self.input, SIGNAL: self.signal, AI: self.ai}

    def assessable_share(self, first_s: float = 0.0, last_s: float | None = None) -> float | None:
        """Share of the time with a living picture of good quality; None: there was no time."""
        last_s = self.end_s if last_s is None else last_s
        if last_s <= first_s:
            return None
        lost = covered_s([*self.quality, *self.input, *self.signal], first_s, last_s)
        return max(0.0, 1 - lost / (last_s - first_s))

    @property
    def without_ai_s(self) -> float:
        """How long the model was off."""
        return covered_s(self.ai, 0.0, self.end_s)

    @property
    def judged_share(self) -> float | None:
        """Share of the captured frames that the model judged; None: not told."""
        captured, inferred = (
            None if self.ended is None else self.ended.number(name) for name in ("captured", "inferred")
        )
        if inferred is None or not captured or captured < 0:
            return None
        return min(max(0.0, inferred / captured), 1.0)

    def recording(self, name: str) -> Stretch | None:
        """The file of this name, wherever it lies by now; None: the log knows none."""
        return next((one for one in reversed(self.recordings) if one.path.name == name), None)


def procedure(reading: Reading) -> Procedure:
    """Put together what the events tell."""
    end_s = max((told.place_s for told in reading.events), default=0.0)

    def when(state_of: StateOf, *kinds: EventKind) -> list[Span]:
        return spans(reading.of(*kinds), state_of, end_s)

    def until(end: EventKind, begin: EventKind) -> list[Span]:
        return spans(reading.of(begin, end), _cause_until(end), end_s, splits=False)

    return Procedure(
        reading=reading,
        started=reading.first(EventKind.RUN_STARTED),
        ended=reading.first(EventKind.RUN_ENDED),
        first_at=reading.events[0].at if reading.events else None,
        last_at=reading.events[-1].at if reading.events else None,
        end_s=end_s,
        sightings=sightings(reading),
        quality=when(_bad_quality, EventKind.QUALITY_CHANGED),
        input=when(_bad_input, EventKind.INPUT_CHANGED),
        signal=until(EventKind.SIGNAL_BACK, EventKind.SIGNAL_LOST),
        ai=until(EventKind.AI_BACK, EventKind.AI_FAILED),
        withdrawals=until(EventKind.WITHDRAWAL_ENDED, EventKind.WITHDRAWAL_STARTED),
        recordings=stretches(
            (
                (Path(told.text("path")), told.stream_s, told.text("cause"))
                for told in reading.of(EventKind.RECORDING_STARTED)
                if told.stream_s is not None
            ),
            {
                Path(told.text("path")): told.stream_s
                for told in reading.of(EventKind.RECORDING_ENDED)
                if told.stream_s is not None
            },
        ),
    )


def _bad_quality(told: Told) -> str | None:
    quality = told.text("quality")
    return None if quality == Quality.GOOD else quality or "not told"


def _bad_input(told: Told) -> str | None:
    signal = told.text("signal")
    return None if signal in (Signal.OK, Signal.LOST) else signal or "not told"


def _cause_until(end: EventKind) -> StateOf:
    """It is so, for the cause that was told, until `end` is."""
    return lambda told: None if told.event == end else told.text("cause")
