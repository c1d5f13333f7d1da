"""Augmentation that mimics endoscopy video: geometry, light, blur, noise, compression, inserted pictures."""

from typing import cast

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from scr_live.training.data import Sample

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def augment(sample: Sample, rng: Generator, *, size: int) -> Pair:
    """A random variant: (size, size, 3) RGB picture and (size, size) mask of 0 or 255."""
    image, mask = _geometry(sample.image, sample.mask, rng, size)
    image = _light(image, rng)
    if rng.random() < 0.3:
        image = _uneven_light(image, rng)
    if rng.random() < 0.25:
        image = _defocus_or_motion(image, rng)
    if rng.random() < 0.12:
        image = _colour_ghosts(image, rng)
    if rng.random() < 0.12:
        image = _interlace(image, rng)
    if rng.random() < 0.2:
        image = _noise(image, rng)
    if rng.random() < 0.2:
        image = _compress(image, rng)
    if rng.random() < 0.35:
        image = _highlights(image, rng)
    if rng.random() < 0.15:
        _insert_picture(image, mask, rng)
    return image, mask


def resized(sample: Sample, *, size: int) -> Pair:
    """The sample as it is, at another size."""
    if sample.image.shape[0] == size:
        return sample.image, sample.mask
    image = cv2.resize(sample.image, (size, size), interpolation=cv2.INTER_AREA)
    mask = cv2.resize(sample.mask, (size, size), interpolation=cv2.INTER_NEAREST)
    return cast("Pair", (image, mask))


def _geometry(image: NDArray[np.uint8], mask: NDArray[np.uint8], rng: Generator, size: int) -> Pair:
    """Flip, turn, zoom (0.5 to 1.8), stretch, shift: one resampling."""
    half = image.shape[0] / 2
    zoom = float(np.exp(rng.uniform(np.log(0.5), np.log(1.8)))) * size / image.shape[0]
    stretch = float(np.exp(rng.uniform(-0.15, 0.15)))
    angle = rng.uniform(-np.pi, np.pi) if rng.random() < 0.5 else rng.normal(0, 0.15)
    flip = rng.choice((-1.0, 1.0))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = zoom * turn @ np.diag((flip * stretch, 1 / stretch))
    centre = size / 2 + rng.uniform(-0.2, 0.2, 2) * size
    affine = np.column_stack((matrix, centre - matrix @ (half, half)))
    border = cv2.BORDER_REFLECT_101 if rng.random() < 0.4 else cv2.BORDER_CONSTANT
    interpolation = cv2.INTER_LINEAR if zoom > 0.7 else cv2.INTER_AREA
    turned = cv2.warpAffine(image, affine, (size, size), flags=interpolation, borderMode=border)
    moved = cv2.warpAffine(mask, affine, (size, size), flags=cv2.INTER_LINEAR, borderMode=border)
    return cast("NDArray[np.uint8]", turned), np.where(moved > 127, 255, 0).astype(np.uint8)


def _light(image: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    """Colour casts, saturation, contrast, brightness and gamma, as processors and scopes differ."""
    pixels = image.astype(np.float32)
    grey = pixels.mean(axis=2, keepdims=True)
    pixels = grey + (pixels - grey) * rng.uniform(0.65, 1.4)
    mean = float(grey.mean())
    pixels = mean + (pixels - mean) * rng.uniform(0.75, 1.3)
    pixels *= rng.uniform(0.75, 1.25) * np.exp(rng.normal(0, 0.06, 3)).astype(np.float32)
    table = 255.0 * np.linspace(0, 1, 256) ** np.exp(rng.uniform(-0.3, 0.3))
    return cast(
        "NDArray[np.uint8]", cv2.LUT(np.clip(pixels, 0, 255).astype(np.uint8), table.astype(np.uint8))
    )


def _uneven_light(image: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    """The lamp sits at the tip: near walls glare, far ones are dark, and a polyp may lie in either."""
    size = image.shape[0]
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    x, y = rng.uniform(-1.2, 1.2, 2)
    distance = np.hypot(axis[None, :] - x, axis[:, None] - y) / rng.uniform(0.7, 1.6)
    lit = np.float32(rng.uniform(0.8, 1.6)) / (1 + distance**2)
    gain = np.clip(lit + np.float32(rng.uniform(0.05, 0.35)), 0, 1.5)
    return np.clip(image * gain[..., None], 0, 255).astype(np.uint8)


def _colour_ghosts(image: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    """Scopes that take red, green and blue one after another split the colours of whatever moves."""
    size = image.shape[0]
    motion = rng.normal(0, 0.015, 2) * size
    result = image.copy()
    for channel, time in enumerate(rng.permutation((-1, 0, 1))):
        shift = np.array(((1, 0, time * motion[0]), (0, 1, time * motion[1])))
        result[..., channel] = cv2.warpAffine(
            image[..., channel], shift, (size, size), borderMode=cv2.BORDER_REPLICATE
        )
    return result


def _interlace(image: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    """Two half pictures of different moments in one: every other line is displaced."""
    lines = int(rng.integers(1, 3))  # a line of the video is one or two of a small picture
    shift = int(rng.integers(2, 10)) * int(rng.choice((-1, 1)))
    odd = np.arange(image.shape[0]) // lines % 2 == 1
    result = image.copy()
    result[odd] = np.roll(image, shift, axis=1)[odd]
    return result


def _defocus_or_motion(image: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    if rng.random() < 0.5:
        return cast("NDArray[np.uint8]", cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.5, 2.5))))
    length = int(rng.integers(3, 12))
    kernel = np.zeros((length, length), np.float32)
    angle = rng.uniform(0, np.pi)
    reach = (length - 1) / 2
    start = np.round(reach + reach * np.array((np.cos(angle), np.sin(angle)))).astype(int)
    end = np.round(reach - reach * np.array((np.cos(angle), np.sin(angle)))).astype(int)
    cv2.line(kernel, start.tolist(), end.tolist(), 1.0)
    return cast("NDArray[np.uint8]", cv2.filter2D(image, -1, kernel / kernel.sum()))


def _noise(image: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    noise = rng.standard_normal(image.shape, dtype=np.float32) * float(rng.uniform(2, 10))
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def _compress(image: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 75))])
    return cast("NDArray[np.uint8]", cv2.imdecode(data, cv2.IMREAD_COLOR))


def _highlights(image: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    """Small saturated blobs: wet highlights must mean nothing."""
    size = image.shape[0]
    spots = np.zeros((size, size), np.float32)
    for _ in range(int(rng.integers(1, 12))):
        centre = rng.integers(0, size, 2)
        axes = rng.integers(1, max(2, size // 16), 2)
        cv2.ellipse(spots, centre.tolist(), axes.tolist(), float(rng.uniform(0, 180)), 0, 360, 1.0, -1)
    soft = cv2.GaussianBlur(spots, (0, 0), 1.0)[..., None]
    return (image + (255.0 - image) * soft).astype(np.uint8)


def _insert_picture(image: NDArray[np.uint8], mask: NDArray[np.uint8], rng: Generator) -> None:
    """A scope-guide box or a blacked-out corner, in pictures with and without polyps alike.

    The sets differ in how often they have one, so a network could learn "box: no polyp".
    """
    size = image.shape[0]
    width, height = (int(size * rng.uniform(0.15, 0.35)) for _ in range(2))
    left = rng.random() < 0.8
    columns = slice(0, width) if left else slice(size - width, size)
    rows = slice(size - height, size) if rng.random() < 0.8 else slice(0, height)
    image[rows, columns] = 0
    mask[rows, columns] = 0
    if rng.random() < 0.6:
        box = np.zeros((height, width, 3), np.uint8)
        box[:] = (rng.integers(0, 60), rng.integers(90, 220), rng.integers(0, 110))
        points = rng.integers(0, (width, height), (8, 2)).astype(np.int32)
        cv2.polylines(box, [points], False, (200, 220, 200), max(1, size // 150), cv2.LINE_AA)
        inner = slice(height // 12, -max(1, height // 12)), slice(width // 12, -max(1, width // 12))
        image[rows, columns][inner] = box[inner]
