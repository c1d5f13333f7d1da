"""The outline of the field in one look, in cells of the thumbnail: octagon, circle, rounded or whole frame.

Where `content` takes the whole frame when in doubt, since that costs resolution only, here the answer is then
None: what may be a page with a patient's name is nothing to show.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.content import Cells, field_part, lit_cells, step_of, thumbnail
from scr_live.frames import Image


class Look:
    """A frame in cells of the thumbnail."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self.levels = thumbnail(image)
        """(rows, columns): the brightest channel."""

    def white_share(self, inside: NDArray[np.bool_]) -> float:
        """Return how many of these cells are white: tissue as bright still has a colour, as a rule."""
        step = step_of(self._image)
        middle = min(step // 2, min(self._image.shape[:2]) - 1)
        return float(np.mean(self._image[middle::step, middle::step][inside].min(axis=1) >= _CLIPPED))


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """A convex shape."""

    cells: Cells
    is_sharp: bool
    """Nearly all of its rim is a step from tissue to ground: a shadow's edge is none."""
    ground: int
    """The level around it; 0 if nothing is."""

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the frame."""
        return bool(self.cells.all())


def outline_in(look: Look) -> Outline | None:
    """Find the field's outline; None: nothing that can be told from its surroundings."""
    levels = look.levels
    lit = lit_cells(levels)
    found = None if lit is None else field_part(lit)
    if lit is None or found is None:
        return None
    part, sides = found
    if _is_drawn(look, part > 0) or (lit.all() and _is_page_alone(levels)):
        return None
    left, top, right, bottom = sides
    around = np.s_[max(0, top - _BULGE) : bottom + _BULGE, max(0, left - _BULGE) : right + _BULGE]
    cells = np.zeros_like(part)
    cells[around] = _without_lone_corner(hull(np.ascontiguousarray(part[around])))
    ground = 0 if cells.all() else int(np.median(levels[cells == 0]))
    return Outline(cells, _is_sharp(cells, levels, ground), ground)


def hull(cells: Cells) -> Cells:
    """Return the smallest convex shape around all cells; some cell must be set."""
    return np.asarray(cv2.fillConvexPoly(np.zeros_like(cells), corners(cells), 1), np.uint8)


def corners(cells: Cells) -> NDArray[np.int32]:
    """Return the (n, 1, 2) corners, (column, row), of the smallest convex shape around all cells."""
    rows = np.flatnonzero(cells.any(axis=1))
    lit = cells[rows]
    first, last = lit.argmax(axis=1), cells.shape[1] - 1 - lit[:, ::-1].argmax(axis=1)
    ends = np.stack([np.concatenate([first, last]), np.concatenate([rows, rows])], axis=1)
    return np.asarray(cv2.convexHull(ends.astype(np.int32)), np.int32)


def overlap(one: Cells, other: Cells) -> float:
    """Return what two shapes share, as a share of what they cover together."""
    return float(np.sum(one & other) / max(1, np.sum(one | other)))


def is_page(look: Look, field: Outline) -> bool:
    """Tell a page or window of text where the field was: most of it, or of what is lit, is of one level.

    A white-out of the field is of one level, too, but a white page goes on outside the field; a white window
    does not, and is not told.
    """
    levels = look.levels[field.cells > 0]
    level, flat = _commonest(levels)
    if flat < _PAGE_FLAT:
        lit = levels[levels > field.ground + _ABOVE_GROUND]
        level, flat = _commonest(lit)
        return lit.size >= _WINDOW_SHARE * levels.size and level < _CLIPPED and flat > _DRAWN_FLAT
    away = np.abs(levels.astype(np.int16) - level) > _LEGIBLE
    has_ink = float(away.mean()) >= _PAGE_INK
    return has_ink and (level < _CLIPPED or _commonest(look.levels)[1] >= _PAGE_FLAT)


_BULGE = 1  # cells: sides may reach a little further than their middle
_DRAWN_FLAT: Final = 0.5  # of a region at one level: of 5477 pictures of tissue none has more than 0.32
_RIM_FLAT: Final = 0.35
_CLIPPED = 250  # as bright, tissue is of one level too, though hardly in every channel
_PAGE_FLAT: Final = 0.88
_PAGE_INK: Final = 0.004
_WINDOW_SHARE: Final = 0.25  # of the field: less is a dark frame with little in it
_LEGIBLE = 40  # levels
_ABOVE_GROUND = 11  # levels
_STEP_ABOVE = 30  # levels from the ground to tissue near a sharp rim
_SHARP_SHARE: Final = 0.95
_LONE_CORNER: Final = 0.4  # of the black that the next fuller corner has
_ALIKE_CORNERS: Final = 2.0
_LEAST_CORNER: Final = 0.005  # of the quarter: less is no cut corner


def _commonest(levels: NDArray[np.uint8]) -> tuple[int, float]:
    """Return the level that most cells have, give or take one, and their share."""
    counts = np.bincount(levels.ravel(), minlength=256)
    near = np.convolve(counts, np.ones(3, np.int64), mode="same")
    level = int(near.argmax())
    return level, float(near[level] / max(1, levels.size))


def _is_drawn(look: Look, inside: NDArray[np.bool_]) -> bool:
    level, flat = _commonest(look.levels[inside])
    return flat > _DRAWN_FLAT and (level < _CLIPPED or look.white_share(inside) > _DRAWN_FLAT)


def _is_page_alone(levels: NDArray[np.uint8]) -> bool:
    """Tell a bright ground, as of a program's window or of paper, where no dark one was found."""
    rim = np.concatenate([levels[0], levels[-1], levels[:, 0], levels[:, -1]])
    level, flat = _commonest(rim)
    return (level < _CLIPPED and flat > _RIM_FLAT) or _commonest(levels)[1] >= _PAGE_FLAT


def _is_sharp(cells: Cells, levels: NDArray[np.uint8], ground: int) -> bool:
    """Look a few cells inside the outline, wherever it does not run along the frame's own edge."""
    if cells.all():
        return True
    outer, inner = (cv2.erode(cells, _disc(radius), borderValue=1) for radius in (1, 3))
    ring = levels[(outer > 0) & (inner == 0)]
    return ring.size > 0 and float(np.mean(ring > ground + _STEP_ABOVE)) >= _SHARP_SHARE


def _disc(radius: int) -> NDArray[np.uint8]:
    side = 2 * radius + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def _without_lone_corner(box: Cells) -> Cells:
    """Cut the corner of a box that alone is full, as the others are cut: there stands a second picture."""
    middle_y, middle_x = box.shape[0] // 2, box.shape[1] // 2
    if min(middle_y, middle_x) <= _BULGE:  # a frame of a few pixels
        return box
    flips = {(y, x): box[::y, ::x] for y in (1, -1) for x in (1, -1)}
    black = {
        corner: 1 - float(flip[_BULGE:middle_y, _BULGE:middle_x].mean()) for corner, flip in flips.items()
    }
    lone, *others = sorted(black, key=lambda corner: black[corner])
    least, most = black[others[0]], black[others[-1]]
    is_lone = least > _LEAST_CORNER and black[lone] < _LONE_CORNER * least and most < _ALIKE_CORNERS * least
    if not is_lone:
        return box
    y, x = lone
    cut = box.copy()
    quarter = cut[::y, ::x][:middle_y, :middle_x]
    beside, across = (flips[y, -x], flips[-y, x])
    quarter &= beside[:middle_y, :middle_x] | across[:middle_y, :middle_x]
    return cut
