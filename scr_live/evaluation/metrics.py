"""Metrics: Dice, IoU, sensitivity and specificity of a binary mask; the area under a ROC curve."""

from collections.abc import Sequence
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


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float | None:
    """Chance that a positive case scores higher than a negative one, ties count half; None without both.

    It is the area under the ROC curve, by the rank sum of Mann and Whitney.
    """
    if not (len(positive) and len(negative)):
        return None
    scores = np.concatenate([positive, negative])
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    middle_rank = np.cumsum(counts) - (counts - 1) / 2  # of equal scores, from 1
    rank_sum = float(middle_rank[place[: len(positive)]].sum())
    return (rank_sum - len(positive) * (len(positive) + 1) / 2) / (len(positive) * len(negative))
