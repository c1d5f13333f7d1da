"""What pictures add up to: means with intervals, per size, per source, over thresholds, and calibration.

Dice, IoU and sensitivity are means over the pictures that show a polyp, specificity over all pictures. A
picture without a polyp has no Dice: it counts in `marked_negatives`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean
from typing import Final

from scr_live.evaluation.calibration import Calibration, calibration_of
from scr_live.evaluation.images import ImageResult
from scr_live.evaluation.intervals import Estimate, mean_estimates, share_estimate
from scr_live.evaluation.marks import LARGE_FROM, SIZES, SMALL_BELOW, TruePolyp, size_of
from scr_live.evaluation.metrics import Confusion, Score, auroc, score
from scr_live.evaluation.sweep import Recommended, SweepPoint, recommend, sweep_points

POLYP_METRICS = ("dice", "iou", "sensitivity")
"""They need a polyp in the picture."""
METRICS = (*POLYP_METRICS, "specificity")

FEWEST_SOURCES: Final = 2
MOST_SOURCES: Final = 20


@dataclass(frozen=True, slots=True)
class Summary:
    """One row: a set, a part of it, or all sets together."""

    name: str
    images: int
    positives: int
    """Pictures that show a polyp."""
    estimates: dict[str, Estimate | None]
    """By name, 0..1; None where no picture has such a figure."""
    polyps: int

    @property
    def negatives(self) -> int:
        """Pictures without a polyp."""
        return self.images - self.positives

    def as_dict(self) -> dict[str, object]:
        """For JSON: counts, plain means, and the intervals beside them."""
        found = self.estimates.items()
        return {
            "images": self.images,
            "positives": self.positives,
            "negatives": self.negatives,
            "polyps": self.polyps,
            **{name: estimate and estimate.value for name, estimate in found},
            "intervals": {name: estimate and estimate.interval() for name, estimate in found},
        }


@dataclass(frozen=True, slots=True)
class SetSummary:
    """A set, or all sets together, with everything that is known of it. It has at least one picture."""

    whole: Summary
    sizes: tuple[Summary, ...]
    sources: tuple[Summary, ...]
    sweep: tuple[SweepPoint, ...]
    auroc: float | None
    """Of the highest probability of a picture, polyp or none; None without both kinds."""
    calibration: Calibration
    other_conventions: dict[str, dict[str, float]]

    @property
    def recommended(self) -> Recommended | None:
        """The threshold to take, if thresholds were swept over."""
        return recommend(self.sweep)

    def notes(self) -> list[str]:
        """One sentence each on what no table holds."""
        error, brier = self.calibration.expected_error, self.calibration.brier_score
        told = [f"Calibration of pixels in the field: expected error {error:.4f}, Brier score {brier:.4f}."]
        if self.auroc is not None:
            told.append(
                f"Polyp or none, told by the highest probability of a picture: AUROC {self.auroc:.4f}."
            )
        if best := self.recommended:
            told.append(f"Recommended threshold: {best.threshold:g} ({best.rule}: {best.value:.4f}).")
        return told

    def as_dict(self) -> dict[str, object]:
        """For JSON; what is the set's own comes first."""
        recommended = self.recommended
        limits = {"small_below": SMALL_BELOW, "large_from": LARGE_FROM, "share_of": "endoscopic field"}
        return {
            "set": self.whole.name,
            **self.whole.as_dict(),
            "auroc": self.auroc,
            "by_size": {**limits, **{part.name: part.as_dict() for part in self.sizes}},
            "by_source": {part.name: part.as_dict() for part in self.sources},
            "calibration": self.calibration.as_dict(),
            "sweep": [point.as_dict() for point in self.sweep],
            "recommended": recommended.as_dict() if recommended else None,
            "other_conventions": self.other_conventions,
        }


def summarize_set(
    name: str, results: Sequence[ImageResult], *, thresholds: Sequence[float], resamples: int
) -> SetSummary:
    """Everything of these pictures; `thresholds` are those they were swept over."""
    positive = [result.highest for result in results if result.has_polyp]
    negative = [result.highest for result in results if not result.has_polyp]
    return SetSummary(
        whole=summarize(name, results, resamples=resamples),
        sizes=tuple(_of_size(results, size, resamples=resamples) for size in SIZES),
        sources=tuple(
            summarize(source, part, resamples=resamples) for source, part in by_source(results).items()
        ),
        sweep=sweep_points(results, thresholds),
        auroc=auroc(positive, negative),
        calibration=calibration_of(result.reliability for result in results),
        other_conventions=_other_conventions(results),
    )


def summarize(
    name: str, results: Sequence[ImageResult], *, resamples: int, polyps: Sequence[TruePolyp] | None = None
) -> Summary:
    """The counts and means of these pictures. polyps: those to look for; None: all of these pictures."""
    positives = [result for result in results if result.has_polyp]
    scores = [score(result.counts) for result in positives]
    found = [polyp for result in results for polyp in result.polyps] if polyps is None else polyps
    of_positives = {metric: [getattr(entry, metric) for entry in scores] for metric in POLYP_METRICS}
    of_all = {
        "specificity": [score(result.counts).specificity for result in results],
        "false_marks_per_image": [float(result.false_marks) for result in results],
    }
    shares = {
        "missed_share": [not result.marked for result in positives],
        "marked_negatives": [result.marked for result in results if not result.has_polyp],
        "polyps_hit": [polyp.hit for polyp in found],
    }
    estimates = {
        **mean_estimates(of_positives, resamples=resamples),
        **mean_estimates(of_all, resamples=resamples),
        **{key: share_estimate(hits, with_interval=resamples > 0) for key, hits in shares.items()},
    }
    return Summary(name, len(results), len(positives), estimates, len(found))


def by_source(results: Sequence[ImageResult]) -> dict[str, list[ImageResult]]:
    """The pictures of a set by the part of their name before the first underscore: source, centre, sequence.

    Empty where names are not of the form SOURCE_rest, or there are fewer than 2 or more than 20 sources, or
    not twice as many pictures as sources: then that part is a number, not a source. A set's own word for its
    source comes with a letter first.
    """
    named = [(_source(result.entry.image.stem), result) for result in results]
    sources = {source for source, _ in named}
    are_few = FEWEST_SOURCES <= len(sources) <= MOST_SOURCES
    if "" in sources or not are_few or len(results) < 2 * len(sources):
        return {}
    ordered = sorted(named, key=lambda pair: pair[0])  # stable: pictures stay in order
    return {source: [result for _, result in part] for source, part in groupby(ordered, lambda pair: pair[0])}


def _source(stem: str) -> str:
    source, underscore, rest = stem.partition("_")
    return source if underscore and rest and source[:1].isalpha() else ""


def _of_size(results: Sequence[ImageResult], size: str, *, resamples: int) -> Summary:
    """Pictures whose polyps together are of this size, and polyps of this size in any picture."""
    pictures = [
        result
        for result in results
        if result.has_polyp and size_of(result.polyp_px / result.field_px) == size
    ]
    polyps = [polyp for result in results for polyp in result.polyps if size_of(polyp.field_share) == size]
    return summarize(size, pictures, resamples=resamples, polyps=polyps)


def _other_conventions(results: Sequence[ImageResult]) -> dict[str, dict[str, float]]:
    """The same pictures counted in two other ways that papers use."""
    summed = [sum(column) for column in zip(*(_counts(result.counts) for result in results), strict=True)]
    return {
        "empty_masks_count_as_1_or_0": _means([score(result.counts) for result in results]),
        "pixels_of_all_images_summed": _means([score(Confusion(*summed))]) if summed else {},
    }


def _means(scores: Sequence[Score]) -> dict[str, float]:
    return {name: fmean(getattr(entry, name) for entry in scores) for name in METRICS} if scores else {}


def _counts(counts: Confusion) -> tuple[int, int, int, int]:
    return counts.true_positive, counts.false_positive, counts.false_negative, counts.true_negative
