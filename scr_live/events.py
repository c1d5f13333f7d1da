"""What happens in a run besides frames: signal lost and back, model off and on, a new recording. Thread-safe.

One vocabulary for statistics, logs and reports: an `Event` has a kind from `EventKind`, the time of the
clock, the position in the video where there is one, and plain facts. Standard library only.
"""

import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, TypeAlias

Fact: TypeAlias = str | int | float | bool | None

KEPT: Final = 1000
"""Events a journal remembers; of a run of weeks the latest, while `counts` knows of all."""


class EventKind(StrEnum):
    """Everything that can be told, with the facts that come with it."""

    RUN_STARTED = "run-started"
    """source, width, height, fps, engine, model, threshold, tracking: whether regions are followed;
    alert_after_s: how long before they are announced."""
    RUN_ENDED = "run-ended"
    """captured, inferred, shown, recorded, dropped: frames; cause; duration_s: of the run, by the clock; of
    a live source video_delay_p50_ms, video_delay_p99_ms, annotation_delay_p50_ms, annotation_delay_p99_ms.
    `stream_s` is where the video ended."""
    SIGNAL_LOST = "signal-lost"
    """cause; told once more if readers hang and it is not opened again."""
    SIGNAL_BACK = "signal-back"
    """lost_s: how long nothing came; attempts: to open the source anew; 0: the connection had stayed."""
    INPUT_CHANGED = "input-changed"
    """signal: ok, frozen, black or saturated; before: what it was."""
    SIZE_CHANGED = "size-changed"
    """width, height, and those before: width_before, height_before."""
    AI_FAILED = "ai-failed"
    """engine, cause."""
    AI_BACK = "ai-back"
    """engine, failures: in a row before it answered again."""
    ENGINE_CHANGED = "engine-changed"
    """engine, before, cause."""
    SIGHTING_OPENED = "sighting-opened"
    """A region was announced. sighting: its number; first_s: stream time when its track was first seen;
    score, area_px, field_share (0..1 of the field), x, y, width, height: its box in frame pixels."""
    SIGHTING_UPDATED = "sighting-updated"
    """The same facts now; at most once a second for each sighting."""
    SIGHTING_CLOSED = "sighting-closed"
    """sighting, first_s, last_s, frames: in which it was seen; score, area_px, field_share, and x, y, width,
    height at its best score; largest_area_px, largest_field_share; snapshot: path of a picture, or None.
    `stream_s` is `last_s`: it is told a while later."""
    QUALITY_CHANGED = "quality-changed"
    """quality: in the words of frames.Quality; before: what it was."""
    WITHDRAWAL_STARTED = "withdrawal-started"
    """Marked by a person."""
    WITHDRAWAL_ENDED = "withdrawal-ended"
    """Marked by a person."""
    RECORDING_STARTED = "recording-started"
    """path, cause: start, segment, size, fallback or reconnect."""
    RECORDING_ENDED = "recording-ended"
    """path, frames, bytes."""
    RECORDING_FAILED = "recording-failed"
    """path, cause."""
    RECORDING_GAP = "recording-gap"
    """path, packets: of a raw recording, that are missing; cause."""
    DISK_LOW = "disk-low"
    """folder, free_bytes, hours_left."""
    STAGE_STALLED = "stage-stalled"
    """stage, still_s."""
    STAGE_MOVES = "stage-moves"
    """stage, still_s: how long it had not moved."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened."""

    kind: EventKind
    at: datetime
    """Of the clock, in UTC."""
    stream_s: float | None
    """Position in the video, in seconds since its first frame; None: not known where it happened."""
    facts: Mapping[str, Fact] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        """Return what stands in `--stats` and in JSON logs."""
        at = self.at.isoformat(timespec="milliseconds")
        stream_s = None if self.stream_s is None else round(self.stream_s, 3)
        return {"event": str(self.kind), "at": at, "stream_s": stream_s, **self.facts}


Listener: TypeAlias = Callable[[Event], None]
"""Hears of each event, in the thread in which it happened: it is quick, never blocks and never raises."""


class Journal:
    """Takes events from any thread, remembers the latest, counts all, and hands each to its listeners."""

    def __init__(
        self, *listeners: Listener, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._listeners = list(listeners)
        self._clock = clock
        self._lock = threading.Lock()
        self._events: deque[Event] = deque(maxlen=KEPT)
        self._counts: Counter[str] = Counter()

    def tell(self, kind: EventKind, *, stream_s: float | None = None, **facts: Fact) -> None:
        """Note that something happened now."""
        with self._lock:
            event = Event(kind, self._clock(), stream_s, facts)
            self._events.append(event)
            self._counts[str(kind)] += 1
        for listener in self._listeners:
            listener(event)

    def listen(self, listener: Listener) -> None:
        """Hand what happens from now on to this one, too."""
        self._listeners.append(listener)

    @property
    def events(self) -> list[Event]:
        """The latest events, oldest first."""
        with self._lock:
            return list(self._events)

    @property
    def counts(self) -> dict[str, int]:
        """How often each kind was told, of all events ever."""
        with self._lock:
            return dict(self._counts)
