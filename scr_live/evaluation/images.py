"""Accuracy of an engine on pictures with masks, through the very path that video takes."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.content import find_field
from scr_live.engines import Engine
from scr_live.errors import InferenceError
from scr_live.evaluation.calibration import Reliability, reliability
from scr_live.evaluation.image_sets import Entry, read_pair
from scr_live.evaluation.marks import (
    TruePolyp,
    false_marks,
    is_marked_at,
    marked_pixels,
    pixels_at,
    true_polyps,
)
from scr_live.evaluation.metrics import Confusion, confusion
from scr_live.evaluation.pool import in_order
from scr_live.frames import Contour, Image, Mask
from scr_live.geometry import MIN_AREA, Placement, polyps_from_probability
from scr_live.machine import usable_cores

_MOST_WORKERS = 8  # one engine keeps no more of them busy


@dataclass(frozen=True, slots=True, eq=False)
class ImageResult:
    """What one picture got."""

    entry: Entry
    counts: Confusion
    """Pixels of the whole picture, marks against truth."""
    field_px: int
    """Pixels of the endoscopic field's box."""
    polyps: tuple[TruePolyp, ...]
    outlines: tuple[Contour, ...]
    """What a run would draw. Empty: a user would have seen no mark."""
    false_marks: int
    """Marks that touch no polyp."""
    highest: float
    """Highest probability in the picture, large region or not."""
    reliability: Reliability
    sweep: NDArray[np.int64]
    """(thresholds, 3): true positive pixels, false positive pixels, 1 if anything is marked."""

    @property
    def has_polyp(self) -> bool:
        """The truth is not empty."""
        return self.polyp_px > 0

    @property
    def polyp_px(self) -> int:
        """Pixels of the truth."""
        return self.counts.true_positive + self.counts.false_negative

    @property
    def marked(self) -> bool:
        """A user would have seen a mark: a region above the threshold that is not too small."""
        return bool(self.outlines)

    def at(self, index: int) -> tuple[Confusion, bool]:
        """Pixel counts, and whether anything is marked, at threshold `index` of the sweep."""
        true, false, marked = (int(value) for value in self.sweep[index])
        clean = self.counts.true_negative + self.counts.false_positive
        return Confusion(true, false, self.polyp_px - true, clean - false), bool(marked)


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """One picture on its way: what the engine needs and what is left to compare with."""

    entry: Entry
    network_input: Image
    placement: Placement
    truth: NDArray[np.bool_]


def evaluate_pictures(  # noqa: PLR0913 - each optional
    engine: Engine,
    entries: Sequence[Entry],
    *,
    threshold: float,
    sweep: Sequence[float] = (),
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[ImageResult]:
    """Score every picture at its mask's own resolution, in order. A DataError names a faulty file.

    The engine runs in the calling thread; reading and comparing in `workers` threads (None: one a core).
    """
    count = workers or min(usable_cores(), _MOST_WORKERS)
    finish = partial(_compare, threshold=threshold, sweep=sweep)
    prepare = partial(_prepare, size=engine.info.input_size)
    results = []
    stream = in_order(entries, prepare, step=partial(_infer, engine), finish=finish, workers=count)
    with contextlib.closing(stream):
        for result in stream:
            results.append(result)
            if progress is not None:
                progress(len(results), len(entries))
    return results


def predict(engine: Engine, image: Image) -> tuple[Mask, Placement]:
    """Probability of one picture in network space, and how that lies in the picture."""
    placement = Placement(find_field(image), engine.info.input_size)
    return engine.infer(placement.to_network(image)), placement


def probability_in_frame(probability: Mask, placement: Placement, *, shape: tuple[int, int]) -> Mask:
    """Bring the probability to (height, width) of the frame; 0 outside the field."""
    frame = np.zeros(shape, np.float32)
    frame[_window(placement)] = cv2.resize(
        probability, (placement.box.width, placement.box.height), interpolation=cv2.INTER_LINEAR
    )
    return frame


def _prepare(entry: Entry, *, size: int) -> _Task:
    image, mask = read_pair(entry)
    placement = Placement(find_field(image), size)
    return _Task(entry, placement.to_network(image), placement, mask > 0)


def _infer(engine: Engine, task: _Task) -> tuple[_Task, Mask]:
    try:
        return task, engine.infer(task.network_input)
    except InferenceError as error:
        error.add_note(f"at {task.entry.image}")
        raise


def _compare(answered: tuple[_Task, Mask], *, threshold: float, sweep: Sequence[float]) -> ImageResult:
    task, probability = answered
    truth, placement = task.truth, task.placement
    height, width = truth.shape
    in_frame = probability_in_frame(probability, placement, shape=(height, width))
    field_px = placement.box.width * placement.box.height
    marked = marked_pixels(in_frame, threshold, min_area_px=MIN_AREA * field_px)
    polyps = polyps_from_probability(probability, placement, threshold=threshold)
    pixels = pixels_at(in_frame, truth, sweep, min_area_px=MIN_AREA * field_px)
    window = _window(placement)
    return ImageResult(
        entry=task.entry,
        counts=confusion(marked, truth),
        field_px=field_px,
        polyps=true_polyps(truth, marked, field_px),
        outlines=tuple(polyp.contour for polyp in polyps),
        false_marks=false_marks(marked, truth),
        highest=float(probability.max()),
        reliability=reliability(in_frame[window], truth[window]),
        sweep=np.column_stack([pixels, is_marked_at(probability, placement, sweep)]),
    )


def _window(placement: Placement) -> tuple[slice, slice]:
    box = placement.box
    return slice(box.y, box.y + box.height), slice(box.x, box.x + box.width)
