"""Means with 95 % intervals: bootstrap percentiles for metrics, Wilson's score interval for shares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np

DEFAULT_RESAMPLES: Final = 2000
CONFIDENCE_PERCENT: Final = 95
SEED: Final = 20_240_229
"""Fixed: the same pictures give the same intervals."""

_TAILS = (2.5, 97.5)  # percentiles
_NORMAL_QUANTILE = 1.959964  # of 97.5 %
_CHUNK_DRAWS = 1 << 20  # indices drawn at once: memory stays bounded whatever the set's size


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean and its interval; None as bounds: none was asked for, or one picture has none."""

    value: float
    low: float | None = None
    high: float | None = None

    def interval(self) -> list[float] | None:
        """[low, high], for JSON."""
        return None if self.low is None or self.high is None else [self.low, self.high]


def mean_estimates(columns: Mapping[str, Sequence[float]], *, resamples: int) -> dict[str, Estimate | None]:
    """Mean of each column of the same pictures with its percentile interval; None for no pictures.

    All columns share the drawn pictures. Pictures are drawn as if independent of each other: for frames of
    one video that makes the interval too narrow.
    """
    table = np.array(list(columns.values()), np.float64)
    count = table.shape[1] if table.ndim > 1 else 0
    if count == 0:
        return dict.fromkeys(columns)
    means = [float(mean) for mean in table.mean(axis=1)]
    if resamples == 0 or count == 1:
        return {name: Estimate(mean) for name, mean in zip(columns, means, strict=True)}
    drawn = _resampled_means(table, resamples)
    low, high = np.percentile(drawn, _TAILS, axis=1)
    return {
        name: Estimate(mean, float(least), float(most))
        for name, mean, least, most in zip(columns, means, low, high, strict=True)
    }


def share_estimate(hits: Sequence[bool], *, with_interval: bool) -> Estimate | None:
    """Share of True with Wilson's score interval; None for nothing at all.

    Resampling 250 pictures without a mark never draws a marked one, and would claim certainty; Wilson's
    interval does not.
    """
    count = len(hits)
    if count == 0:
        return None
    share = sum(hits) / count
    if not with_interval:
        return Estimate(share)
    z = _NORMAL_QUANTILE
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    reach = z / (1 + z**2 / count) * sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    low, high = min(share, middle - reach), max(share, middle + reach)  # rounded, all of 250 fell outside
    return Estimate(share, max(0.0, low), min(1.0, high))


def _resampled_means(table: np.typing.NDArray[np.float64], resamples: int) -> np.typing.NDArray[np.float64]:
    """(columns, resamples)."""
    rng = np.random.default_rng(SEED)
    columns, count = table.shape
    means = np.empty((columns, resamples))
    step = max(1, _CHUNK_DRAWS // count)
    for first in range(0, resamples, step):
        last = min(first + step, resamples)
        picked = rng.integers(0, count, (last - first, count))
        for column in range(columns):
            means[column, first:last] = table[column][picked].mean(axis=1)
    return means
