"""Find the endoscopic field in a frame: octagon, circle, rounded rectangle or the whole picture.

Endoscopes show their picture on a dark ground of one level, with text, and often a small second picture,
beside it. Everything here looks at a thumbnail of single pixels, which costs little at any resolution.
When in doubt the answer is the whole frame: a field too large only costs the network some resolution.
"""

from collections import deque
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.frames import Image
from scr_live.geometry import Box

LOOK_EVERY: Final = 6
"""Frames from one look to the next once the box is settled: four looks a second at 25 frames a second."""


def find_field(image: Image) -> Box:
    """Find the field in a single picture."""
    lit = lit_cells(thumbnail(image))
    return Box.whole(image) if lit is None else _box(lit, image)


class FieldFinder:
    """Follows the field of a video; used by one thread.

    A cell of the thumbnail belongs to the field if it was lit in a share of the last looks, so the dark lumen
    and a dark, white or blank frame change nothing. Another box is adopted when it has been seen in several
    looks in a row, in more if it is smaller; another frame size starts afresh.
    """

    def __init__(self, *, every: int = LOOK_EVERY) -> None:
        if every < 1:
            raise ValueError(f"a look every {every} frames is impossible: give 1 or more")
        self._every = every
        self._frames_to_skip = 0
        self._frame_shape = (0, 0)
        self._looks: deque[Cells] = deque(maxlen=_WINDOW_LOOKS)
        self._box: Box | None = None
        self._box_looks = 0
        self._candidate: Box | None = None
        self._candidate_looks = 0

    def update(self, image: Image) -> Box:
        """Take the next frame and return the box to use for it: inside the frame, always."""
        if image.shape[:2] != self._frame_shape:
            self._restart((image.shape[0], image.shape[1]))
        if self._frames_to_skip > 0:
            self._frames_to_skip -= 1
        else:
            self._look(image)
            self._frames_to_skip = 0 if len(self._looks) < _SETTLED_LOOKS else self._every - 1
        return self._box or Box.whole(image)

    def _restart(self, frame_shape: tuple[int, int]) -> None:
        self._frame_shape = frame_shape
        self._frames_to_skip = 0
        self._looks.clear()
        self._box = self._candidate = None
        self._box_looks = self._candidate_looks = 0

    def _look(self, image: Image) -> None:
        lit = lit_cells(thumbnail(image))
        if lit is None:  # nothing to see: a blank or dark frame says nothing of the field
            return
        self._looks.append(lit)
        looks = len(self._looks)
        # From the second look on one look alone proves nothing.
        needed = max(min(looks, 2), round(_LIT_SHARE * looks))
        seen = np.greater_equal(np.sum(np.stack(self._looks), axis=0, dtype=np.uint8), needed)
        self._propose(_box(seen.astype(np.uint8), image))

    def _propose(self, box: Box) -> None:
        if self._box is None or _alike(box, self._box):
            self._box = self._box or box
            self._box_looks += 1
            self._candidate = None
            return
        if self._candidate is None or not _alike(box, self._candidate):
            self._candidate_looks = 0
        self._candidate = box
        self._candidate_looks += 1
        # Part of a field may lie in the dark for long; light where there was none is soon believed.
        patience = min(max(self._box_looks, _GROW_LOOKS), _SHRINK_LOOKS)
        if self._candidate_looks >= (patience if _lies_in(box, self._box) else _GROW_LOOKS):
            self._box, self._box_looks, self._candidate = box, 1, None


Cells: TypeAlias = NDArray[np.uint8]
"""(rows, columns) of the thumbnail, 0 or 1."""


def thumbnail(image: Image) -> NDArray[np.uint8]:
    """Return the brightest channel of single pixels, (rows, columns), freed of lone outliers."""
    step = step_of(image)
    middle = min(step // 2, min(image.shape[:2]) - 1)  # a frame may be thinner than a step
    red, green, blue = np.moveaxis(image[middle::step, middle::step], 2, 0)
    brightest = np.maximum(np.maximum(red, green), blue)
    return np.asarray(cv2.medianBlur(brightest, 3), np.uint8)


def step_of(image: NDArray[np.uint8]) -> int:
    """Return how many pixels a cell of the thumbnail is wide and high."""
    height, width = image.shape[:2]
    return int(-(-max(height, width) // _THUMBNAIL_SIDE))


def lit_cells(brightest: NDArray[np.uint8]) -> Cells | None:
    """Tell the cells above the dark ground; all of them if there is none, None if nothing can be seen."""
    low, high = np.percentile(brightest[::2, ::2], (1, 95))
    if high - low < _SEEN_CONTRAST:
        return None
    ground = _ground_level(brightest)
    if ground is None:
        return np.ones_like(brightest)
    return np.greater(brightest, ground + _ABOVE_GROUND).astype(np.uint8)


def field_part(lit: Cells) -> tuple[Cells, tuple[int, int, int, int]] | None:
    """Return the largest lit part and left, top, right, bottom of the field in it (the last two excluded).

    None when nothing lit has a field's size and proportions.
    """
    field = _largest_part(lit)
    sides = _sides(field)
    if sides is None:
        return None
    left, top, right, bottom = sides
    rows, columns = field.shape
    width, height = right - left, bottom - top
    thin = max(width, height) > _LARGEST_ASPECT * min(width, height)
    if thin or width < _LEAST_SIDE * columns or height < _LEAST_SIDE * rows:
        return None
    return None if field[top:bottom, left:right].mean() < _LEAST_FILL else (field, sides)


_THUMBNAIL_SIDE = 256
_WINDOW_LOOKS = 20  # 5 s at 25 frames a second
_SETTLED_LOOKS = 8  # until then every frame is looked at
_LIT_SHARE = 0.15  # of the window
_GROW_LOOKS = 5
_SHRINK_LOOKS = 75  # 18 s at 25 frames a second, and no longer than the present box has been right
_ALIKE_SHARE = 0.015  # of the longer side: boxes that differ less on every side are the same box

_GROUND_LIMIT = 64  # the ground around the field is darker than this
_GROUND_SPREAD = 3
_GROUND_SHARE = 0.08  # of the frame's rim: an octagon's black corners have twice as much
_ABOVE_GROUND = 11
_SEEN_CONTRAST = 24  # above the ground, or in all: less is a blank or dark frame
_LEAST_SIDE = 0.25  # of the frame's side: smaller is no field
_LEAST_FILL = 0.4  # of its box
_LARGEST_ASPECT = 2.5
_OUTERMOST = 0.3  # of the rows or columns looked at: so many may reach further than the side


def _ground_level(brightest: NDArray[np.uint8]) -> int | None:
    """Return the level of the dark ground: the commonest one of the frame's rim if it is common enough."""
    depth = max(1, min(brightest.shape) // 40)
    strips = brightest[:depth], brightest[-depth:], brightest[:, :depth], brightest[:, -depth:]
    rim = np.concatenate([strip.ravel() for strip in strips])
    levels = np.bincount(rim, minlength=256)[:_GROUND_LIMIT]
    near = np.convolve(levels, np.ones(2 * _GROUND_SPREAD + 1, np.int64), mode="same")
    level = int(near.argmax())
    return level if int(near[level]) >= _GROUND_SHARE * rim.size else None


def _box(lit: Cells, image: Image) -> Box:
    """Return the box of the field among the lit cells, in frame pixels; the whole frame when in doubt."""
    whole = Box.whole(image)
    found = field_part(lit)
    if found is None:
        return whole
    field, (left, top, right, bottom) = found
    rows, columns = field.shape
    step = step_of(image)
    x, y = left * step, top * step
    end_x = whole.width if right >= columns else right * step
    end_y = whole.height if bottom >= rows else bottom * step
    return Box(x, y, end_x - x, end_y - y)


def _largest_part(lit: Cells) -> Cells:
    """Return the largest connected part, without text lines and threads to its neighbours."""
    breadth = max(3, min(lit.shape) // 16) | 1  # odd: an even kernel would shift the result
    kernel = np.ones((breadth, breadth), np.uint8)
    # Without the frame of zeros, text at the very edge would be taken for the edge of something large.
    padded = np.pad(lit, breadth)
    opened = cv2.morphologyEx(padded, cv2.MORPH_OPEN, kernel)[breadth:-breadth, breadth:-breadth]
    count, labels, stats, _ = cv2.connectedComponentsWithStats(np.ascontiguousarray(opened))
    if count == 1:  # the ground alone
        return np.zeros_like(lit)
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    return np.equal(labels, largest).astype(np.uint8)


def _sides(field: Cells) -> tuple[int, int, int, int] | None:
    """Return left, top, right, bottom of the field, judged where its sides are: in the middle of each.

    So a second picture that touches the field at a corner is left out. The first round takes the middle of
    everything lit, the others the middle of what was found.
    """
    columns, rows = np.flatnonzero(field.any(axis=0)), np.flatnonzero(field.any(axis=1))
    if columns.size == 0:
        return None
    left, right, top, bottom = int(columns[0]), int(columns[-1]) + 1, int(rows[0]), int(rows[-1]) + 1
    for _ in range(3):
        left, right = _extent(field, top, bottom)
        top, bottom = _extent(field.T, left, right)
    return left, top, right, bottom


def _extent(field: Cells, top: int, bottom: int) -> tuple[int, int]:
    """Return the columns that rows top..bottom reach: as the middle third does, or both outer thirds do."""
    third = max(1, (bottom - top) // 3)
    upper = _reach(field[top : top + third])
    middle = _reach(field[top + third : max(bottom - third, top + third + 1)])
    lower = _reach(field[bottom - third : bottom])
    return min(middle[0], max(upper[0], lower[0])), max(middle[1], min(upper[1], lower[1]))


def _reach(rows: Cells) -> tuple[int, int]:
    """Return the columns that a good part of these rows reach."""
    lit = rows[rows.any(axis=1)]
    columns = rows.shape[1]
    if len(lit) == 0:
        return columns, 0
    starts, ends = np.sort(lit.argmax(axis=1)), np.sort(columns - lit[:, ::-1].argmax(axis=1))
    outermost = int(_OUTERMOST * len(lit))
    return int(starts[outermost]), int(ends[-1 - outermost])


def _alike(one: Box, other: Box) -> bool:
    reach = _reach_px(one)
    return all(abs(a - b) <= reach for a, b in zip(_edges(one), _edges(other), strict=True))


def _lies_in(inner: Box, outer: Box) -> bool:
    reach = _reach_px(outer)
    left, top, right, bottom = np.subtract(_edges(inner), _edges(outer))
    return bool(min(left, top) >= -reach and max(right, bottom) <= reach)


def _reach_px(box: Box) -> float:
    return max(2.0, _ALIKE_SHARE * max(box.width, box.height))


def _edges(box: Box) -> tuple[int, int, int, int]:
    return box.x, box.y, box.x + box.width, box.y + box.height
