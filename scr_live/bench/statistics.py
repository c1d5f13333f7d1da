"""Figures of samples that were taken in rounds: percentiles, medians over rounds, ratios to a first one.

Rounds are what is independent here, not single samples: a slow second of the machine slows all of a round. So
intervals come from resampling rounds, and ratios are taken inside each round before anything is averaged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

FEWEST_ROUNDS: Final = 5
"""Fewer are too few to resample: no interval is told."""
RESAMPLES: Final = 2000

_SEED = 20_261_128  # fixed: the same samples give the same interval
_TAILS = (2.5, 97.5)
_FEWEST_FOR_P95, _FEWEST_FOR_P99 = 20, 100


@dataclass(frozen=True, slots=True)
class Middle:
    """A median over rounds and its 95 % interval; None as bounds: too few rounds."""

    value: float
    low: float | None = None
    high: float | None = None

    def as_dict(self) -> dict[str, object]:
        """Return it for a JSON file."""
        interval = None if self.low is None or self.high is None else [_short(self.low), _short(self.high)]
        return {"median": _short(self.value), "interval_95": interval}


@dataclass(frozen=True, slots=True)
class Spread:
    """A distribution of durations in milliseconds; a percentile is None where too few samples reach it."""

    count: int
    mean: float
    p50: float
    p95: float | None
    p99: float | None
    least: float
    most: float

    def as_dict(self) -> dict[str, object]:
        """Return it for a JSON file."""
        names = ("mean", "p50", "p95", "p99", "least", "most")
        values = {name: getattr(self, name) for name in names}
        return {"count": self.count} | {k: None if v is None else _short(v) for k, v in values.items()}


def spread(samples_ms: Sequence[float]) -> Spread:
    """Summarise all samples, whatever their round; at least one."""
    values = np.asarray(samples_ms, np.float64)
    p50, p95, p99 = (float(one) for one in np.percentile(values, (50, 95, 99)))
    return Spread(
        count=len(values),
        mean=float(values.mean()),
        p50=p50,
        p95=p95 if len(values) >= _FEWEST_FOR_P95 else None,
        p99=p99 if len(values) >= _FEWEST_FOR_P99 else None,
        least=float(values.min()),
        most=float(values.max()),
    )


def middle(per_round: Sequence[float]) -> Middle:
    """Median over rounds of one figure a round, with a percentile bootstrap over the rounds."""
    values = np.asarray(per_round, np.float64)
    if len(values) < FEWEST_ROUNDS:
        return Middle(float(np.median(values)))
    rng = np.random.default_rng(_SEED)
    picked = rng.integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.percentile(np.median(values[picked], axis=1), _TAILS)
    return Middle(float(np.median(values)), float(low), float(high))


def medians(rounds: Sequence[Sequence[float]]) -> list[float]:
    """Return the median of each round."""
    return [float(np.median(samples)) for samples in rounds]


def ratio(rounds: Sequence[float], first: Sequence[float]) -> Middle:
    """Ratio to the first one: taken in each round, then its median over rounds, with interval.

    Both have one figure a round; rounds that only one of them saw to its end are left out.
    """
    return middle([one / other for one, other in zip(rounds, first, strict=False)])


def _short(value: float) -> float:
    return round(value, 4)
