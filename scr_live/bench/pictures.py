"""The pictures that every engine is shown: a few of the phantom, enlarged to what an endoscope gives."""

from typing import Final

import cv2
import numpy as np

from scr_live.frames import Image
from scr_live.phantom.options import PhantomOptions
from scr_live.phantom.render import render

PICTURES: Final = 6
_STEP: Final = 25  # frames apart: another piece of the flight each


def pictures(width: int, height: int, *, count: int = PICTURES) -> list[Image]:
    """Render pictures of one flight, each (height, width, 3)."""
    options = PhantomOptions(width=640, height=512)
    return [enlarged(render(options, _STEP * index)[0], width, height) for index in range(count)]


def enlarged(image: Image, width: int, height: int) -> Image:
    """Scale a picture into another size as an endoscope's processor does, black at the sides."""
    factor = min(width / image.shape[1], height / image.shape[0])
    wide, high = (max(1, round(side * factor)) for side in (image.shape[1], image.shape[0]))
    canvas = np.zeros((height, width, 3), np.uint8)
    left, top = (width - wide) // 2, (height - high) // 2
    canvas[top : top + high, left : left + wide] = cv2.resize(
        image, (wide, high), interpolation=cv2.INTER_LINEAR
    )
    return canvas
