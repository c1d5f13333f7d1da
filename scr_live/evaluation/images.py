"""Accuracy of an engine on a folder of pictures with masks, through the very path that video takes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import fmean

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.content import find_field
from scr_live.engines import Engine
from scr_live.evaluation.image_sets import Entry, find_entries, read_image, read_mask
from scr_live.evaluation.metrics import Score, confusion, score
from scr_live.frames import Image, Mask
from scr_live.geometry import MIN_AREA, Placement, large_regions, polyps_from_probability

METRICS = tuple(entry.name for entry in fields(Score))


@dataclass(frozen=True, slots=True)
class ImageResult:
    """What one picture scored."""

    image: str
    score: Score
    has_polyp: bool
    marked: bool
    """Whether a user would have seen a mark: a region above the threshold that is not too small."""


@dataclass(frozen=True, slots=True)
class SetResult:
    """What a whole set scored."""

    threshold: float
    images: tuple[ImageResult, ...]

    def as_dict(self) -> dict[str, float | int | None]:
        """Means over pictures, 0..1; the shares are None where the set has no such picture."""
        clean = [result.marked for result in self.images if not result.has_polyp]
        missed = [not result.marked for result in self.images if result.has_polyp]
        means = {name: fmean(getattr(result.score, name) for result in self.images) for name in METRICS}
        return {
            "images": len(self.images),
            **means,
            "threshold": self.threshold,
            "images_without_polyp": len(clean),
            "falsely_marked_share": fmean(clean) if clean else None,
            "missed_share": fmean(missed) if missed else None,
        }


def evaluate_set(
    engine: Engine,
    directory: Path,
    *,
    split: str | None,
    threshold: float,
    progress: Callable[[int, int], None] | None = None,
) -> SetResult:
    """Score every picture of the set at its mask's own resolution. DataError names a faulty file."""
    entries = find_entries(directory, split)
    results = []
    for index, entry in enumerate(entries):
        results.append(_evaluate(engine, entry, threshold))
        if progress is not None:
            progress(index + 1, len(entries))
    return SetResult(threshold, tuple(results))


def predict(engine: Engine, image: Image) -> tuple[Mask, Placement]:
    """Probability of one picture in network space, and how that lies in the picture."""
    placement = Placement(find_field(image), engine.info.input_size)
    return engine.infer(placement.to_network(image)), placement


def probability_in_frame(probability: Mask, placement: Placement, *, shape: tuple[int, int]) -> Mask:
    """Bring the probability to (height, width) of the frame; 0 outside the field."""
    box = placement.box
    inside = cv2.resize(probability, (box.width, box.height), interpolation=cv2.INTER_LINEAR)
    frame = np.zeros(shape, np.float32)
    frame[box.y : box.y + box.height, box.x : box.x + box.width] = inside
    return frame


def csv_rows(result: SetResult) -> Iterator[list[str]]:
    """Header and one row a picture."""
    yield ["image", *METRICS, "has_polyp", "marked"]
    for entry in result.images:
        values = [f"{getattr(entry.score, name):.6f}" for name in METRICS]
        yield [entry.image, *values, str(int(entry.has_polyp)), str(int(entry.marked))]


def _evaluate(engine: Engine, entry: Entry, threshold: float) -> ImageResult:
    image = read_image(entry.image)
    truth = _truth(entry, image)
    probability, placement = predict(engine, image)
    polyps = polyps_from_probability(probability, placement, threshold=threshold)
    in_frame = probability_in_frame(probability, placement, shape=truth.shape)
    marked = large_regions(in_frame >= threshold, MIN_AREA * placement.box.width * placement.box.height)
    return ImageResult(
        entry.image.name, score(confusion(marked, truth)), has_polyp=bool(truth.any()), marked=bool(polyps)
    )


def _truth(entry: Entry, image: Image) -> NDArray[np.bool_]:
    if entry.mask is None:
        return np.zeros(image.shape[:2], bool)
    mask = read_mask(entry.mask)
    if mask.shape == image.shape[:2]:
        return mask > 0
    raise entry.size_mismatch(image=image.shape[:2], mask=mask.shape)
