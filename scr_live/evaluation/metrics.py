"""Per-picture metrics of a binary mask: Dice, IoU, sensitivity, specificity."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Confusion:
    """Pixel counts."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int


@dataclass(frozen=True, slots=True)
class Score:
    """Metrics of one picture, 0..1.

    An empty truth: Dice, IoU and sensitivity are 1 if nothing is predicted, else 0. A truth that fills the
    picture: specificity is 1 (there is nothing to mark falsely).
    """

    dice: float
    iou: float
    sensitivity: float
    specificity: float


def confusion(predicted: NDArray[np.bool_], truth: NDArray[np.bool_]) -> Confusion:
    """Compare two masks of the same shape."""
    if predicted.shape != truth.shape:
        raise ValueError(f"masks must have one shape, found {predicted.shape} and {truth.shape}")
    both = int(np.count_nonzero(predicted & truth))
    marked, real = int(np.count_nonzero(predicted)), int(np.count_nonzero(truth))
    return Confusion(both, marked - both, real - both, truth.size - marked - real + both)


def score(counts: Confusion) -> Score:
    """The four metrics of one picture."""
    tp, fp, fn, tn = (
        counts.true_positive,
        counts.false_positive,
        counts.false_negative,
        counts.true_negative,
    )
    specificity = tn / (tn + fp) if tn + fp else 1.0
    if tp + fn == 0:
        clean = float(fp == 0)
        return Score(clean, clean, clean, specificity)
    return Score(2 * tp / (2 * tp + fp + fn), tp / (tp + fp + fn), tp / (tp + fn), specificity)
