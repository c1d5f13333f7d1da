"""What the network sees: a grid of validation pictures with truth and prediction."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.errors import OutputUnwritableError
from scr_live.evaluation.metrics import confusion, score
from scr_live.training.augment import resized
from scr_live.training.data import Sample
from scr_live.training.validation import THRESHOLD, Probability, is_marked

TILE: Final = 224
_GAP: Final = 4
_TRUTH: Final = (90, 220, 90)
_PREDICTED: Final = (70, 200, 255)


def choose_examples(samples: Sequence[Sample], *, polyps: int = 6, clean: int = 2) -> list[int]:
    """Places of some pictures, always the same ones: the sets take turns, each is spread over its length."""
    return _spread(samples, polyps, has_polyp=True) + _spread(samples, clean, has_polyp=False)


def write_grid(
    path: Path, samples: Sequence[Sample], probabilities: Mapping[int, Probability]
) -> NDArray[np.uint8]:
    """A row a picture: itself, its truth outlined, the probability, the prediction outlined. Written as JPEG.

    Returns the grid, RGB.
    """
    rows = [_row(samples[place], probability) for place, probability in probabilities.items()]
    grid = np.concatenate(rows, axis=0)
    _, data = cv2.imencode(".jpg", grid[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
    try:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise OutputUnwritableError(f"Cannot write the pictures {path}: {error.strerror}.") from error
    return grid


def _spread(samples: Sequence[Sample], count: int, *, has_polyp: bool) -> list[int]:
    sets: dict[str, list[int]] = {}
    for place, sample in enumerate(samples):
        if sample.has_polyp == has_polyp:
            sets.setdefault(sample.set_name, []).append(place)
    chosen: list[int] = []
    for turn in range(count):
        names = sorted(sets)
        if not names:
            break
        places = sets[names[turn % len(names)]]
        rounds = -(-count // len(names))
        chosen.append(places[(turn // len(names)) * len(places) // rounds])
    return list(dict.fromkeys(chosen))


def _row(sample: Sample, probability: Probability) -> NDArray[np.uint8]:
    image, mask = resized(sample, size=TILE)
    smooth = cv2.resize(probability, (TILE, TILE), interpolation=cv2.INTER_AREA)
    grey = np.repeat((255 * np.clip(smooth, 0, 1)).astype(np.uint8)[..., None], 3, axis=2)
    found = np.where(smooth >= THRESHOLD, 255, 0).astype(np.uint8)
    tiles = (image.copy(), _outlined(image, mask, _TRUTH), grey, _outlined(image, found, _PREDICTED))
    texts = (sample.set_name, "truth", "probability", _verdict(sample, probability))
    for tile, text in zip(tiles, texts, strict=True):
        _write(tile, text)
    gap = np.full((TILE, _GAP, 3), 255, np.uint8)
    row = np.concatenate([part for tile in tiles for part in (tile, gap)][:-1], axis=1)
    below = np.full((_GAP, row.shape[1], 3), 255, np.uint8)
    return cast("NDArray[np.uint8]", np.concatenate((row, below), axis=0))


def _verdict(sample: Sample, probability: Probability) -> str:
    found = probability >= THRESHOLD
    if not sample.has_polyp:
        return "marked falsely" if is_marked(found) else "nothing marked"
    _, mask = resized(sample, size=probability.shape[0])
    return f"Dice {score(confusion(found, mask > 0)).dice:.2f}"


def _write(tile: NDArray[np.uint8], text: str) -> None:
    for colour, width in ((0, 0, 0), 3), ((255, 255, 255), 1):
        cv2.putText(tile, text, (6, TILE - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, width, cv2.LINE_AA)


def _outlined(
    image: NDArray[np.uint8], mask: NDArray[np.uint8], colour: tuple[int, int, int]
) -> NDArray[np.uint8]:
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    drawn = np.ascontiguousarray(image).copy()
    cv2.drawContours(drawn, contours, -1, colour, 2, cv2.LINE_AA)
    return drawn
