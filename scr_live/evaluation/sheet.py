"""The worst cases as one picture: truth and mark outlined, with name and figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.evaluation.image_sets import read_pair
from scr_live.evaluation.images import ImageResult
from scr_live.evaluation.metrics import score
from scr_live.frames import Image
from scr_live.overlays import NIGHT, SKY, Colour

TRUTH: Final[Colour] = (255, 230, 60)
"""Yellow: far from the sky blue of the marks, in colour-blind eyes too by its brightness."""

_COLUMNS = 4
_TILE_WIDTH, _TILE_HEIGHT = 400, 320  # of a picture; the text stands below
_LINE = 22
_PAPER: Final[Colour] = (24, 26, 30)
_INK: Final[Colour] = (225, 228, 232)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FRACTION_BITS = 4


@dataclass(frozen=True, slots=True)
class WorstCases:
    """Which pictures the sheet shows."""

    lowest_dice: tuple[ImageResult, ...]
    largest_false: tuple[ImageResult, ...]
    """Without a polyp and marked, those with the most marked pixels."""


def worst_cases(results: Sequence[ImageResult], count: int) -> WorstCases:
    """At most `count` pictures of each kind, the worst first; equal ones in the order of the set."""
    positives = [result for result in results if result.has_polyp]
    false = [result for result in results if result.marked and not result.has_polyp]
    positives.sort(key=lambda result: score(result.counts).dice)
    false.sort(key=_false_share, reverse=True)
    return WorstCases(tuple(positives[:count]), tuple(false[:count]))


def draw_sheet(cases: WorstCases, *, title: str, with_set_names: bool) -> Image:
    """Draw the cases; (h, w, 3) RGB. DataError: a picture can no longer be read."""
    parts = [_heading(title, legend=True)]
    for heading, group in (
        ("Lowest Dice", cases.lowest_dice),
        ("No polyp, and marked: largest marks", cases.largest_false),
    ):
        parts.append(_heading(f"{heading}{'' if group else ': none'}"))
        tiles = [_tile(result, with_set_name=with_set_names) for result in group]
        for first in range(0, len(tiles), _COLUMNS):
            row = tiles[first : first + _COLUMNS]
            blank = np.full_like(tiles[0], _PAPER)
            parts.append(np.hstack([*row, *[blank] * (_COLUMNS - len(row))]))
    return np.vstack(parts)


def encode(sheet: Image, suffix: str) -> bytes:
    """The file of a .jpg or .png."""
    _, data = cv2.imencode(suffix.lower(), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    return data.tobytes()


def _tile(result: ImageResult, *, with_set_name: bool) -> Image:
    image, mask = read_pair(result.entry)
    captions = [result.entry.set_name] if with_set_name else []
    captions += [result.entry.image.name, _caption(result)]
    tile = np.full((_TILE_HEIGHT + len(captions) * _LINE + 10, _TILE_WIDTH, 3), _PAPER, np.uint8)
    scale = min((_TILE_WIDTH - 8) / image.shape[1], (_TILE_HEIGHT - 8) / image.shape[0])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    picture = cast("Image", cv2.resize(image, size, interpolation=method))
    borders, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    true_lines, marked_lines = _lines(borders, scale), _lines(result.outlines, scale)
    # The truth is the wider line: where both run together, its rims are seen beside the mark.
    for lines, colour, width in (
        (true_lines + marked_lines, NIGHT, 3),
        (true_lines, TRUTH, 2),
        (marked_lines, SKY, 1),
    ):
        cv2.polylines(picture, lines, True, colour, width, cv2.LINE_AA, _FRACTION_BITS)
    left, top = (_TILE_WIDTH - size[0]) // 2, (_TILE_HEIGHT - size[1]) // 2
    tile[top : top + size[1], left : left + size[0]] = picture
    for number, text in enumerate(captions):  # a line each: a long path must not cost the name its room
        _write(tile, text, _TILE_HEIGHT + 18 + number * _LINE)
    return tile


def _caption(result: ImageResult) -> str:
    if result.has_polyp:
        hit = sum(polyp.hit for polyp in result.polyps)
        false = f", {result.false_marks} false" if result.false_marks else ""
        return f"Dice {score(result.counts).dice:.3f}, hit {hit} of {len(result.polyps)}{false}"
    return f"{_false_share(result):.1%} of the field marked, p {result.highest:.2f}"


def _false_share(result: ImageResult) -> float:
    return result.counts.false_positive / result.field_px


def _lines(outlines: Sequence[NDArray[Any]], scale: float) -> list[NDArray[np.int32]]:
    """Fixed-point polygons in the reduced picture. Pixel centres lie on integers in both."""
    points = [(outline.reshape(-1, 2) + 0.5) * scale - 0.5 for outline in outlines]
    return [np.asarray(np.rint(polygon * 2**_FRACTION_BITS), np.int32) for polygon in points]


def _heading(text: str, *, legend: bool = False) -> Image:
    strip = np.full((2 * _LINE, _COLUMNS * _TILE_WIDTH, 3), _PAPER, np.uint8)
    right = strip.shape[1]
    _write(strip[:, : right - 220] if legend else strip, text, _LINE + 8)
    if legend:
        _write(strip, "truth", _LINE + 8, left=right - 220, colour=TRUTH)
        _write(strip, "marked", _LINE + 8, left=right - 120, colour=SKY)
    return strip


def _write(image: Image, text: str, y: int, *, left: int = 8, colour: Colour = _INK) -> None:
    """One line in place, shortened in the middle to the room there is; OpenCV's font knows ASCII alone."""
    plain = "".join(letter if " " <= letter <= "~" else "?" for letter in text)
    shown, kept = plain, len(plain)
    while kept > 0 and cv2.getTextSize(shown, _FONT, 0.5, 1)[0][0] > image.shape[1] - left - 8:
        kept -= 1
        shown = f"{plain[: (kept + 1) // 2]}...{plain[len(plain) - kept // 2 :]}"
    cv2.putText(image, shown, (left, y), _FONT, 0.5, colour, 1, cv2.LINE_AA)
