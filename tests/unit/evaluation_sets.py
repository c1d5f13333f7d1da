"""Image sets small enough to be counted by hand, for the tests of evaluation."""

import cv2
import numpy as np

SIDE = 16


def boxed(box, *, inside, outside):
    x, y, width, height = box
    picture = np.full((SIDE, SIDE, 3), outside, np.uint8)
    picture[y : y + height, x : x + width] = inside
    return picture


def write(path, picture):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, picture)[1].tobytes())


BRIGHT = boxed((4, 4, 8, 8), inside=230, outside=90)
"""The tiny model answers with the brightness: 230/255 = 0.90 in 64 pixels, 90/255 = 0.35 in the other 192."""
DULL = np.full((SIDE, SIDE, 3), 90, np.uint8)

HALF = (8, 4, 8, 8)
"""A polyp of 64 pixels, 32 of which are bright."""
NOTHING = (0, 0, 0, 0)


def make_set(folder, pictures, *, with_masks=True):
    """`pictures`: name -> (picture, box of the polyp)."""
    for name, (picture, polyp) in pictures.items():
        write(folder / "images" / f"{name}.png", picture)
        if with_masks:
            write(folder / "masks" / f"{name}.png", boxed(polyp, inside=255, outside=0)[..., 0])
    return folder
