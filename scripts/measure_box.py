"""Does a scope-guide box change the answer? Paste one into the lower left of every picture and measure again.

    python scripts/measure_box.py --data DIR/kvasir-seg --data DIR/negatives --out figures/box.json

Training sets differ in how often they show such a box, so a network could learn "box: no polyp". Pictures
whose polyp the box would cover are left out.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.engines import Engine
from scr_live.engines.opening import open_engine
from scr_live.evaluation.image_sets import find_entries, read_image, read_mask
from scr_live.evaluation.images import predict, probability_in_frame
from scr_live.evaluation.metrics import confusion, score
from scr_live.files import write_json
from scr_live.frames import Image
from scr_live.geometry import polyps_from_probability
from scr_live.machine import machine_facts
from scr_live.shipped import DEFAULT_MODEL, find_model

GREEN, LINE = (20, 150, 60), (200, 220, 200)


def main() -> None:
    """Measure every set with and without the box."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, action="append", required=True)
    parser.add_argument("--split", default="val")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--out", type=Path, default=Path("figures/box.json"))
    arguments = parser.parse_args()
    model = find_model(arguments.model)
    with open_engine("auto", model) as engine:
        sets = {
            directory.name: measure(engine, directory, arguments.split, model.card.threshold)
            for directory in arguments.data
        }
    report = {"sets": sets, "model_sha256": model.sha256, "machine": machine_facts()}
    write_json(arguments.out, report)
    print(report)


def measure(engine: Engine, directory: Path, split: str, threshold: float) -> dict[str, object]:
    """Mean Dice and share of marked pictures, as they are and with the box."""
    plain, boxed = [], []
    for image, truth in pictures(directory, split):
        with_box, covered = paste_box(image)
        if truth[covered].any():
            continue
        plain.append(judge(engine, image, truth, threshold))
        boxed.append(judge(engine, with_box, truth, threshold))
    return {
        "pictures": len(plain),
        "dice": fmean(dice for dice, _ in plain),
        "dice_with_box": fmean(dice for dice, _ in boxed),
        "marked_share": fmean(marked for _, marked in plain),
        "marked_share_with_box": fmean(marked for _, marked in boxed),
    }


def pictures(directory: Path, split: str) -> Iterator[tuple[Image, NDArray[np.bool_]]]:
    """Yield each picture of the set with its truth."""
    for entry in find_entries(directory, split):
        image = read_image(entry.image)
        empty = np.zeros(image.shape[:2], bool)
        yield image, empty if entry.mask is None else read_mask(entry.mask) > 0


def paste_box(image: Image) -> tuple[Image, tuple[slice, slice]]:
    """Draw a green box with a bright line in the lower left; return the picture and where the box is."""
    height, width = image.shape[:2]
    box_height, box_width = height // 4, width // 4
    place = slice(height - box_height, height), slice(0, box_width)
    box = np.full((box_height, box_width, 3), GREEN, np.uint8)
    share = np.array([(0.2, 0.8), (0.3, 0.3), (0.6, 0.2), (0.8, 0.5), (0.6, 0.7)])
    points = np.round(share * (box_width, box_height)).astype(np.int32)
    cv2.polylines(box, [points], isClosed=False, color=LINE, thickness=2, lineType=cv2.LINE_AA)
    result = image.copy()
    result[place] = box
    return result, place


def judge(engine: Engine, image: Image, truth: NDArray[np.bool_], threshold: float) -> tuple[float, bool]:
    """Dice of one picture, and whether anything is marked."""
    probability, placement = predict(engine, image)
    in_frame = probability_in_frame(probability, placement, shape=truth.shape)
    marked = bool(polyps_from_probability(probability, placement, threshold=threshold))
    return score(confusion(in_frame >= threshold, truth)).dice, marked


if __name__ == "__main__":
    main()
