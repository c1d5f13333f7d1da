"""Whether something grows: a straight line by least squares, with its 95 % interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

FEWEST: Final = 10
"""Points below which a slope says nothing."""

_Z = 1.959964  # of 95 %, both sides


@dataclass(frozen=True, slots=True)
class Slope:
    """Growth an hour. The points count as independent; where they are not, the interval is too narrow."""

    per_h: float
    low_per_h: float
    high_per_h: float

    def as_dict(self) -> dict[str, float]:
        """Return the figures for a report."""
        return {
            "per_h": round(self.per_h, 3),
            "low_per_h": round(self.low_per_h, 3),
            "high_per_h": round(self.high_per_h, 3),
        }


def slope(at_s: Sequence[float], values: Sequence[float]) -> Slope | None:
    """Fit values over time in seconds; None: too few points, or all at one time."""
    count = len(values)
    if count < FEWEST:
        return None
    mean_at, mean = sum(at_s) / count, sum(values) / count
    spread = sum((at - mean_at) ** 2 for at in at_s)
    if spread <= 0:
        return None
    per_s = sum((at - mean_at) * (one - mean) for at, one in zip(at_s, values, strict=True)) / spread
    rest = sum((one - mean - per_s * (at - mean_at)) ** 2 for at, one in zip(at_s, values, strict=True))
    margin = _student(count - 2) * math.sqrt(rest / (count - 2) / spread)
    return Slope(3600 * per_s, 3600 * (per_s - margin), 3600 * (per_s + margin))


def _student(freedom: int) -> float:
    """The 97.5 % point of Student's t by its expansion in 1 / freedom: within 0.001 from 8 on."""
    z: float = _Z
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return math.fsum(term / freedom**power for power, term in enumerate(terms))
