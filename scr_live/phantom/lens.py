"""The optics and the monitor picture: fisheye directions, octagonal field, side text."""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

HALF_ANGLE = 1.18
"""Radians from the optical axis to the left and right ends of the field."""
CORNER = 0.52
"""How much the octagon lacks of its box at each corner, in half heights."""


@lru_cache(maxsize=8)
def directions(width: int, height: int, *, columns: int, rows: int) -> NDArray[np.float32]:
    """(rows, columns, 3) unit camera directions (right, down, forward) on a coarser grid of the frame."""
    centre_x, centre_y, half_width, _ = field_box(width, height)
    x = ((np.arange(columns) + 0.5) * width / columns - 0.5 - centre_x) / half_width * HALF_ANGLE
    y = ((np.arange(rows) + 0.5) * height / rows - 0.5 - centre_y) / half_width * HALF_ANGLE
    right, down = np.meshgrid(x, y)
    angle = np.hypot(right, down)
    sine = np.sinc(np.minimum(angle, 1.6) / np.pi)
    return np.dstack([right * sine, down * sine, np.cos(np.minimum(angle, 1.6))]).astype(np.float32)


def field_box(width: int, height: int) -> tuple[float, float, float, float]:
    """Centre x, centre y, half width and half height of the octagonal field in pixels."""
    half_height = height / 2 - max(1.0, 0.012 * height)
    half_width = min(half_height * 1.16, width / 2 - max(1.0, 0.012 * width))
    return width - half_width - max(1.0, 0.012 * width) - 0.5, height / 2 - 0.5, half_width, half_height


@lru_cache(maxsize=8)
def octagon(width: int, height: int) -> NDArray[np.float32]:
    """(h, w) coverage 0..1 of the field, soft over about a pixel."""
    cx, cy, half_width, half_height = field_box(width, height)
    cut = CORNER * half_height
    corners = [
        (-half_width + cut, -half_height), (half_width - cut, -half_height), (half_width, -half_height + cut),
        (half_width, half_height - cut), (half_width - cut, half_height), (-half_width + cut, half_height),
        (-half_width, half_height - cut), (-half_width, -half_height + cut),
    ]  # fmt: skip
    field = np.zeros((height, width), np.uint8)
    points = np.round((np.array(corners) + np.array([cx, cy])) * 16).astype(np.int32)
    cv2.fillPoly(field, [points], 255, cv2.LINE_AA, 4)
    return field.astype(np.float32) / np.float32(255)


@lru_cache(maxsize=8)
def octagon_rgb(width: int, height: int) -> NDArray[np.uint8]:
    """(h, w, 3) the same as 0..255, once per channel."""
    return np.repeat(np.round(octagon(width, height) * 255).astype(np.uint8)[..., None], 3, axis=2)


@lru_cache(maxsize=8)
def vignette(width: int, height: int) -> NDArray[np.float32]:
    """(h, w) light lost towards the rim of the lens."""
    cx, cy, half_width, _ = field_box(width, height)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    radius = np.hypot(x - np.float32(cx), y - np.float32(cy)) / np.float32(half_width)
    return np.asarray(1 - 0.35 * np.clip(radius - 0.45, 0, 1) ** 1.5, dtype=np.float32)


def write_caption(image: NDArray[np.uint8], lines: tuple[str, ...]) -> None:
    """Write small monitor text into the black strip left of the field, if it is wide enough."""
    height, width = image.shape[:2]
    cx, _, half_width, _ = field_box(width, height)
    strip = cx - half_width
    size = min(strip / 185, height / 1100)
    if size < 0.22:  # noqa: PLR2004 - not readable below
        return
    for number, line in enumerate(lines):
        place = (round(0.05 * strip), round(height * 0.2 + number * 26 * size))
        cv2.putText(image, line, place, cv2.FONT_HERSHEY_SIMPLEX, size, (225, 225, 225), 1, cv2.LINE_AA)
