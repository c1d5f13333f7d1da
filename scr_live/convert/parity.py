"""Compare probabilities of two implementations of one network."""

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
