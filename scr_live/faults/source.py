"""A source that fails on a schedule, around any other."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from threading import Event
from typing import Final

import numpy as np

from scr_live.errors import SourceChangedError, SourceLostError, SourceNotFoundError
from scr_live.faults.pictures import spoilt
from scr_live.faults.schedule import Agenda, Fault, FaultKind, FaultSchedule, SourceFault
from scr_live.frames import Frame, Image
from scr_live.sources import SourceInfo, VideoSource

_JUMP_S: Final = 1000.0
_KEPT_SHARE: Final = 0.5
_HELD_AT_MOST: Final = 30  # pictures of a burst


@dataclass(frozen=True, slots=True)
class Injection:
    """A fault that did happen."""

    kind: FaultKind
    at_s: float
    """When it first struck, since the chaos began."""
    duration_s: float
    """Until its scheduled end; 0 for a hang, which ends when the source is closed."""
    frames: int = 0
    """Pictures that were damaged, or not handed out, because of it; known at its end."""


class Chaos:
    """Opens a source again and again, and spoils what it delivers as the schedule says.

    One clock runs over all openings, from the first on, so that a source that was disconnected is away until
    the fault is over. Made for one consumer: what is opened is closed before it is opened anew.
    """

    def __init__(
        self,
        open_source: Callable[[], VideoSource],
        schedule: FaultSchedule,
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._open_source = open_source
        self._agenda = Agenda(schedule)
        self._rng = np.random.default_rng(schedule.seed)
        self._clock = clock
        self._began_at: float | None = None
        self._on: Fault | None = None
        self._struck = 0
        self._away_until_s = 0.0
        self.injected: list[Injection] = []
        """What has happened, in order; the last one may still be going on."""
        self.refused = 0
        """How often somebody tried to open the source while it was away."""

    def open(self) -> "ChaosSource":
        """Open the source. SourceNotFoundError while it is disconnected."""
        if self.now_s() < self._away_until_s:
            self.refused += 1
            raise SourceNotFoundError(
                "Expected the source to be there, but it is disconnected on purpose. It will come back."
            )
        return ChaosSource(self._open_source(), self, is_small=_makes_small(self.due()))

    def now_s(self) -> float:
        """Time since the first opening."""
        now = self._clock()
        if self._began_at is None:
            self._began_at = now
        return now - self._began_at

    def due(self) -> Fault | None:
        """The fault that is on; notes that it happens."""
        now_s = self.now_s()
        fault = self._agenda.due(now_s)
        if fault is not self._on:
            self._on, self._struck = fault, 0
            if fault is not None:
                lasts_s = 0.0 if fault.kind is SourceFault.HANG else fault.until_s - now_s
                self.injected.append(Injection(fault.kind, now_s, lasts_s))
        return fault

    def strike(self) -> None:
        """Count a picture that suffers from the fault that is on."""
        self._struck += 1
        self.injected[-1] = replace(self.injected[-1], frames=self._struck)

    def spoil(self, image: Image, fault: Fault) -> Image:
        """Count a picture, and return what the fault makes of it."""
        self.strike()
        return spoilt(image, fault.kind, self._rng)

    def hang(self) -> None:
        """Count the picture, and let whoever opens the source from now on find it well again."""
        self.strike()
        self._agenda.end()

    def disconnect(self, fault: Fault) -> None:
        """Let nobody open the source before the fault is over."""
        self._away_until_s = fault.until_s

    def chance(self) -> float:
        """A number from 0 to 1."""
        return float(self._rng.random())


class ChaosSource(VideoSource):
    """What Chaos opens. It breaks the contract of a source on purpose: a HANG lasts until `close`."""

    def __init__(self, source: VideoSource, chaos: Chaos, *, is_small: bool = False) -> None:
        """is_small: its pictures have half the size."""
        self._source = source
        self._chaos = chaos
        self._is_small = is_small
        self._closed = Event()
        self._handed_out = 0
        self._last: Image | None = None

    @property
    def info(self) -> SourceInfo:
        """The source's, with the size that it has now."""
        info = self._source.info
        if not self._is_small:
            return info
        return replace(info, width=(info.width + 1) // 2, height=(info.height + 1) // 2)

    @property
    def dropped(self) -> int:
        """The source's, if it counts."""
        return int(getattr(self._source, "dropped", 0))

    def __iter__(self) -> Iterator[Frame]:
        held: list[Frame] = []
        for frame in self._source:
            if self._closed.is_set():
                return
            fault = self._chaos.due()
            if held and (fault is None or fault.kind is not SourceFault.BURST):
                yield from self._released(held)
                held.clear()
            if self._closed.is_set():
                return
            if self._is_small != _makes_small(fault):
                raise SourceChangedError(
                    "Expected pictures of one size, but it was changed on purpose. It has to be opened anew."
                )
            if fault is None:
                yield self._numbered(frame)
            elif fault.kind is SourceFault.BURST and len(held) < _HELD_AT_MOST:
                self._chaos.strike()
                held.append(frame)
            else:
                yield from self._struck(frame, fault)
            if self._closed.is_set():
                return
        yield from self._released(held)

    def close(self) -> None:
        """End a stall or a hang, too."""
        self._closed.set()
        self._source.close()

    def _struck(self, frame: Frame, fault: Fault) -> Iterator[Frame]:
        match fault.kind:
            case SourceFault.STALL:
                self._chaos.strike()
                self._closed.wait(fault.until_s - self._chaos.now_s())
            case SourceFault.HANG:
                self._chaos.hang()
                self._closed.wait()
            case SourceFault.DISCONNECT:
                self._chaos.strike()
                self._chaos.disconnect(fault)
                raise SourceLostError(
                    "Expected the source to go on, but it was disconnected on purpose. It will come back."
                )
            case SourceFault.DROP | SourceFault.BURST:  # a burst that is full loses the rest
                if fault.kind is SourceFault.DROP and self._chaos.chance() < _KEPT_SHARE:
                    yield self._numbered(frame)
                else:
                    self._chaos.strike()
            case SourceFault.TIMES:
                self._chaos.strike()
                yield replace(self._numbered(frame), pts_s=self._wrong(frame.pts_s))
            case SourceFault.FREEZE:
                self._chaos.strike()
                last = frame.image if self._last is None else self._last
                yield self._numbered(replace(frame, image=last))
            case _:
                yield self._numbered(replace(frame, image=self._chaos.spoil(frame.image, fault)))

    def _released(self, held: list[Frame]) -> Iterator[Frame]:
        """A burst: to the consumer they arrive now."""
        for frame in held:
            yield self._numbered(replace(frame, captured_at=time.perf_counter()))

    def _numbered(self, frame: Frame) -> Frame:
        """Only what is handed out counts, as in every source."""
        self._last = frame.image
        self._handed_out += 1
        return replace(frame, index=self._handed_out - 1)

    def _wrong(self, pts_s: float | None) -> float | None:
        chance = self._chaos.chance()
        if pts_s is None or chance < 1 / 3:
            return None
        return pts_s + _JUMP_S if chance < 2 / 3 else max(0.0, pts_s - _JUMP_S)


def _makes_small(fault: Fault | None) -> bool:
    return fault is not None and fault.kind is SourceFault.SIZE
