"""Which values of a tensor the 256 steps of int8 are to cover, from what it holds on real pictures."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scr_live.convert.quantize_graph import Range
from scr_live.errors import ModelError

_BINS = 2048
_STEPS = 255
_CUTS = np.linspace(0.2, 1.0, 33)
_REST = 1e-5
_NOTHING = 1e-30  # whose bins would be too narrow for float32


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """How often a tensor held which values. 0, which must have a step of its own, lies within."""

    low: float
    high: float
    counts: NDArray[np.int64]
    """(bins,), of equal width."""

    @property
    def centres(self) -> NDArray[np.float64]:
        """(bins,) the value in the middle of each bin."""
        width = (self.high - self.low) / _BINS
        return np.asarray(self.low + width * (np.arange(_BINS) + 0.5), np.float64)


def collect(
    tensors: Sequence[str], run: Callable[[], Iterable[Sequence[NDArray[np.float32]]]]
) -> dict[str, Histogram]:
    """Histograms of these tensors; `run` computes them for all pictures, and is called twice.

    ModelError: one of them is infinite or no number.
    """
    low, high = np.zeros(len(tensors)), np.zeros(len(tensors))
    for index, values in enumerate(run()):
        low = np.minimum(low, [value.min() for value in values])
        high = np.maximum(high, [value.max() for value in values])
        _check_finite(tensors, low + high, index)
    counts = np.zeros((len(tensors), _BINS), np.int64)
    for values in run():
        for row, value in enumerate(values):
            counts[row] += _counted(value, low[row], high[row])
    return {
        name: Histogram(float(low[row]), float(high[row]), counts[row]) for row, name in enumerate(tensors)
    }


def whole(histogram: Histogram) -> Range:
    """From the lowest to the highest value."""
    return np.float32(histogram.low), np.float32(histogram.high)


def without_outliers(histogram: Histogram) -> Range:
    """Without the outermost hundred-thousandth of all values."""
    share = np.cumsum(histogram.counts) / max(1, histogram.counts.sum())
    first, last = np.searchsorted(share, (_REST / 2, 1 - _REST / 2))
    edges = np.linspace(histogram.low, histogram.high, _BINS + 1)
    return np.float32(min(edges[first], 0.0)), np.float32(max(edges[min(last, _BINS - 1) + 1], 0.0))


def least_error(histogram: Histogram) -> Range:
    """That whose steps, and what they cut off, make the smallest mean squared error."""
    lows = histogram.low * (_CUTS if histogram.low < 0 else np.ones(1))
    highs = histogram.high * (_CUTS if histogram.high > 0 else np.ones(1))
    candidates = [(low, high) for low in lows for high in highs if high > low]
    if not candidates:
        return whole(histogram)
    low, high = min(candidates, key=lambda pair: _squared_error(histogram, *pair))
    return np.float32(low), np.float32(high)


METHODS: Final[Mapping[str, Callable[[Histogram], Range]]] = {
    "whole range": whole,
    "range without outliers": without_outliers,
    "range of least error": least_error,
}


def _check_finite(tensors: Sequence[str], sums: NDArray[np.float64], index: int) -> None:
    if not np.isfinite(sums).all():
        name = tensors[int(np.argmin(np.isfinite(sums)))]
        raise ModelError(
            f"The activation {name} is no number on picture {index} to calibrate on: the network is damaged. "
            "Export it again, from weights that give numbers."
        )


def _counted(value: NDArray[np.float32], low: float, high: float) -> NDArray[np.int64]:
    if high - low < _NOTHING:
        return np.bincount([0] * value.size, minlength=_BINS)
    places = ((value.ravel() - np.float32(low)) * np.float32(_BINS / (high - low))).astype(np.int32)
    return np.bincount(np.minimum(places, _BINS - 1), minlength=_BINS)


def _squared_error(histogram: Histogram, low: float, high: float) -> float:
    step = (high - low) / _STEPS
    zero = np.round(-low / step)
    steps = np.clip(np.round(histogram.centres / step) + zero, 0, _STEPS) - zero
    return float(histogram.counts @ (histogram.centres - steps * step) ** 2)
