"""What of a video's frames may be recorded: the field's shape, followed over time."""

from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.content import LOOK_EVERY, Cells, step_of, thumbnail
from scr_live.frames import Image
from scr_live.margins.outline import Outline, corners, hull, is_page, outline_in, overlap

FieldMask: TypeAlias = NDArray[np.uint8]
"""(h, w, 3), 255 in the field and 0 outside."""


class MarginMask:
    """Follows the shape of the field in a video; used by one thread.

    The first look that shows a field counts; until then nothing may be shown. Dark, blank and white frames
    change nothing. The shape grows once several looks in a row have seen more of it, and shrinks only to one
    with a sharp outline that stays for seconds, which few shadows have; what was known before is believed
    again at once. A frame that is a page of text is not shown. Another frame size starts afresh.
    """

    def __init__(self, *, every: int = LOOK_EVERY) -> None:
        if every < 1:
            raise ValueError(f"a look every {every} frames is impossible: give 1 or more")
        self._every = every
        self._frames_to_skip = 0
        self._frame_shape = (0, 0)
        self._field: Outline | None = None
        self._former: Outline | None = None
        """What it was before it shrank."""
        self._mask: FieldMask | None = None
        self._smaller: Outline | None = None
        self._smaller_looks = 0
        self._larger_looks = 0
        self._calm_looks = 0

    def update(self, image: Image) -> FieldMask | None:
        """Take the next frame and return what of it may be shown; None: nothing. Not to be changed."""
        if image.shape[:2] != self._frame_shape:
            self._restart((image.shape[0], image.shape[1]))
        levels = thumbnail(image)
        is_page_now = self._field is not None and is_page(levels, self._field.cells > 0)
        if self._frames_to_skip > 0:
            self._frames_to_skip -= 1
        elif not is_page_now:
            self._look(outline_in(levels))
            self._frames_to_skip = self._every - 1 if self._calm_looks >= _SETTLED_LOOKS else 0
        return None if is_page_now else self._mask

    def _restart(self, frame_shape: tuple[int, int]) -> None:
        self._frame_shape = frame_shape
        self._frames_to_skip = 0
        self._field = self._former = self._smaller = self._mask = None
        self._calm_looks = self._larger_looks = self._smaller_looks = 0

    def _look(self, seen: Outline | None) -> None:
        field = self._field
        if seen is None:
            return
        if field is None:
            self._adopt(seen)
        elif _reaches_out(seen, field):
            self._grow(field, seen)
        else:
            self._larger_looks = 0
            self._calm_looks += 1
            self._shrink(field, seen)

    def _grow(self, field: Outline, seen: Outline) -> None:
        self._smaller_looks = 0
        self._larger_looks += 1
        self._calm_looks = 0
        if self._former is not None and not _reaches_out(seen, self._former):
            self._adopt(self._former)
        elif self._larger_looks >= _looks_to_grow(field, seen):
            self._adopt(_grown(field, seen))

    def _shrink(self, field: Outline, seen: Outline) -> None:
        if overlap(seen.cells, field.cells) >= _ALIKE:
            self._smaller_looks = 0
            if seen.is_sharp and not field.is_sharp:
                self._field = Outline(field.cells, is_sharp=True)
        elif seen.is_sharp:
            goes_on = self._smaller is not None and overlap(seen.cells, self._smaller.cells) >= _ALIKE
            self._smaller_looks = self._smaller_looks + 1 if goes_on else 1
            self._smaller = seen
            if self._smaller_looks >= _SHRINK_LOOKS:
                self._adopt(seen)

    def _adopt(self, field: Outline) -> None:
        self._former = self._field if self._smaller_looks >= _SHRINK_LOOKS else None
        self._field = field
        self._mask = _upsampled(field.cells, self._frame_shape)
        self._calm_looks = self._larger_looks = self._smaller_looks = 0


def blacken(image: Image, mask: FieldMask | None) -> Image:
    """Return a new picture: black outside the mask, all black without one."""
    if mask is None:
        return np.zeros_like(image)
    return np.asarray(cv2.bitwise_and(image, mask), np.uint8)


_REACH = np.ones((3, 3), np.uint8)  # cells that an outline may be off
_ALIKE: Final = 0.97
_SETTLED_LOOKS = 8  # without anything new; until then every frame is looked at
_GROW_LOOKS = 3
_MOVE_LOOKS = 15  # 0.6 s: every frame is looked at then
_WHOLE_LOOKS = 75  # a bright page has no margins, too
_SHRINK_LOOKS = 15  # 3.6 s at 25 frames a second
_SMALL_GROWTH: Final = 1.15
_SAME_PLACE: Final = 0.7
_MARGIN_CELLS: Final = 1.5  # the outline runs through the outermost lit cells, the rim up to one further out


def _reaches_out(seen: Outline, field: Outline) -> bool:
    return bool(np.any(seen.cells > cv2.dilate(field.cells, _REACH)))


def _looks_to_grow(field: Outline, seen: Outline) -> int:
    """A little more is soon believed, another field than one whose outline is known less so."""
    if not field.is_sharp or _is_little_more(hull(field.cells | seen.cells), field):
        return _GROW_LOOKS
    return _WHOLE_LOOKS if seen.is_whole else _MOVE_LOOKS


def _is_little_more(cells: Cells, field: Outline) -> bool:
    return bool(cells.sum() <= _SMALL_GROWTH * field.cells.sum())


def _grown(field: Outline, seen: Outline) -> Outline:
    """A sharp outline counts alone; another one adds to what was seen before, if that was the same field."""
    if seen.is_sharp:
        return seen
    both = hull(field.cells | seen.cells)
    if field.is_sharp:
        goes_together = _is_little_more(both, field)
    else:
        goes_together = bool(np.sum(seen.cells & field.cells) >= _SAME_PLACE * field.cells.sum())
    return Outline(both, is_sharp=False) if goes_together else seen


def _upsampled(cells: Cells, frame_shape: tuple[int, int]) -> FieldMask:
    """Draw the shape in frame pixels, larger by a margin: its rim is to be whole."""
    step = step_of(np.empty(frame_shape, np.uint8))
    middle = min(step // 2, min(frame_shape) - 1)
    mask = np.zeros(frame_shape, np.uint8)
    cv2.fillConvexPoly(mask, corners(cells) * step + middle, 255)
    radius = round(_MARGIN_CELLS * step)
    side = 2 * radius + 1
    larger = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    if cells.all():
        larger[:] = 255
    return np.asarray(cv2.merge([larger, larger, larger]), np.uint8)
