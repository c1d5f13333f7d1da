"""What the window shows: the picture scaled to fit, and lines of text below it, never on it."""

from dataclasses import dataclass
from typing import ClassVar, Final, TypeAlias

import cv2
import numpy as np

from scr_live.frames import Image

Colour: TypeAlias = tuple[int, int, int]
"""BGR."""

_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_SCALE: Final = 0.45
_GAP_PX: Final = 20
_BASELINE_PX: Final = 16
_MARGIN_PX: Final = 8
_GREY: Final[Colour] = (190, 190, 190)
_AMBER: Final[Colour] = (60, 180, 255)
_WHITE: Final[Colour] = (255, 255, 255)
_BACKGROUND: Final = 24


@dataclass(frozen=True, slots=True)
class Strip:
    """The text below the picture. A message takes the place of the items while there is one."""

    LINE_PX: ClassVar[int] = 24

    items: tuple[str, ...]
    alert: str = ""
    """What is not as it should be, such as "AI late": stands first, in amber."""
    message: str = ""

    def lines(self, width: int) -> list[list["Label"]]:
        """Place the labels, beginning a new line where the next one does not fit `width` pixels."""
        lines: list[list[Label]] = [[]]
        left = _MARGIN_PX
        for text, colour in self._texts():
            if lines[-1] and left + _text_width(text) > width - _MARGIN_PX:
                lines.append([])
                left = _MARGIN_PX
            lines[-1].append(Label(text, left, colour))
            left += _text_width(text) + _GAP_PX
        return lines

    def _texts(self) -> list[tuple[str, Colour]]:
        alerts = [(_printable(self.alert), _AMBER)] if self.alert else []
        if self.message:
            return [*alerts, (_printable(self.message), _WHITE)]
        return alerts + [(_printable(item), _GREY) for item in self.items]


@dataclass(frozen=True, slots=True)
class Label:
    """One text, where it begins in its line, and its colour."""

    text: str
    left_px: int
    colour: Colour


def compose(image: Image, strip: Strip, *, size: tuple[int, int]) -> Image:
    """Return the (height, width, 3) BGR view of `size` (width, height): the picture centred on black."""
    width, height = size
    lines = strip.lines(width)
    strip_px = min(height - 1, Strip.LINE_PX * len(lines))
    view = np.zeros((height, width, 3), np.uint8)
    _place(view[: height - strip_px], image)
    below = view[height - strip_px :]
    below[:] = _BACKGROUND
    for number, line in enumerate(lines):
        for label in line:
            at = label.left_px, number * Strip.LINE_PX + _BASELINE_PX
            cv2.putText(below, label.text, at, _FONT, _SCALE, label.colour, 1, cv2.LINE_AA)
    return view


def _place(room: Image, image: Image) -> None:
    """Scale to fit, keeping the proportions; one to one where it fits exactly."""
    (room_h, room_w), (height, width) = room.shape[:2], image.shape[:2]
    scale = min(room_w / width, room_h / height)
    fit = max(1, round(width * scale)), max(1, round(height * scale))
    scaled = image if fit == (width, height) else cv2.resize(image, fit, interpolation=cv2.INTER_LINEAR)
    left, top = (room_w - fit[0]) // 2, (room_h - fit[1]) // 2
    room[top : top + fit[1], left : left + fit[0]] = scaled[..., ::-1]


def _printable(text: str) -> str:
    """Keep to what OpenCV's built-in letters can show."""
    return text.encode("ascii", "replace").decode()


def _text_width(text: str) -> int:
    return cv2.getTextSize(text, _FONT, _SCALE, 1)[0][0]
