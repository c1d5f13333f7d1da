"""The paper's six augmentations and no others, each with its own chance.

The paper names them and the two zooms, and says no more. Chosen here: the chances, the range of the contrast
and of the crops, that a zoom keeps the centre, and that a picture is not zoomed in and out at once.
"""

from typing import Final, cast

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from scr_live.evaluation.image_sets import HALF_GREY
from scr_live.training.augment import Pair
from scr_live.training.data import Sample

FLIP_CHANCE: Final = 0.5
"""Of each of the two flips."""
CONTRAST_CHANCE: Final = 0.5
CONTRAST_RANGE: Final = (0.7, 1.3)
ZOOM_CHANCE: Final = 0.15
"""Of each of the two zooms. Most pictures keep the scale that they have in validation."""
ZOOM_OUT: Final = 0.5
ZOOM_IN: Final = 2.0
CROP_CHANCE: Final = 0.3
CROP_RANGE: Final = (0.7, 1.0)
"""Sides of the crop, as a share of what the picture shows."""


def paper_augment(sample: Sample, rng: Generator, *, size: int) -> Pair:
    """A random variant: (size, size, 3) RGB picture and (size, size) mask of 0 or 255."""
    image, mask = _window(sample, rng, size)
    if rng.random() < FLIP_CHANCE:
        image, mask = image[:, ::-1], mask[:, ::-1]
    if rng.random() < FLIP_CHANCE:
        image, mask = image[::-1], mask[::-1]
    if rng.random() < CONTRAST_CHANCE:
        image = _with_contrast(image, rng.uniform(*CONTRAST_RANGE))
    return np.ascontiguousarray(image), np.ascontiguousarray(mask)


def _window(sample: Sample, rng: Generator, size: int) -> Pair:
    """Zoom and crop are one square window of the picture, resampled once; outside the picture is black."""
    whole = float(sample.image.shape[0])
    kind = rng.random()
    zoom = ZOOM_OUT if kind < ZOOM_CHANCE else ZOOM_IN if kind < 2 * ZOOM_CHANCE else 1.0
    side = whole / zoom
    left = top = (whole - side) / 2
    if rng.random() < CROP_CHANCE:
        cropped = side * rng.uniform(*CROP_RANGE)
        left, top = np.array((left, top)) + rng.uniform(0, side - cropped, 2)
        side = cropped
    scale = size / side
    if scale == 1.0 and left == top == 0.0:
        return sample.image, sample.mask
    # Pixel centres lie on integers: a picture reaches from -0.5 to size - 0.5.
    affine = np.array(
        ((scale, 0, scale * (0.5 - left) - 0.5), (0, scale, scale * (0.5 - top) - 0.5)), np.float64
    )
    image = cv2.warpAffine(sample.image, affine, (size, size), flags=cv2.INTER_LINEAR)
    mask = cv2.warpAffine(sample.mask, affine, (size, size), flags=cv2.INTER_LINEAR)
    return cast("NDArray[np.uint8]", image), np.where(mask > HALF_GREY, 255, 0).astype(np.uint8)


def _with_contrast(image: NDArray[np.uint8], factor: float) -> NDArray[np.uint8]:
    """Stretch or squeeze the pixels about their mean."""
    mean = float(image.mean())
    return np.clip(mean + (image.astype(np.float32) - mean) * factor, 0, 255).astype(np.uint8)
