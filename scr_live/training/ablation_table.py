"""The ablation as a table beside the paper's Table 1. Needs no torch."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from scr_live.evaluation.intervals import Estimate
from scr_live.evaluation.summary import Summary
from scr_live.training.recipe import Recipe

METRICS: Final = ("iou", "dice", "sensitivity", "specificity")

PAPERS_SET: Final = "kvasir-seg"
"""The one set that the paper has figures for."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One row of Table 1."""

    folder: str
    title: str
    scm: bool
    srm: bool
    paper: Mapping[str, float]
    """Percent; Dice is in Table 2, of the whole network alone."""

    @property
    def has_any(self) -> bool:
        """Whether it is more than the baseline."""
        return self.scm or self.srm


VARIANTS: Final = (
    Variant(
        "baseline",
        "Baseline (FPN+PPM)",
        scm=False,
        srm=False,
        paper={"iou": 64.96, "sensitivity": 84.13, "specificity": 94.98},
    ),
    Variant(
        "scm",
        "Baseline+SCM",
        scm=True,
        srm=False,
        paper={"iou": 68.48, "sensitivity": 87.25, "specificity": 96.89},
    ),
    Variant(
        "srm",
        "Baseline+SRM",
        scm=False,
        srm=True,
        paper={"iou": 67.43, "sensitivity": 86.43, "specificity": 96.28},
    ),
    Variant(
        "scm-srm",
        "Baseline+SCM+SRM",
        scm=True,
        srm=True,
        paper={"iou": 70.85, "dice": 80.78, "sensitivity": 89.17, "specificity": 98.21},
    ),
)

Gains = Mapping[str, Mapping[str, Estimate | None]]
"""By variant and set: IoU less the baseline's, over the same pictures."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A variant that was trained, and what it is worth."""

    variant: Variant
    recipe: Recipe
    facts: Mapping[str, Any]
    """Of run.json."""
    parameters: int
    step: int
    """Steps trained."""
    best_step: int | None
    """After which the weights measured here were validated."""
    sets: Sequence[Summary]
    """Of each validation set what `scr-live evaluate` says."""
    iou: Mapping[tuple[str, str], float]
    """By set and picture."""

    @property
    def epochs(self) -> float:
        """How often each picture with a polyp was drawn."""
        pictures = sum(one["with_polyp"] for one in self.facts["sets"] if one["split"] != "val")
        positives = self.recipe.batch - self.recipe.negatives_per_batch
        return self.step / max(1, math.ceil(pictures / positives))


def as_json(measured: Sequence[Measured], gains: Gains) -> dict[str, Any]:
    """Everything in the tables, as numbers from 0 to 1."""
    return {
        "title": _title(measured),
        "notes": list(_notes(measured)),
        "size": measured[0].recipe.final_size,
        "seed": measured[0].recipe.seed,
        "sets": measured[0].facts["sets"],
        "variants": [_entry(one, gains.get(one.variant.folder, {})) for one in measured],
    }


def as_markdown(measured: Sequence[Measured], gains: Gains) -> str:
    """Title, a table for each validation set, and what is to be known of them."""
    tables = ["\n".join(_table(measured, gains, name)) for name in _set_names(measured)]
    return "\n\n".join([f"**{_title(measured)}**", *tables, *_notes(measured)]) + "\n"


def _entry(one: Measured, gains: Mapping[str, Estimate | None]) -> dict[str, Any]:
    paper = {name: round(value / 100, 4) for name, value in one.variant.paper.items()}
    return {
        "variant": one.variant.folder,
        "title": one.variant.title,
        "scm": one.variant.scm,
        "srm": one.variant.srm,
        "parameters": one.parameters,
        "steps": one.step,
        "of_steps": one.recipe.steps,
        "epochs": one.epochs,
        "best_step": one.best_step,
        "paper": paper,
        "sets": [
            {
                "set": entry.name,
                "images": entry.images,
                **{name: _value(entry.estimates[name]) for name in METRICS},
                "intervals": {name: _interval(entry.estimates[name]) for name in METRICS},
                "marked_negatives": _value(entry.estimates["marked_negatives"]),
                "iou_gain": _numbers(gains.get(entry.name)),
            }
            for entry in one.sets
        ],
    }


def _value(estimate: Estimate | None) -> float | None:
    return None if estimate is None else estimate.value


def _interval(estimate: Estimate | None) -> list[float] | None:
    return None if estimate is None else estimate.interval()


def _numbers(gain: Estimate | None) -> dict[str, Any] | None:
    return None if gain is None else {"value": gain.value, "interval": gain.interval()}


def _title(measured: Sequence[Measured]) -> str:
    recipe, facts = measured[0].recipe, measured[0].facts
    start = "from other weights" if recipe.init else "from ImageNet" if recipe.imagenet else "from scratch"
    size = _span([*recipe.sizes, recipe.final_size])
    epochs = _span([one.epochs for one in measured])
    return (
        f"SCM and SRM switched on and off: recipe {facts['recipe']}, trained at {size} px for {epochs} "
        f"epochs {start}, seed {recipe.seed}, measured on validation pictures at {recipe.final_size} px"
    )


def _span(values: Sequence[float]) -> str:
    least, most = f"{min(values):.3g}", f"{max(values):.3g}"
    return least if least == most else f"{least} to {most}"


def _table(measured: Sequence[Measured], gains: Gains, set_name: str) -> Iterator[str]:
    with_paper = set_name == PAPERS_SET
    names = ["network", "parameters"]
    for metric in METRICS:
        names += [
            f"{metric.replace('iou', 'IoU').replace('dice', 'Dice')} %",
            *(["paper"] if with_paper else []),
        ]
    names.append("IoU over the baseline's")
    count = next(entry.images for one in measured for entry in one.sets if entry.name == set_name)
    yield f"{set_name}, {count} pictures"
    yield ""
    yield f"| {' | '.join(names)} |"
    yield "|---" + "|---:" * (len(names) - 1) + "|"
    for one in measured:
        entry = next(entry for entry in one.sets if entry.name == set_name)
        cells = [one.variant.title, f"{one.parameters / 1e6:.3f} M"]
        for metric in METRICS:
            cells.append(_percent(entry.estimates[metric]))
            if with_paper:
                cells.append(f"{one.variant.paper[metric]:.2f}" if metric in one.variant.paper else "-")
        gain = gains.get(one.variant.folder, {}).get(set_name)
        cells.append(_percent(gain, sign="+"))
        yield f"| {' | '.join(cells)} |"


def _percent(estimate: Estimate | None, *, sign: str = "") -> str:
    if estimate is None:
        return "-"
    interval = estimate.interval()
    bounds = "" if interval is None else f" ({' to '.join(f'{100 * bound:{sign}.1f}' for bound in interval)})"
    return f"{100 * estimate.value:{sign}.1f}{bounds}"


def _notes(measured: Sequence[Measured]) -> Iterator[str]:
    trained = [one for one in measured[0].facts["sets"] if one["split"] != "val"]
    names = ", ".join(f"{one['set']} ({one['pictures']} pictures)" for one in trained)
    yield (
        f"Trained on {names}; of each run the weights that were best on these same validation pictures. In "
        "brackets: 95 % intervals, by resampling the pictures. One seed: another would move the figures too, "
        "and the intervals do not show by how much."
    )
    if PAPERS_SET in _set_names(measured):
        yield (
            "The paper's columns are its Tables 1 and 2: 448 px, 200 test pictures of a split of its own, "
            "after a number of epochs that it does not say. They stand here for comparison of the gains, not "
            "of the figures themselves."
        )
    for one in measured:
        if one.step < one.recipe.steps:
            yield f"{one.variant.title} is not finished: {one.step} of {one.recipe.steps} steps."
    missing = [one.title for one in VARIANTS if one not in [other.variant for other in measured]]
    if missing:
        yield f"Not trained: {', '.join(missing)}."


def _set_names(measured: Sequence[Measured]) -> list[str]:
    return [entry.name for entry in measured[0].sets]
