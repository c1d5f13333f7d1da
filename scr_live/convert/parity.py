"""Compare probabilities of two implementations of one network, and say how far apart they may be."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

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
    dice: float | None = None
    """Mean over the pictures with a polyp; None: measured on no such pictures."""
    reference_dice: float | None = None
    """That of the reference, on the same pictures."""

    @property
    def dice_loss(self) -> float:
        """By how much Dice is lower than the reference's; 0 where it was not measured."""
        if self.dice is None or self.reference_dice is None:
            return 0.0
        return self.reference_dice - self.dice

    def as_dict(self) -> dict[str, float]:
        """The figures as they stand in a manifest."""
        figures: dict[str, float] = {
            "images": self.images,
            "max_error": self.max_error,
            "mean_error": self.mean_error,
            "flipped_share": self.flipped_share,
        }
        if self.dice is not None and self.reference_dice is not None:
            figures |= {"dice": self.dice, "reference_dice": self.reference_dice}
        return figures


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far an implementation may be from the reference. infinity: not limited."""

    max_error: float = math.inf
    mean_error: float = math.inf
    flipped_share: float = math.inf
    dice_loss: float = math.inf

    def breach(self, parity: Parity) -> str:
        """Say what is beyond the tolerance, with both numbers; empty if nothing is. NaN is beyond any."""
        figures = (
            ("largest difference of the probability", parity.max_error, self.max_error),
            ("mean difference of the probability", parity.mean_error, self.mean_error),
            ("share of pixels that change sides", parity.flipped_share, self.flipped_share),
            ("loss of Dice", parity.dice_loss, self.dice_loss),
        )
        beyond = [(name, found, limit) for name, found, limit in figures if not found <= limit]
        return "; ".join(f"{name} {found:.3g}, allowed {limit:g}" for name, found, limit in beyond)

    def __str__(self) -> str:
        limits = (
            ("largest", self.max_error),
            ("mean", self.mean_error),
            ("flipped", self.flipped_share),
            ("Dice loss", self.dice_loss),
        )
        return ", ".join(f"{name} {limit:g}" for name, limit in limits if limit < math.inf)


GPU_FP32: Final = "fp32 on a GPU"

TOLERANCE: Final = {
    "fp32": Tolerance(max_error=1e-4, dice_loss=1e-4),
    # It adds up in another order, and may convolve in a transformed space.
    GPU_FP32: Tolerance(mean_error=1e-4, flipped_share=1e-3, dice_loss=1e-3),
    # With 11 bits of mantissa, or 8, single pixels on a steep border move far: the border as a whole must
    # not.
    "fp16": Tolerance(mean_error=1e-3, flipped_share=2e-3, dice_loss=1e-3),
    "bf16": Tolerance(mean_error=1e-2, flipped_share=2e-2, dice_loss=5e-3),
    "int8": Tolerance(mean_error=2e-2, flipped_share=2e-2, dice_loss=5e-3),
}
"""How far from PyTorch in fp32 an export may be, by the coarsest precision that it is computed in."""


def compare(reference: Sequence[NDArray[np.float32]], other: Sequence[NDArray[np.float32]]) -> Parity:
    """Both: probabilities of the same pictures, in the same order. A NaN makes the errors NaN.

    ValueError: no pictures, another number of them, or another shape.
    """
    largest, means, flips = [], [], []
    for index, (a, b) in enumerate(zip(reference, other, strict=True)):
        if a.shape != b.shape:
            raise ValueError(f"picture {index}: the reference has shape {a.shape}, the other {b.shape}")
        error = np.abs(a - b)
        largest.append(error.max())
        means.append(error.mean(dtype=np.float64))
        flips.append(np.mean((a >= 0.5) != (b >= 0.5)))  # noqa: PLR2004 - the usual threshold
    if not largest:
        raise ValueError("parity needs at least one picture")
    return Parity(len(largest), float(np.max(largest)), float(np.mean(means)), float(np.mean(flips)))
