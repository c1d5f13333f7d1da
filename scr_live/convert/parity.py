"""Compare probabilities of two implementations of one network."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Parity:
    """How far one implementation is from the reference."""

    images: int
    max_error: float
    mean_error: float
    flipped_share: float
    """Share of the pixels that lie on the other side of 0.5."""

    def as_dict(self) -> dict[str, float]:
        """The figures as they stand in a manifest."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far an implementation may be from the reference. infinity: not limited."""

    max_error: float = math.inf
    mean_error: float = math.inf
    flipped_share: float = math.inf

    def breach(self, parity: Parity) -> str:
        """Say what is beyond the tolerance, with both numbers; empty if nothing is. NaN is beyond any."""
        figures = (
            ("largest difference of the probability", parity.max_error, self.max_error),
            ("mean difference of the probability", parity.mean_error, self.mean_error),
            ("share of pixels that change sides", parity.flipped_share, self.flipped_share),
        )
        beyond = [(name, found, limit) for name, found, limit in figures if not found <= limit]
        return "; ".join(f"{name} {found:.2g}, allowed {limit:g}" for name, found, limit in beyond)


def compare(reference: Sequence[NDArray[np.float32]], other: Sequence[NDArray[np.float32]]) -> Parity:
    """Both: probabilities of the same pictures, in the same order. A NaN makes the errors NaN.

    ValueError: no pictures, another number of them, or another shape.
    """
    pairs = list(zip(reference, other, strict=True))
    if not pairs:
        raise ValueError("parity needs at least one picture")
    for index, (a, b) in enumerate(pairs):
        if a.shape != b.shape:
            raise ValueError(f"picture {index}: the reference has shape {a.shape}, the other {b.shape}")
    errors = np.stack([np.abs(a - b) for a, b in pairs])
    flips = np.stack([(a >= 0.5) != (b >= 0.5) for a, b in pairs])  # noqa: PLR2004 - the usual threshold
    return Parity(len(pairs), float(errors.max()), float(errors.mean()), float(flips.mean()))
