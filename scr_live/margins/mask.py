"""What of a video's frames may be recorded: the field's shape, followed over time."""

from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.content import LOOK_EVERY, Cells, step_of
from scr_live.frames import Image
from scr_live.margins.outline import Look, Outline, corners, hull, is_page, outline_in, overlap

FieldMask: TypeAlias = NDArray[np.uint8]
"""(h, w, 3), 255 in the field and 0 outside."""


class MarginMask:
    """Follows the shape of the field in a video; used by one thread.

    The first look that shows a field counts; until then nothing may be shown. Dark, blank and white frames
    change nothing. The shape grows once several looks in a row would have it grow alike, to the whole frame
    only after seconds of them. It shrinks to a sharp outline that stays for seconds, which few shadows have,
    or to any that stays for much longer. The shape before the present one is believed again at once, unless
    it was the whole frame. A frame that is a page of text is not shown. Another frame size starts afresh.
    """

    def __init__(self, *, every: int = LOOK_EVERY) -> None:
        if every < 1:
            raise ValueError(f"a look every {every} frames is impossible: give 1 or more")
        self._every = every
        self._restart((0, 0))

    def _restart(self, frame_shape: tuple[int, int]) -> None:
        self._frame_shape = frame_shape
        self._frames_to_skip = 0
        self._field: Outline | None = None
        self._mask: FieldMask | None = None
        self._former: Outline | None = None
        """What it was before it shrank or came back, unless that was the whole frame."""
        self._smaller: Outline | None = None
        self._larger: Outline | None = None
        """What the last looks would have it become."""
        self._calm_looks = self._larger_looks = self._smaller_looks = self._sharp_looks = 0

    def update(self, image: Image) -> FieldMask | None:
        """Take the next frame and return what of it may be shown; None: nothing. Not to be changed."""
        if image.shape[:2] != self._frame_shape:
            self._restart((image.shape[0], image.shape[1]))
        look = Look(image)
        is_page_now = self._field is not None and is_page(look, self._field)
        if self._frames_to_skip > 0:
            self._frames_to_skip -= 1
        elif not is_page_now:
            self._judge(outline_in(look))
            self._frames_to_skip = self._every - 1 if self._calm_looks >= _SETTLED_LOOKS else 0
        return None if is_page_now else self._mask

    def _judge(self, seen: Outline | None) -> None:
        field, former = self._field, self._former
        if seen is None:
            return
        if field is None:
            self._adopt(seen)
        elif former is not None and _is_back(former, seen, field):
            self._adopt(former, former=field)
        elif _reaches_out(seen, field):
            self._grow(field, seen)
        elif _are_alike(seen, field):
            self._confirm(field, seen)
        else:
            self._shrink(field, seen)

    def _confirm(self, field: Outline, seen: Outline) -> None:
        self._larger_looks = self._smaller_looks = self._sharp_looks = 0
        self._calm_looks += 1
        if seen.is_sharp and not field.is_sharp:
            self._field = Outline(field.cells, is_sharp=True, ground=seen.ground)

    def _grow(self, field: Outline, seen: Outline) -> None:
        self._calm_looks = self._smaller_looks = self._sharp_looks = 0
        grown = _grown(field, seen)
        if self._larger is None or not _are_alike(grown, self._larger):
            self._larger_looks = 0
        self._larger = grown
        self._larger_looks += 1
        if self._larger_looks >= _looks_to_grow(field, grown):
            self._adopt(grown)

    def _shrink(self, field: Outline, seen: Outline) -> None:
        self._larger_looks = 0
        # Where all of the frame is shown, its margins may be: every frame is looked at until that is settled.
        self._calm_looks = 0 if field.is_whole else self._calm_looks + 1
        smaller = self._smaller or seen
        if not _are_alike(seen, smaller):
            if self._sharp_looks and not seen.is_sharp and not _reaches_out(seen, smaller):
                return  # a shadow on what is smaller
            self._smaller_looks = self._sharp_looks = 0
        self._smaller = seen
        self._smaller_looks += 1
        self._sharp_looks += seen.is_sharp
        if self._sharp_looks >= _SHRINK_LOOKS or self._smaller_looks >= _FADE_LOOKS:
            self._adopt(seen, former=None if field.is_whole else field)

    def _adopt(self, field: Outline, *, former: Outline | None = None) -> None:
        self._former = former
        self._field = field
        self._mask = _upsampled(field.cells, self._frame_shape)
        self._calm_looks = self._larger_looks = self._smaller_looks = self._sharp_looks = 0


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
_WHOLE_LOOKS = 75  # 3 s: a bright page has no margins, too
_SHRINK_LOOKS = 15  # 3.6 s at 25 frames a second, 0.6 s from the whole frame
_FADE_LOOKS = 75  # 18 s, 3 s from the whole frame: some fields have no sharp rim
_SMALL_GROWTH: Final = 1.15
_SAME_PLACE: Final = 0.7
_MARGIN_CELLS: Final = 1.5  # the outline runs through the outermost lit cells, the rim up to one further out


def _reaches_out(seen: Outline, field: Outline) -> bool:
    return bool(np.any(seen.cells > cv2.dilate(field.cells, _REACH)))


def _are_alike(one: Outline, other: Outline) -> bool:
    return overlap(one.cells, other.cells) >= _ALIKE


def _is_back(former: Outline, seen: Outline, field: Outline) -> bool:
    """Whether this is the former field again; a larger one needs a sharp outline."""
    fits = overlap(seen.cells, field.cells) < overlap(seen.cells, former.cells) >= _ALIKE
    return fits and (seen.is_sharp or not _reaches_out(seen, field))


def _looks_to_grow(field: Outline, grown: Outline) -> int:
    """A little more is soon believed, another field less so, least of all that there are no margins."""
    if grown.is_whole:
        return _WHOLE_LOOKS
    return _GROW_LOOKS if _is_little_more(hull(field.cells | grown.cells), field) else _MOVE_LOOKS


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
    return Outline(both, is_sharp=False, ground=seen.ground) if goes_together else seen


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
