"""How long things take, for runs of seconds or weeks: percentiles in fixed memory.

Durations are counted in logarithmic bins 2 % wide, so a percentile is within 1 % of the true value; the
maximum, the count and the mean are exact. Below 10 us everything is one bin.
"""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

RELATIVE_ERROR: Final = 0.01
"""Of every percentile at or above 10 us."""

_LOWEST_S = 1e-5
_HIGHEST_S = 1e5
_LOG_WIDTH = math.log(1.02)
_BINS = math.ceil(math.log(_HIGHEST_S / _LOWEST_S) / _LOG_WIDTH) + 1


@dataclass(frozen=True, slots=True)
class Latency:
    """A distribution of durations in milliseconds; zeros if nothing was measured."""

    count: int
    mean: float
    p50: float
    p95: float
    p99: float
    max: float

    def as_dict(self) -> dict[str, float]:
        """Return the figures for a JSON file, rounded to microseconds."""
        return {
            "count": self.count,
            "mean": round(self.mean, 3),
            "p50": round(self.p50, 3),
            "p95": round(self.p95, 3),
            "p99": round(self.p99, 3),
            "max": round(self.max, 3),
        }


@dataclass(frozen=True, slots=True)
class Stand:
    """How a histogram stood at some moment."""

    bins: tuple[int, ...]
    sum_s: float


class Histogram:
    """Counts durations; one thread records, any thread may look."""

    def __init__(self) -> None:
        self._bins = [0] * _BINS
        self._count = 0
        self._sum_s = 0.0
        self._max_s = 0.0

    def record(self, duration_s: float) -> None:
        """Count one duration; a negative one counts as zero."""
        duration_s = max(duration_s, 0.0)
        self._bins[_bin(duration_s)] += 1
        self._count += 1
        self._sum_s += duration_s
        self._max_s = max(self._max_s, duration_s)

    @property
    def count(self) -> int:
        """How many were recorded."""
        return self._count

    def quantile_s(self, share: float) -> float:
        """Return the smallest duration that at least this share of all do not exceed, within 1 %."""
        return _quantile_s(self._bins, share, count=self._count, highest_s=self._max_s)

    def counts_up_to(self, edges_s: Sequence[float]) -> list[int]:
        """Return how many durations did not exceed each of the edges, within 2 %."""
        bins = [_bin(edge_s) for edge_s in edges_s]
        return [sum(self._bins[: last + 1]) for last in bins]

    def stand(self) -> Stand:
        """Return what `since` can be asked about later."""
        return Stand(tuple(self._bins), self._sum_s)

    def since(self, stand: Stand) -> Latency:
        """Summarise what was recorded since then; the maximum within 2 %, the mean as of about now."""
        bins = [now - before for now, before in zip(self._bins, stand.bins, strict=True)]
        filled = [index for index, number in enumerate(bins) if number]
        highest_s = min(self._max_s, _highest_s(filled[-1])) if filled else 0.0
        return _latency(bins, sum(bins), sum_s=self._sum_s - stand.sum_s, highest_s=highest_s)

    def latency(self) -> Latency:
        """Summarise what was recorded so far."""
        return _latency(self._bins, self._count, sum_s=self._sum_s, highest_s=self._max_s)


class Timings:
    """All durations of a run: its stages, and the two delays.

    Each name is recorded by one thread only. Stages appear in the order in which they were named.
    """

    def __init__(self, *stages: str) -> None:
        self.video_delay = Histogram()
        """From the capture of a frame until it was shown, or handed to the recorder if there is no screen."""
        self.annotation_delay = Histogram()
        """From the capture of a frame until the contours of that very frame were there."""
        self._stages = {stage: Histogram() for stage in stages}
        self._cpu_s = dict.fromkeys(stages, 0.0)

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Record how long the block takes, and how long it has the processor, if it succeeds."""
        started, cpu_s = time.perf_counter(), time.thread_time()
        yield
        self.record(stage, time.perf_counter() - started, cpu_s=time.thread_time() - cpu_s)

    def record(self, stage: str, duration_s: float, *, cpu_s: float = 0.0) -> None:
        """Count one duration of a stage, and for how much of it its thread had the processor."""
        self._stages[stage].record(duration_s)
        self._cpu_s[stage] += cpu_s

    def stages(self) -> dict[str, Latency]:
        """Summarise every stage."""
        return {name: histogram.latency() for name, histogram in self._stages.items()}

    def cpu_s(self) -> dict[str, float]:
        """Processor time of every stage in its own thread; what it lets others do is not in it."""
        return dict(self._cpu_s)


def _quantile_s(bins: Sequence[int], share: float, *, count: int, highest_s: float) -> float:
    rank = math.ceil(share * count)
    seen = 0
    for index, number in enumerate(bins):
        seen += number
        if number and seen >= rank:
            return min(_middle_s(index), highest_s)
    return highest_s


def _latency(bins: Sequence[int], count: int, *, sum_s: float, highest_s: float) -> Latency:
    p50, p95, p99 = (
        1000 * _quantile_s(bins, share, count=count, highest_s=highest_s) for share in (0.50, 0.95, 0.99)
    )
    return Latency(count, 1000 * sum_s / max(count, 1), p50, p95, p99, 1000 * highest_s)


def _bin(duration_s: float) -> int:
    if duration_s < _LOWEST_S:
        return 0
    return min(1 + int(math.log(duration_s / _LOWEST_S) / _LOG_WIDTH), _BINS - 1)


def _middle_s(index: int) -> float:
    """Return the geometric middle of a bin; the first one holds everything below the lowest edge."""
    return 0.0 if index == 0 else _LOWEST_S * math.exp((index - 0.5) * _LOG_WIDTH)


def _highest_s(index: int) -> float:
    """Return the upper edge of a bin."""
    return _LOWEST_S * math.exp(index * _LOG_WIDTH)
