"""Text in the dark margins that names a patient who does not exist, as a processor burns it in."""

import cv2
import numpy as np

from scr_live.frames import Image
from scr_live.phantom import lens

STRIP = ("DOE, JANE", "1970-01-01", "F  ID 0000000", "1970-01-01", "NO HOSPITAL", "DR. NOBODY")
"""Name, birth, sex and number, day, hospital, physician."""
CORNERS = (
    ("DOE, JANE", "1970-01-01"),
    ("NO HOSPITAL", "1970-01-01"),
    ("ID 0000000", "F"),
    ("DR. NOBODY", "CF-00"),
)
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
    strip, corner = cx - half_width, lens.CORNER * half_height
    _write(layer, STRIP, (0.05 * strip, 0.4 * height), room=0.9 * strip)
    for lines, (right, down) in zip(CORNERS, ((-1, -1), (1, -1), (-1, 1), (1, 1)), strict=True):
        _write(layer, lines, (cx + right * half_width, cy + down * half_height), room=0.7 * corner)
    outside = lens.octagon(width, height)[..., None] == 0
    np.maximum(image, layer, out=image, where=outside)


def _write(layer: Image, lines: tuple[str, ...], place: tuple[float, float], *, room: float) -> None:
    """Write lines into the frame from a point towards its middle, as large as fits into `room` pixels."""
    height, width = layer.shape[:2]
    widest = max(cv2.getTextSize(line, _FONT, 1, 1)[0][0] for line in lines)
    scale = min(room / widest, height / 800)
    if scale < _LEAST:
        return
    x, y = place
    is_right, is_low = x > width / 2, y > height / 2
    for number, line in enumerate(lines):
        long = cv2.getTextSize(line, _FONT, scale, 1)[0][0]
        row = y - (6 + 32 * number) * scale if is_low else y + (26 + 32 * number) * scale
        at = (round(x - long if is_right else x), round(row))
        cv2.putText(layer, line, at, _FONT, scale, _INK, 1, cv2.LINE_AA)
