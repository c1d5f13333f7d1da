"""Text in the dark margins that names a patient who does not exist, as a processor burns it in."""

import cv2
import numpy as np

from scr_live.frames import Image
from scr_live.phantom import lens

STRIP = ("DOE, JANE", "1970-01-01", "F  ID 0000000", "1970-01-01", "NO HOSPITAL", "DR. NOBODY")
"""Name, birth, sex and number, day, hospital, physician."""
CORNERS = (("DOE, JANE", "1970-01-01"), ("NO HOSPITAL", "1970-01-01"), ("ID 0000000", "F"), ("DR. NOBODY", "CF-00"))
"""Top left, top right, bottom left, bottom right: between octagon and bounding box."""
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_INK = (225, 225, 225)
_LEAST = 0.2
"""Font scale below which nothing can be read."""


def write_patient(image: Image) -> None:
    """Write the strip left of the field and the four corners; the field itself stays as it is."""
    height, width = image.shape[:2]
    layer = np.zeros_like(image)
    cx, cy, half_width, half_height = lens.field_box(width, height)
    strip = cx - half_width
    _write(layer, STRIP, x=0.05 * strip, y=0.42 * height, room=0.9 * strip, step=1)
    corner = lens.CORNER * half_height
    for number, lines in enumerate(CORNERS):
        at_right, at_bottom = number % 2, number // 2
        edge = cx + half_width if at_right else cx - half_width
        y = cy + half_height - 3 if at_bottom else cy - half_height + 0.13 * corner + 3
        _write(layer, lines, x=edge, y=y, room=0.72 * corner, step=-1 if at_bottom else 1, is_right=bool(at_right))
    outside = lens.octagon(width, height)[..., None] == 0
    np.maximum(image, layer, out=image, where=outside)


def _write(
    layer: Image, lines: tuple[str, ...], *, x: float, y: float, room: float, step: int, is_right: bool = False
) -> None:
    """Write lines from `y` downwards (or, with step -1, upwards), as large as fits into `room` pixels."""
    widest = max(cv2.getTextSize(line, _FONT, 1, 1)[0][0] for line in lines)
    scale = min(room / widest, layer.shape[0] / 800)
    if scale < _LEAST:
        return
    for number, line in enumerate(lines):
        long = cv2.getTextSize(line, _FONT, scale, 1)[0][0]
        place = (round(x - long if is_right else x), round(y + number * step * 32 * scale))
        cv2.putText(layer, line, place, _FONT, scale, _INK, 1, cv2.LINE_AA)
