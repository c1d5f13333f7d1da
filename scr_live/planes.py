"""Pictures as most HD video holds them: 4:2:0 samples in eight bits, BT.709 at video levels.

What was decoded so can be recorded so: only what was drawn over it is converted, and every other sample stays
what it was, at a fraction of the cost.
"""

from collections.abc import Iterator
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.frames import Image, Planes

_BLACK: Final = (16, 128, 128)
_RED, _BLUE = 0.2126, 0.0722
_LUMA = np.array([_RED, 1 - _RED - _BLUE, _BLUE])
_TO_YUV: Final = np.column_stack(
    [
        np.stack(
            [
                219 / 255 * _LUMA,
                112 / 255 / (1 - _BLUE) * (np.array([0, 0, 1]) - _LUMA),
                112 / 255 / (1 - _RED) * (np.array([1, 0, 0]) - _LUMA),
            ]
        ),
        _BLACK,
    ]
)
_ZERO: Final = (0.0, 0.0, 0.0)
_GAP: Final = 32
"""Rows, or units of eight bytes, without a change between two places that are converted one by one."""


def black_planes(shape: tuple[int, int]) -> Planes:
    """Return a black (height, width) picture, both even: its planes lie one after another in memory."""
    height, width = shape
    memory = np.empty(height * width * 3 // 2, np.uint8)
    luma, chroma = height * width, height * width // 4
    planes = (
        memory[:luma].reshape(height, width),
        memory[luma : luma + chroma].reshape(height // 2, width // 2),
        memory[luma + chroma :].reshape(height // 2, width // 2),
    )
    for plane, level in zip(planes, _BLACK, strict=True):
        plane.fill(level)
    return planes


def copied(planes: Planes, masks: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None = None) -> Planes:
    """Return a copy, black where the masks (of luma and of chroma) are 0."""
    copies = black_planes(planes[0].shape)
    for index, (copy, plane) in enumerate(zip(copies, planes, strict=True)):
        if masks is None:
            np.copyto(copy, plane)
        else:
            cv2.copyTo(plane, masks[min(index, 1)], copy)
    return copies


def in_one(planes: Planes) -> NDArray[np.uint8]:
    """Return (3h/2, w): one plane after another, in the memory of planes that were made here."""
    height, width = planes[0].shape
    memory = planes[0].base
    is_one = memory is not None and memory.size == height * width * 3 // 2 and memory is planes[2].base
    whole = memory if is_one else np.concatenate([plane.ravel() for plane in planes])
    return np.reshape(np.asarray(whole, np.uint8), (height * 3 // 2, width))


def chroma_mask(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the half-size mask of the samples all of whose four pixels are in an even-sized (h, w) mask."""
    four = [mask[y::2, x::2] for y in (0, 1) for x in (0, 1)]
    return np.asarray(np.minimum.reduce(four), np.uint8)


def draw_changes(planes: Planes, below: Image, drawn: Image, shown: Image) -> None:
    """Convert, in place, the pixels in which `drawn` differs from `below`: to what they are in `shown`."""
    for rows, columns, changed in _changed_places(below, drawn):
        samples = cv2.transform(shown[rows, columns], _TO_YUV)
        half_size = (samples.shape[1] // 2, samples.shape[0] // 2)
        halved = cv2.resize(samples, half_size, interpolation=cv2.INTER_AREA)
        any_of_four = cv2.resize(changed, half_size, interpolation=cv2.INTER_AREA)  # 64 of 255 at least
        half = np.s_[rows.start // 2 : rows.stop // 2, columns.start // 2 : columns.stop // 2]
        np.copyto(planes[0][rows, columns], samples[..., 0], where=changed > 0)
        for index in (1, 2):
            np.copyto(planes[index][half], halved[..., index], where=any_of_four > 0)


def _changed_places(below: Image, drawn: Image) -> Iterator[tuple[slice, slice, NDArray[np.uint8]]]:
    """Find rectangles with even borders that hold all differences of two pictures with even sides.

    With each: which of its pixels differ, 255 or 0.
    """
    height = below.shape[0]
    one, other = (image.reshape(height, -1) for image in (below, drawn))
    if one.shape[1] % 8 == 0:
        one, other = one.view(np.uint64), other.view(np.uint64)  # eight times as fast
    differs = one != other
    for rows in _runs(differs.any(axis=1)):
        for units in _runs(differs[rows].any(axis=0)):
            columns = _even(units.start * one.itemsize // 3, -(-units.stop * one.itemsize // 3))
            place = np.s_[_even(rows.start, rows.stop), columns]
            same = cv2.inRange(cv2.absdiff(below[place], drawn[place]), _ZERO, _ZERO)
            yield *place, np.asarray(cv2.bitwise_not(same), np.uint8)


def _runs(flags: NDArray[np.bool_]) -> Iterator[slice]:
    """Group what is set into ranges, across small gaps."""
    places = np.flatnonzero(flags)
    if places.size == 0:
        return
    for run in np.split(places, np.flatnonzero(np.diff(places) > _GAP) + 1):
        yield slice(int(run[0]), int(run[-1]) + 1)


def _even(start: int, stop: int) -> slice:
    return slice(start // 2 * 2, (stop + 1) // 2 * 2)
