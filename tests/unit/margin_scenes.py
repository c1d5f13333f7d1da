"""Fields, pages of text, and what a margin mask shows of them."""

import functools

import cv2
import numpy as np
from field_pictures import HD, SD, frame, mask_of, noisy, write_text

from scr_live.content import step_of
from scr_live.geometry import Box

FIELDS = [
    ("octagon", HD, Box(400, 12, 1280, 1056)),
    ("octagon", HD, Box(720, 0, 1200, 1080)),
    ("circle", HD, Box(430, 10, 1060, 1060)),
    ("circle", HD, Box(300, 0, 1300, 1080)),
    ("rounded", HD, Box(160, 40, 1440, 1000)),
    ("rectangle", HD, Box(600, 100, 1100, 880)),
    ("octagon", SD, Box(160, 10, 460, 460)),
    ("circle", SD, Box(90, 20, 440, 440)),
]
FIELD = Box(160, 10, 460, 460)
TRUE = mask_of("octagon", SD, FIELD) > 0


def near(true, image, *, cells=2.6):
    """The field and a margin of the thumbnail's cells around it, within which its rim is kept whole."""
    distance = cv2.distanceTransform(1 - true.astype(np.uint8), cv2.DIST_L2, 5)
    return distance <= cells * step_of(image)


def shown_by(finder, image):
    mask = finder.update(image)
    return np.zeros(image.shape[:2], np.bool_) if mask is None else mask[:, :, 0] > 0


@functools.cache
def _field(seed, kind, box):
    return noisy(frame(kind, SD, box, ground=8, seed=seed), 1.5)


def field(seed=0, *, kind="octagon", box=FIELD):
    return _field(seed % 8, kind, box).copy()


def follow(finder, images):
    return [shown_by(finder, image) for image in images]


def page(shape, *, ground=0, colour=(230, 230, 230)):
    image = np.full((*shape, 3), ground, np.uint8)
    for x in range(20, shape[1] - 100, shape[1] // 4):
        write_text(image, x, colour=colour)
    return image


PAGES = {
    "black": page(SD),
    "dark": page(SD, ground=20),
    "grey": page(SD, ground=110),
    "white": page(SD, ground=255, colour=(0, 0, 0)),
    "blue": page(SD, ground=(20, 40, 120)),
    "panel": np.pad(page((360, 480), ground=120), ((60, 60), (80, 80), (0, 0))),
}
WHITE_PANEL = np.pad(page((360, 480), ground=255, colour=(0, 0, 0)), ((60, 60), (80, 80), (0, 0)))
NOTHING = {
    "white panel": WHITE_PANEL,
    "black": np.zeros((*SD, 3), np.uint8),
    "white": np.full((*SD, 3), 255, np.uint8),
    "one pixel": np.full((1, 1, 3), 90, np.uint8),
    "a line": np.full((2, 900, 3), 90, np.uint8),
}
