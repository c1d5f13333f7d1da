"""Masks as runs of pixels, as the COCO API writes them (common/maskApi.c of github.com/cocodataset/cocoapi).

{"size": [height, width], "counts": ...}: column after column from the left, each from the top, so many pixels
outside, then so many inside, and so on. The counts are a list, or the same packed into a text: five bits
a character from "0" on, the lowest first and a sixth where more follow; from the fourth count on it is the
difference to the one before the last.
"""

from collections.abc import Sequence
from reprlib import repr as short
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from scr_live.errors import DataError
from scr_live.evaluation.video.truth import Pixels

Runs: TypeAlias = NDArray[np.int64]
"""Lengths, of pixels outside and inside by turns."""

_ZERO: Final = ord("0")
_BITS: Final = 5
_VALUE: Final = (1 << _BITS) - 1
_SIGN: Final = 1 << (_BITS - 1)
_MORE: Final = 1 << _BITS
_LONGEST: Final = 7
"""Characters that the difference of two counts takes at most, in frames of 65,535 x 65,535 pixels."""


def read_runs(where: str, mask: object, size: tuple[int, int]) -> Runs:
    """Return the runs of a mask of so many pixels, (width, height). DataError begins with `where`."""
    counts = mask.get("counts") if isinstance(mask, dict) else None
    if not isinstance(mask, dict) or not isinstance(counts, list | str):
        raise DataError(
            f'{where}: a mask should be written {{"size": [height, width], "counts": [...]}}, as COCO does; '
            f"found {short(mask)}."
        )
    width, height = size
    if mask.get("size") != [height, width]:
        raise DataError(
            f"{where}: the size of a mask should be that of the frame, [{height}, {width}]: height, then "
            f"width; found {short(mask.get('size'))}."
        )
    runs = _unpacked(where, counts) if isinstance(counts, str) else counts
    for run in runs:
        if type(run) is not int or not 0 <= run <= width * height:
            raise DataError(
                f"{where}: the counts of a mask should be whole numbers from 0 to {width * height}; found "
                f"{short(run)}."
            )
    if sum(runs) != width * height:
        raise DataError(
            f"{where}: the counts of a mask should add up to {width * height} ({width}x{height}); "
            f"found {sum(runs)}."
        )
    if not any(runs[1::2]):
        raise DataError(
            f"{where}: the mask has no pixel. Leave a polyp out of the frames in which it is not in view."
        )
    return np.array(runs, np.int64)


def pixels_of(runs: Runs, size: tuple[int, int]) -> Pixels:
    """Return the (h, w) mask of runs."""
    is_inside = np.arange(len(runs)) % 2 == 1
    columns = np.repeat(is_inside, runs).reshape(size)  # (w, h)
    return np.ascontiguousarray(columns.T)


def extent_of(runs: Runs, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return x1, y1, x2, y2 of what is inside; x2 and y2 lie behind it."""
    height = size[1]
    ends, lengths = np.cumsum(runs)[1::2], runs[1::2]
    firsts, lasts = (ends - lengths)[lengths > 0], ends[lengths > 0] - 1
    x1, x2 = firsts // height, lasts // height
    if (x1 < x2).any():  # a run that goes on in the next column
        return int(x1[0]), 0, int(x2[-1]) + 1, height
    return int(x1[0]), int((firsts % height).min()), int(x2[-1]) + 1, int((lasts % height).max()) + 1


def _unpacked(where: str, text: str) -> Sequence[int]:
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - _ZERO
        if not 0 <= bits < 2 * _MORE:
            raise DataError(
                f"{where}: the counts of a mask, as a text, should hold characters from 0 to o; found "
                f"{character!r}. Give the list of numbers if they are not packed as COCO packs them."
            )
        value |= (bits & _VALUE) << shift
        shift += _BITS
        if shift > _LONGEST * _BITS:
            raise DataError(
                f"{where}: the counts of a mask, as a text, should have {_LONGEST} characters a number at "
                "most; found more."
            )
        if bits & _MORE:
            continue
        if bits & _SIGN:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))  # noqa: PLR2004 - as COCO has it
        value = shift = 0
    if shift:
        raise DataError(f"{where}: the counts of a mask, as a text, end within a number. They were cut.")
    return counts
