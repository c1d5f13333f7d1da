"""The metrics over many thresholds, all from one pass of the engine, and which threshold to take."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Final

from scr_live.evaluation.images import ImageResult
from scr_live.evaluation.metrics import score

STEPS: Final = tuple(step / 100 for step in range(5, 100, 5))
"""0.05, 0.10 ... 0.95."""

FALSE_MARK_WEIGHT: Final = 0.2
"""What a share of falsely marked negatives costs in Dice: a hundredth of Dice is worth five hundredths of the
pictures without a polyp being left in peace."""


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """The means at one threshold; None where there is no such picture."""

    threshold: float
    dice: float | None
    iou: float | None
    sensitivity: float | None
    specificity: float
    missed_share: float | None
    marked_negatives: float | None

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Recommended:
    """The threshold with the largest value."""

    threshold: float
    value: float
    rule: str

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


def thresholds_with(chosen: float) -> tuple[float, ...]:
    """The steps of the sweep and the chosen threshold, ascending."""
    return tuple(sorted({*STEPS, chosen}))


def sweep_points(results: Sequence[ImageResult], thresholds: Sequence[float]) -> tuple[SweepPoint, ...]:
    """One point a threshold, in the order in which the pictures were swept over them."""
    return tuple(_point(results, threshold, index) for index, threshold in enumerate(thresholds))


def recommend(points: Sequence[SweepPoint]) -> Recommended | None:
    """The largest mean Dice less FALSE_MARK_WEIGHT x marked negatives; the higher threshold if two are equal.

    Without negatives Dice decides alone, and the rule says so. None without a polyp or without a sweep:
    nothing would weigh against marking nothing.
    """
    valued = [
        (point.dice - FALSE_MARK_WEIGHT * (point.marked_negatives or 0), point)
        for point in points
        if point.dice is not None
    ]
    if not valued:
        return None
    value, best = max(valued, key=lambda pair: (pair[0], pair[1].threshold))
    rule = f"largest mean Dice - {FALSE_MARK_WEIGHT:g} x share of negatives marked"
    if best.marked_negatives is None:
        rule = "largest mean Dice; there are no pictures without a polyp to weigh it against"
    return Recommended(best.threshold, value, rule)


def _point(results: Sequence[ImageResult], threshold: float, index: int) -> SweepPoint:
    at = [(result.has_polyp, *result.at(index)) for result in results]
    scores = [(has_polyp, score(counts)) for has_polyp, counts, _ in at]
    polyps = [entry for has_polyp, entry in scores if has_polyp]
    missed = [not marked for has_polyp, _, marked in at if has_polyp]
    false = [marked for has_polyp, _, marked in at if not has_polyp]
    return SweepPoint(
        threshold=threshold,
        dice=fmean(entry.dice for entry in polyps) if polyps else None,
        iou=fmean(entry.iou for entry in polyps) if polyps else None,
        sensitivity=fmean(entry.sensitivity for entry in polyps) if polyps else None,
        specificity=fmean(entry.specificity for _, entry in scores),
        missed_share=fmean(missed) if missed else None,
        marked_negatives=fmean(false) if false else None,
    )
