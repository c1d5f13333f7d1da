"""Seeded noise on tiles that repeat without a seam."""

from typing import TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

Field: TypeAlias = NDArray[np.float32]
"""(h, w) scalar field."""


def as_field(values: object) -> Field:
    """Tell the type checker that an OpenCV or numpy result is float32; nothing is copied."""
    return cast("Field", values)


def smooth_noise(
    rng: np.random.Generator, shape: tuple[int, int], *, cell_px: float, stretch: float = 1.0
) -> Field:
    """Tileable noise of mean 0 and standard deviation 1; `cell_px` is the size of its blobs.

    `stretch` above 1 makes the blobs longer along the rows (axis 0).
    """
    rows, columns = shape
    # A coarse random grid, enlarged with wrapped margins: far cheaper than a wide blur at full size.
    step = max(1.0, cell_px / 2)
    coarse = rng.standard_normal((max(4, round(rows / step / stretch)), max(4, round(columns / step))))
    margin = 3
    padded = np.pad(wrap_blur(coarse.astype(np.float32), sigma_px=0.6), margin, mode="wrap")
    scale_y, scale_x = rows / coarse.shape[0], columns / coarse.shape[1]
    y = (np.arange(rows, dtype=np.float32) + 0.5) / scale_y - 0.5 + margin
    x = (np.arange(columns, dtype=np.float32) + 0.5) / scale_x - 0.5 + margin
    map_x, map_y = np.meshgrid(x, y)
    field = as_field(cv2.remap(padded, map_x, map_y, cv2.INTER_CUBIC))
    return as_field((field - field.mean()) / (field.std() + 1e-6))


def wrap_blur(field: Field, *, sigma_px: float) -> Field:
    """Gaussian blur of a tile that repeats in both directions."""
    margin = min(int(3 * sigma_px) + 2, *field.shape)
    padded = np.pad(field, margin, mode="wrap")
    blurred = cv2.GaussianBlur(padded, (0, 0), sigma_px)
    return np.ascontiguousarray(blurred[margin:-margin, margin:-margin])


def slopes(height: Field) -> tuple[Field, Field]:
    """Central differences (along columns, along rows) of a repeating height field, per pixel."""
    along_x = (np.roll(height, -1, axis=1) - np.roll(height, 1, axis=1)) / 2
    along_y = (np.roll(height, -1, axis=0) - np.roll(height, 1, axis=0)) / 2
    return as_field(along_x), as_field(along_y)
