"""Image files: what counts as one, and one way to read them for sources, evaluation and training."""

from pathlib import Path
from typing import Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.frames import Image

IMAGE_SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


def read_rgb(path: Path) -> Image | None:
    """(h, w, 3) RGB: turned by its EXIF mark, 16 bits scaled to 8, alpha dropped. None: no image. OSError."""
    image = _decoded(path, cv2.IMREAD_COLOR)
    return None if image is None else cast("Image", cv2.cvtColor(image, cv2.COLOR_BGR2RGB))


def read_grey(path: Path) -> NDArray[np.uint8] | None:
    """(h, w) in the same way."""
    return _decoded(path, cv2.IMREAD_GRAYSCALE)


def _decoded(path: Path, mode: int) -> NDArray[np.uint8] | None:
    data = np.frombuffer(path.read_bytes(), np.uint8)  # and not cv2.imread: it fails on some paths on Windows
    try:
        return cast("NDArray[np.uint8] | None", cv2.imdecode(data, mode))
    except cv2.error:  # an empty file, or a header that announces more pixels than OpenCV takes
        return None
