"""Pictures of fields on a dark ground, and what endoscopes write beside them."""

import functools

import cv2
import numpy as np

HD, SD = (1080, 1920), (480, 640)


@functools.cache
def mucosa(shape, seed=0):
    """Something pink with folds and a dark lumen near the middle, (h, w, 3) uint8."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:135, :240] / np.array([135, 240])[:, None, None]
    middle = rng.uniform(0.35, 0.65, 2)
    far = np.hypot(rows - middle[0], columns - middle[1])
    light = np.clip(0.08 + 1.6 * far, 0, 1) * (0.85 + 0.15 * np.sin(40 * far))
    colours = light[:, :, None] * np.array([225, 140, 120]) + rng.normal(12, 6, (135, 240, 1))
    return cv2.resize(np.clip(colours, 0, 255).astype(np.uint8), shape[::-1])


def mask_of(kind, shape, box):
    mask = np.zeros(shape, np.uint8)
    left, top, right, bottom = box.x, box.y, box.x + box.width - 1, box.y + box.height - 1
    if kind == "rectangle":
        mask[top : bottom + 1, left : right + 1] = 1
    elif kind == "octagon":
        cut = round(0.22 * box.height)
        corners = [
            (left + cut, top), (right - cut, top), (right, top + cut), (right, bottom - cut),
            (right - cut, bottom), (left + cut, bottom), (left, bottom - cut), (left, top + cut),
        ]  # fmt: skip
        cv2.fillPoly(mask, [np.array(corners)], 1)
    elif kind == "rounded":
        radius = round(0.12 * box.height)
        mask[top + radius : bottom + 1 - radius, left : right + 1] = 1
        for x in (left + radius, right - radius):
            for y in (top + radius, bottom - radius):
                cv2.circle(mask, (x, y), radius, 1, cv2.FILLED)
        mask[top : bottom + 1, left + radius : right + 1 - radius] = 1
    else:
        rows, columns = np.ogrid[: shape[0], : shape[1]]
        centre = (left + right) / 2, (top + bottom) / 2
        # A circle cut off above and below where the box is wider than high.
        inside = (columns - centre[0]) ** 2 + (rows - centre[1]) ** 2 <= (box.width / 2) ** 2
        mask[top : bottom + 1][inside[top : bottom + 1]] = 1
    return mask


def frame(kind, shape, box, *, ground=0, seed=0):
    """A field of that kind on a dark ground."""
    mask = mask_of(kind, shape, box)
    return np.where(mask[:, :, None] == 1, mucosa(shape, seed), np.uint8(ground))


def noisy(image, sigma):
    noise = np.random.default_rng(5).normal(0, sigma, image.shape[:2]).astype(np.int16)
    return np.clip(image + noise[:, :, None], 0, 255).astype(np.uint8)


def write_text(image, x, *, colour=(230, 230, 230)):
    height = image.shape[0]
    for line, words in enumerate(["ID: 0815", "23/11/2026", "10:41:07", "SCV:---", "CVP: A3", "Comment:"]):
        place = (x, round(height * (0.1 + 0.06 * line)))
        cv2.putText(image, words, place, cv2.FONT_HERSHEY_SIMPLEX, height / 900, colour, 1 + height // 700)


def paste(image, box, *, colour=(30, 200, 170)):
    box.crop(image)[:] = colour
