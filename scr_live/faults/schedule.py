"""Which fault comes when: the same from the same seed. Standard library only."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile
from typing import Final, TypeAlias

_SHORTEST_GAP_S = 0.2


class SourceFault(StrEnum):
    """What can happen to a source."""

    STALL = "stall"
    """Nothing comes for a while, and no error either."""
    HANG = "hang"
    """A read that returns only when the source is closed; opened anew, it works."""
    DROP = "drop"
    """Every second picture is missing."""
    DISCONNECT = "disconnect"
    """The read fails, and the source cannot be opened for a while."""
    CORRUPT = "corrupt"
    """Blocks of noise in the picture."""
    FREEZE = "freeze"
    """The same picture again and again."""
    BLACK = "black"
    WHITE = "white"
    SIZE = "size"
    """Pictures of half the size: the source has to be opened anew, at the beginning and at the end."""
    TIMES = "times"
    """Presentation times that jump, forward and back, and are missing."""
    BURST = "burst"
    """Nothing for a while, then all of it at once."""


class EngineFault(StrEnum):
    """What can happen to an engine."""

    SLOW = "slow"
    """Answers take ten frame intervals."""
    HANG = "hang"
    """An answer that does not come for as long as the fault lasts."""
    RAISE = "raise"
    NAN = "nan"
    SHAPE = "shape"
    TYPE = "type"
    """Whole numbers instead of probabilities."""
    LEAK = "leak"
    """Each answer keeps a megabyte."""
    EXIT = "exit"
    """Its process ends: only in a process of its own."""


FaultKind: TypeAlias = SourceFault | EngineFault

CALM_ENGINE: Final = tuple(kind for kind in EngineFault if kind is not EngineFault.EXIT)
"""What an engine may do in the process of the run."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, by the time since the schedule's beginning."""

    kind: FaultKind
    at_s: float
    duration_s: float

    @property
    def until_s(self) -> float:
        """When it is over."""
        return self.at_s + self.duration_s


@dataclass(frozen=True, slots=True)
class FaultSchedule:
    """Faults without end and without overlap; iterating begins anew each time.

    The pauses between them are drawn around `mean_interval_s`, the durations evenly. The kinds come in
    rounds, each once a round in another order, so that a short schedule has them all.
    """

    seed: int
    kinds: tuple[FaultKind, ...]
    mean_interval_s: float = 5.0
    shortest_s: float = 0.5
    longest_s: float = 3.0
    quiet_s: float = 0.0
    """Nothing happens before."""

    def __iter__(self) -> Iterator[Fault]:
        chance = random.Random(f"{self.seed} {' '.join(self.kinds)}")  # noqa: S311 - not for secrets
        now_s = self.quiet_s
        while self.kinds:
            for kind in chance.sample(self.kinds, len(self.kinds)):
                now_s += max(_SHORTEST_GAP_S, chance.expovariate(1 / self.mean_interval_s))
                fault = Fault(kind, now_s, chance.uniform(self.shortest_s, self.longest_s))
                now_s = fault.until_s
                yield fault

    def until(self, end_s: float) -> tuple[Fault, ...]:
        """All that begin before that time."""
        return tuple(takewhile(lambda fault: fault.at_s < end_s, self))


class Agenda:
    """The faults of a schedule by the clock of whoever suffers them; used by one thread.

    What has passed entirely while nobody asked does not happen.
    """

    def __init__(self, schedule: FaultSchedule) -> None:
        self._faults = iter(schedule)
        self._next = next(self._faults, None)

    def due(self, now_s: float) -> Fault | None:
        """The fault that is on now, if any; the same as long as it lasts."""
        while self._next is not None and self._next.until_s <= now_s:
            self._next = next(self._faults, None)
        if self._next is None or now_s < self._next.at_s:
            return None
        return self._next

    def end(self) -> None:
        """Let the fault that is on be over."""
        self._next = next(self._faults, None)
