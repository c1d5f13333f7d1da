"""Does what tells the image sets apart change the answer? Put it into every picture and measure again.

    python scripts/measure_shortcuts.py --data DIR/kvasir-seg --data DIR/negatives

The sets differ in how often they show a scope-guide box, a blacked-out corner, text, a dark border, and in
sharpness, so a network could learn "box: no polyp". Pictures whose polyp an edit would cover are left out.
"""

import argparse
from collections.abc import Callable, Iterator
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

GREEN, LINE, WHITE = (20, 150, 60), (200, 220, 200), (235, 235, 235)

Truth = NDArray[np.bool_]
Edit = Callable[[Image, Truth], tuple[Image, Truth] | None]
"""The edited picture and its truth; None where the edit would cover a polyp."""


def main() -> None:
    """Measure every set with and without each edit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, action="append", required=True)
    parser.add_argument("--split", default="val")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--out", type=Path, default=Path("figures/shortcuts.json"))
    arguments = parser.parse_args()
    model = find_model(arguments.model)
    with open_engine("auto", model) as engine:
        sets = {
            directory.name: {
                name: measure(engine, directory, arguments.split, edit, threshold=model.card.threshold)
                for name, edit in EDITS.items()
            }
            for directory in arguments.data
        }
    report = {"sets": sets, "model_sha256": model.sha256, "machine": machine_facts()}
    write_json(arguments.out, report)
    print(report)


def measure(
    engine: Engine, directory: Path, split: str, edit: Edit, *, threshold: float
) -> dict[str, float | int | None]:
    """Mean Dice of pictures with a polyp and share of marked pictures, as they are and edited."""
    before, after = [], []
    for image, truth in pictures(directory, split):
        edited = edit(image, truth)
        if edited is None:
            continue
        before.append(judge(engine, image, truth, threshold))
        after.append(judge(engine, *edited, threshold))
    return {
        "pictures": len(before),
        "dice": mean_dice(before),
        "dice_edited": mean_dice(after),
        "marked_share": fmean(marked for _, marked in before),
        "marked_share_edited": fmean(marked for _, marked in after),
    }


def pictures(directory: Path, split: str) -> Iterator[tuple[Image, Truth]]:
    """Yield each picture of the set with its truth."""
    for entry in find_entries(directory, split):
        image = read_image(entry.image)
        empty = np.zeros(image.shape[:2], bool)
        yield image, empty if entry.mask is None else read_mask(entry.mask) > 0


def judge(engine: Engine, image: Image, truth: Truth, threshold: float) -> tuple[float | None, bool]:
    """Dice of one picture, None without a polyp, and whether anything is marked."""
    probability, placement = predict(engine, image)
    marked = bool(polyps_from_probability(probability, placement, threshold=threshold))
    if not truth.any():
        return None, marked
    in_frame = probability_in_frame(probability, placement, shape=truth.shape)
    return score(confusion(in_frame >= threshold, truth)).dice, marked


def mean_dice(judged: list[tuple[float | None, bool]]) -> float | None:
    """Over the pictures with a polyp."""
    values = [dice for dice, _ in judged if dice is not None]
    return fmean(values) if values else None


def scope_guide(image: Image, truth: Truth) -> tuple[Image, Truth] | None:
    """A green box with a bright line in the lower left quarter."""
    height, width = image.shape[0] // 4, image.shape[1] // 4
    box = np.full((height, width, 3), GREEN, np.uint8)
    share = np.array([(0.2, 0.8), (0.3, 0.3), (0.6, 0.2), (0.8, 0.5), (0.6, 0.7)])
    points = np.round(share * (width, height)).astype(np.int32)
    cv2.polylines(box, [points], isClosed=False, color=LINE, thickness=2, lineType=cv2.LINE_AA)
    return in_lower_left(image, truth, box)


def black_corner(image: Image, truth: Truth) -> tuple[Image, Truth] | None:
    """The box blacked out, as most sets show it."""
    return in_lower_left(image, truth, np.zeros((image.shape[0] // 4, image.shape[1] // 4, 3), np.uint8))


def in_lower_left(image: Image, truth: Truth, box: Image) -> tuple[Image, Truth] | None:
    """Paste the box, unless it would cover a polyp."""
    place = slice(image.shape[0] - box.shape[0], None), slice(0, box.shape[1])
    if truth[place].any():
        return None
    result = image.copy()
    result[place] = box
    return result, truth


def text(image: Image, truth: Truth) -> tuple[Image, Truth]:
    """Date, time and settings in white at the left edge."""
    result = image.copy()
    scale = image.shape[0] / 600
    for line, words in enumerate(("Sex:  Age:", "D.O.B.:", "14/08/2014", "12:45:01", "Cr:N Eh:A5")):
        at = int(8 * scale), int((200 + 24 * line) * scale)
        cv2.putText(result, words, at, cv2.FONT_HERSHEY_SIMPLEX, 0.6 * scale, WHITE, 1, cv2.LINE_AA)
    return result, truth


def dark_border(image: Image, truth: Truth) -> tuple[Image, Truth]:
    """A tenth of the picture's size in black all around, as another processor frames it."""
    rows, columns = image.shape[0] // 10, image.shape[1] // 10
    return (
        np.pad(image, ((rows, rows), (columns, columns), (0, 0))),
        np.pad(truth, ((rows, rows), (columns, columns))),
    )


def blurred(image: Image, truth: Truth) -> tuple[Image, Truth]:
    """As an older scope, or a smaller recording, shows it."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), image.shape[0] / 300), np.uint8), truth


def sharpened(image: Image, truth: Truth) -> tuple[Image, Truth]:
    """Edge enhancement of the processor."""
    soft = cv2.GaussianBlur(image, (0, 0), image.shape[0] / 300)
    return np.asarray(cv2.addWeighted(image, 2.0, soft, -1.0, 0), np.uint8), truth


EDITS: dict[str, Edit] = {
    "scope-guide box": scope_guide,
    "black corner": black_corner,
    "text": text,
    "dark border": dark_border,
    "blurred": blurred,
    "sharpened": sharpened,
}


if __name__ == "__main__":
    main()
