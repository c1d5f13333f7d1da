"""What a training run tells while it goes; for those who print and write it. Standard library only."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Started:
    """Everything is ready; the first step comes next."""

    step: int
    steps: int
    device: str
    arithmetic: str
    processes: int
    workers: int
    pictures: int
    validation_pictures: int


@dataclass(frozen=True, slots=True)
class StepDone:
    """One optimiser step, over the whole batch of all processes."""

    step: int
    """Steps done."""
    steps: int
    loss: float
    """What was minimised: all parts with their weights."""
    bce: float
    """Mean over the pictures with a polyp; NaN if the batch has none."""
    dice: float
    """Dice loss, in the same way."""
    negatives: float
    """Mean BCE of the pictures without a polyp; NaN if the batch has none."""
    rates: tuple[tuple[str, float], ...]
    gradient_norm: float
    """Before clipping. Infinite where float16 overflowed and the step was skipped."""
    pictures_per_s: float
    data_share: float
    """Share of the time that was spent waiting for pictures: near 1 more `workers` help."""
    seconds_left: float


def mean_of(steps: Sequence[StepDone]) -> StepDone:
    """One that stands for some steps in a row: means of what they measured, the last one's of all else."""
    return replace(
        steps[-1],
        loss=_mean([one.loss for one in steps]),
        bce=_mean([one.bce for one in steps]),
        dice=_mean([one.dice for one in steps]),
        negatives=_mean([one.negatives for one in steps]),
        gradient_norm=_mean([one.gradient_norm for one in steps]),
        pictures_per_s=_mean([one.pictures_per_s for one in steps]),
        data_share=_mean([one.data_share for one in steps]),
    )


@dataclass(frozen=True, slots=True)
class SetScores:
    """Means over the pictures of one set that show a polyp."""

    name: str
    pictures: int
    dice: float
    iou: float
    sensitivity: float
    specificity: float


@dataclass(frozen=True, slots=True)
class FalseMarks:
    """Of the pictures of one set without a polyp: how many, and the share with a mark."""

    name: str
    pictures: int
    share: float


@dataclass(frozen=True, slots=True)
class Validation:
    """What the averaged weights are worth on the validation pictures."""

    sets: tuple[SetScores, ...]
    clean: tuple[FalseMarks, ...] = ()

    @property
    def mean_dice(self) -> float:
        """Of the sets, each counting the same; NaN if there are none."""
        return sum(one.dice for one in self.sets) / len(self.sets) if self.sets else math.nan

    @property
    def false_mark_share(self) -> float:
        """Of all polyp-free pictures; NaN if there are none."""
        count = sum(one.pictures for one in self.clean)
        return sum(one.share * one.pictures for one in self.clean) / count if count else math.nan

    @property
    def quality(self) -> float:
        """What the best checkpoint is chosen by: mean Dice less a tenth of the false marks."""
        dice, marked = self.mean_dice, self.false_mark_share
        return (0.0 if math.isnan(dice) else dice) - 0.1 * (0.0 if math.isnan(marked) else marked)


@dataclass(frozen=True, slots=True)
class Validated:
    """The averaged weights were measured, and saved if they are the best so far."""

    step: int
    result: Validation
    is_best: bool
    best_quality: float
    seconds: float
    pictures: Path | None
    """The picture grid of this validation."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What `resume` needs is on disk."""

    step: int
    path: Path


@dataclass(frozen=True, slots=True)
class Note:
    """Something worth one line."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The run ended in good order; `complete`: at the recipe's last step, not on request."""

    step: int
    complete: bool


def _mean(values: Sequence[float]) -> float:
    """Of the values that are known."""
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


Event: TypeAlias = Started | StepDone | Validated | Saved | Note | Finished

Report: TypeAlias = Callable[[Event], None]
"""Takes each event, in order, in the thread that trains."""
