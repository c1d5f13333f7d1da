"""Marks: plain callables that draw a prediction on a copy of the frame, and nothing outside their reach.

A mark that moves attention must not hide what it points at: contours are thin and not filled, scores stand
beside the polyp, status text stands outside the field.
"""

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.frames import Contour, Image, Polyp, Prediction
from scr_live.geometry import Box

Overlay: TypeAlias = Callable[[Image, Prediction], None]
"""Draws on the picture in place. It marks polyps: where there are none, it draws nothing."""

Colour: TypeAlias = tuple[int, int, int]

SKY: Final[Colour] = (0, 210, 255)
"""The colour that mucosa, blood, bile and stool do not have, in normal and in colour-blind eyes."""
NIGHT: Final[Colour] = (10, 20, 30)
"""The dark edge under a mark: it stands out where the tissue is bright, and makes the mark stand out."""

FAINT: Final[Colour] = (10, 130, 160)
"""Sky in the shade: a region that is not announced yet."""


def draw(frame_image: Image, prediction: Prediction | None, overlays: Sequence[Overlay]) -> Image:
    """Return a new picture with the marks; the frame's own read-only picture if there is nothing to mark."""
    if prediction is None or not prediction.polyps or not overlays:
        return frame_image
    picture = frame_image.copy()
    for overlay in overlays:
        overlay(picture, prediction)
    return picture


def marks_mask(
    shape: tuple[int, int], prediction: Prediction, overlays: Iterable[Overlay]
) -> NDArray[np.bool_]:
    """Tell which pixels of a (height, width) picture the marks may change.

    Found by drawing on black and on white, so it holds for every overlay whose marks do not depend on what is
    under them. It costs two drawings: meant for tests and masks, not for every frame.
    """
    marked = np.zeros(shape, np.bool_)
    for ground in (0, 255):
        picture = np.full((*shape, 3), ground, np.uint8)
        for overlay in overlays:
            overlay(picture, prediction)
        marked |= np.not_equal(picture, ground).any(axis=2)
    return marked


@dataclass(frozen=True, slots=True)
class ContourOverlay:
    """A thin line along the contour on a dark edge, anti-aliased and placed to a sixteenth of a pixel."""

    thickness: float | None = None
    """Of the coloured line in pixels; None: a 280th of the picture's height. The nearest of the widths that
    there are is drawn: 1.4, 3.4, 5.4 ..."""
    colour: Colour = SKY

    def __call__(self, image: Image, prediction: Prediction) -> None:
        """Draw in place; what is not announced yet faintly: thin, darker, without an edge."""
        self._outline(image, [one for one in prediction.polyps if not one.announced], ((FAINT, 0),))
        step, edge_step = self._steps(image.shape[0])
        announced = [one for one in prediction.polyps if one.announced]
        self._outline(image, announced, ((NIGHT, edge_step), (self.colour, step)))

    @staticmethod
    def _outline(image: Image, polyps: Sequence[Polyp], lines: Iterable[tuple[Colour, int]]) -> None:
        outlines = [_fixed_point(polyp.contour) for polyp in polyps]
        for colour, width in lines if outlines else ():
            cv2.polylines(image, outlines, True, colour, max(1, 2 * width), cv2.LINE_AA, _FRACTION_BITS)

    def reach_px(self, height: int) -> float:
        """Return how far from the contour a pixel may change in a picture of this height."""
        _, edge_step = self._steps(height)
        return _THINNEST_PX / 2 + edge_step + 1.8  # the last: rounding, and soft edges at corners

    def _steps(self, height: int) -> tuple[int, int]:
        """Return by how many times 2 pixels line and edge are wider than the thinnest line."""
        width = height / 280 if self.thickness is None else self.thickness
        step = max(0, round((width - _THINNEST_PX) / 2))
        return step, step + max(1, round(height / 1080))


@dataclass(frozen=True, slots=True)
class ScoreLabel:
    """The score of each polyp, "0.93", on a small dark plate beside it."""

    colour: Colour = SKY

    def __call__(self, image: Image, prediction: Prediction) -> None:
        """Draw in place."""
        height, width = image.shape[:2]
        announced = [polyp for polyp in prediction.polyps if polyp.announced]
        for polyp, plate in zip(announced, self.plates((height, width), prediction), strict=True):
            _write(image, _score_text(polyp), plate, colour=self.colour)

    def plates(self, shape: tuple[int, int], prediction: Prediction) -> list[Box]:
        """Return where each announced polyp's plate lies in a (height, width) picture: all that is changed.

        Inside the field if there is room, else inside the picture; on no polyp unless they leave no room.
        """
        taken = [_bounds(polyp.contour) for polyp in prediction.polyps]
        frame = _Edges(0, 0, shape[1], shape[0])
        box = prediction.placement.box
        field = _Edges(box.x, box.y, min(box.x + box.width, shape[1]), min(box.y + box.height, shape[0]))
        plates = []
        for polyp in prediction.polyps:
            if not polyp.announced:
                continue
            size = _plate_size(_score_text(polyp), shape[0])
            plate = _free_place(_bounds(polyp.contour), size, (field, frame), taken=taken)
            taken.append(plate)
            plates.append(plate.box())
        return plates


def draw_status(image: Image, text: str, field: Box) -> Box | None:
    """Write short phrases, such as "AI late", in place; return the `status_plate`: all that is changed."""
    if not text:
        return None
    height, width = image.shape[:2]
    plate = status_plate((height, width), text, field)
    _write(image, text, plate, colour=_STATUS_COLOUR)
    return plate


def status_plate(shape: tuple[int, int], text: str, field: Box) -> Box:
    """Return where the status stands: in the black room beside the field, else at the very top left.

    It depends on the field alone, so the text does not jump from frame to frame.
    """
    height, width = shape
    plate_width, plate_height = _plate_size(text, height)
    plate_width, plate_height = min(plate_width, width), min(plate_height, height)
    right, below = width - field.x - field.width, height - field.y - field.height
    # Endoscopes write at the upper left and put pictures and logos at the lower corners.
    beside = round(0.6 * (height - plate_height))
    if right >= plate_width:
        return Box(width - right + (right - plate_width) // 2, beside, plate_width, plate_height)
    if field.x >= plate_width:
        return Box((field.x - plate_width) // 2, beside, plate_width, plate_height)
    if below >= plate_height:
        return Box((width - plate_width) // 2, height - plate_height, plate_width, plate_height)
    if field.y >= plate_height:
        return Box((width - plate_width) // 2, 0, plate_width, plate_height)
    return Box(0, 0, plate_width, plate_height)


def draw_no_signal(image: Image, text: str) -> None:
    """Write large, in the middle of what is no living picture: nobody must take it for one. In place."""
    height, width = image.shape[:2]
    letters = 3 * height
    plate_width, plate_height = (
        min(a, b) for a, b in zip(_plate_size(text, letters), (width, height), strict=True)
    )
    plate = Box((width - plate_width) // 2, (height - plate_height) // 2, plate_width, plate_height)
    _write(image, text, plate, colour=_STATUS_COLOUR, height=letters)


_STATUS_COLOUR: Final[Colour] = (255, 214, 90)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FRACTION_BITS = 4
_THINNEST_PX = 1.4  # what cv2.polylines makes of thickness 1 with LINE_AA; of 2n it makes 2n more


@dataclass(frozen=True, slots=True)
class _Edges:
    """A rectangle by its edges, which may lie outside the picture; the right and lower ones excluded."""

    left: int
    top: int
    right: int
    bottom: int

    def holds(self, other: "_Edges") -> bool:
        return (
            self.left <= other.left
            and self.top <= other.top
            and self.right >= other.right
            and self.bottom >= other.bottom
        )

    def overlap(self, other: "_Edges") -> int:
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0, width) * max(0, height)

    def box(self) -> Box:
        return Box(self.left, self.top, self.right - self.left, self.bottom - self.top)


def _fixed_point(contour: Contour) -> NDArray[np.int32]:
    return np.asarray(np.rint(contour * 2**_FRACTION_BITS), np.int32)


def _bounds(contour: Contour) -> _Edges:
    left, top = np.floor(contour.min(axis=0))
    right, bottom = np.ceil(contour.max(axis=0))
    return _Edges(int(left), int(top), int(right) + 1, int(bottom) + 1)


def _free_place(
    polyp: _Edges, size: tuple[int, int], bounds: Sequence[_Edges], *, taken: Sequence[_Edges]
) -> _Edges:
    """Return the first place beside the polyp that lies in the bounds and is free; else the least bad one."""
    width, height = size
    picture = bounds[-1]
    width, height = min(width, picture.right), min(height, picture.bottom)
    gap = max(4, height // 4)
    middle_x, middle_y = (polyp.left + polyp.right - width) // 2, (polyp.top + polyp.bottom - height) // 2
    corners = [
        (polyp.right + gap, polyp.top),
        (polyp.left - gap - width, polyp.top),
        (middle_x, polyp.top - gap - height),
        (middle_x, polyp.bottom + gap),
        (polyp.right + gap, polyp.bottom - height),
        (polyp.left - gap - width, polyp.bottom - height),
        (polyp.right + gap, middle_y),
        (polyp.left - gap - width, middle_y),
        (picture.right - width, 0),
        (0, 0),
        (picture.right - width, picture.bottom - height),
        (0, picture.bottom - height),
    ]
    places = [_Edges(x, y, x + width, y + height) for x, y in corners]
    for bound in bounds:
        for place in places:
            if bound.holds(place) and not any(place.overlap(other) for other in taken):
                return place
    inside = [place for place in places if picture.holds(place)]
    return min(inside, key=lambda place: sum(place.overlap(other) for other in taken))


def _score_text(polyp: Polyp) -> str:
    return f"{polyp.score:.2f}"


def _plate_size(text: str, height: int) -> tuple[int, int]:
    ink = _ink(text, height)
    pad = _pad_px(height)
    return ink.shape[1] + 2 * pad, ink.shape[0] + 2 * pad


def _write(image: Image, text: str, plate: Box, *, colour: Colour, height: int = 0) -> None:
    """Fill the plate and write on it, in letters for a picture of `height` (0: its own).

    Not one pixel outside the plate changes.
    """
    height = height or image.shape[0]
    pad = _pad_px(height)
    ground = plate.crop(image)
    ground[:] = NIGHT
    room = ground[pad:, pad:]  # a picture smaller than its text cuts it off
    ink = _ink(text, height)[: room.shape[0], : room.shape[1], None]
    room[: ink.shape[0], : ink.shape[1]] = np.rint(NIGHT + ink * np.subtract(colour, NIGHT))


@functools.lru_cache(maxsize=256)
def _ink(text: str, height: int) -> NDArray[np.float32]:
    """Draw the text for a picture of this height: coverage 0..1, cut to the ink.

    Capitals are a 45th of the picture's height and 12 pixels at least. Kept, because a picture shows few
    texts and drawing one costs more than all other marks.
    """
    capitals = max(12.0, height / 45)
    scale, stroke = capitals / _CAPITALS_AT_SCALE_1, max(1, round(capitals / 12))
    (width, rise), drop = cv2.getTextSize(text, _FONT, scale, stroke)
    around = rise + drop
    sheet = np.zeros((rise + drop + 2 * around, width + 2 * around), np.uint8)
    cv2.putText(sheet, text, (around, around + rise), _FONT, scale, 255, stroke, cv2.LINE_AA)
    x, y, width, height = cv2.boundingRect(sheet)
    return np.divide(sheet[y : y + height, x : x + width], 255, dtype=np.float32)


_CAPITALS_AT_SCALE_1 = 21.0  # pixels, of this font


def _pad_px(height: int) -> int:
    return max(4, height // 150)
