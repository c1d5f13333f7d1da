"""A picture of tissue that moves, and what a model might say of it."""

import cv2
import numpy as np

from scr_live.frames import Frame, Polyp
from scr_live.geometry import Box, Placement, polyps_from_probability

SIZE = 352
PLACE = Placement(Box(0, 0, SIZE, SIZE), SIZE)
FPS = 25.0


def tissue(*, seed=0, margin=200):
    """A mucosa-like texture, larger than a frame by the margin on each side."""
    rng = np.random.default_rng(seed)
    side = SIZE + 2 * margin
    coarse = cv2.resize(rng.random((side // 24, side // 24, 1)).astype(np.float32), (side, side))
    fine = cv2.GaussianBlur(rng.random((side, side)).astype(np.float32), (0, 0), 1.2)
    light = 0.55 + 0.3 * (coarse - 0.5) + 0.9 * (fine - 0.5)
    return np.clip(light[..., None] * np.array([230, 130, 95]), 0, 255).astype(np.uint8)


def view(picture, x=0, y=0, *, margin=200):
    """The frame at an offset: content moves by (-x, -y)."""
    return np.ascontiguousarray(picture[margin + y : margin + y + SIZE, margin + x : margin + x + SIZE])


def blob(x, y, radius=30, *, height=0.95):
    """A probability map with one round region."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    return (height / (1 + np.exp((np.hypot(columns - x, rows - y) - radius) / 3))).astype(np.float32)


def frame(index, image=None, *, time_s=None):
    image = np.zeros((SIZE, SIZE, 3), np.uint8) if image is None else image.copy()
    return Frame(image, index, index / FPS if time_s is None else time_s, captured_at=index / FPS)


def regions(probability, threshold=0.5) -> tuple[Polyp, ...]:
    return polyps_from_probability(probability, PLACE, threshold=threshold)
