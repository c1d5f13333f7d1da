"""What washes over the lens: bubbles that show the colon in little, and turbid liquid."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.phantom import lens
from scr_live.phantom.noise import Field, as_field, smooth_noise

COUNT = 220
_PASTE = np.array([0.42, 0.33, 0.16], np.float32)
"""Light of turbid liquid (R, G, B): dilute stool."""
_TILE_PX = 256
_OPAQUE = 0.5
"""Where liquid hides more than this, nothing is seen."""


@dataclass(frozen=True, slots=True, eq=False)
class Bubble:
    """One bubble in pixels of the frame."""

    x: float
    y: float
    radius: float


def float_bubbles(seed: int, amount: float, time_s: float, size: tuple[int, int]) -> list[Bubble]:
    """Those on the lens at a time; they come from the lower left and float about."""
    cx, cy, half_width, half_height = lens.field_box(*size)
    table = _bubble_table(seed)
    shown = table[: round(amount * COUNT)]
    grown = np.clip(amount * COUNT - np.arange(len(shown)), 0, 6) / 6
    x = shown[:, 0] + 0.03 * np.sin(time_s * shown[:, 4] + shown[:, 3])
    y = shown[:, 1] + 0.05 * np.sin(0.5 * time_s + shown[:, 3])
    radius = shown[:, 2] * grown * half_height
    return [
        Bubble(cx + a * half_width, cy + b * half_height, r)
        for a, b, r in zip(x, y, radius, strict=True)
        if r >= 1
    ]


def lay_bubbles(planes: list[Field], bubbles: list[Bubble]) -> None:
    """Draw bubbles over the planes: a small picture of the surroundings, a bright rim, two glints."""
    before = [plane.copy() for plane in planes]
    for bubble in bubbles:
        _lay_one(planes, before, bubble)


def hide_bubbles(hidden: NDArray[np.uint8], bubbles: list[Bubble]) -> None:
    """Mark the discs of bubbles."""
    for bubble in bubbles:
        centre = (round(bubble.x), round(bubble.y))
        cv2.circle(hidden, centre, max(1, round(bubble.radius)), 1, cv2.FILLED)


def turbidity(seed: int, amount: float, time_s: float, size: tuple[int, int]) -> Field:
    """(h, w) 0..1: how much of the picture liquid hides."""
    width, height = size
    tile = np.roll(_liquid_tile(seed), (round(40 * time_s), round(9 * time_s)), axis=(0, 1))
    whole = as_field(cv2.resize(tile, (max(size), max(size))))[:height, :width]
    return as_field(np.clip(amount * (np.float32(0.8) + np.float32(0.13) * whole), 0, 0.97))


def lay_liquid(planes: list[Field], cover: Field, amount: float) -> None:
    """Blur the planes, and mix them with liquid."""
    sigma = 0.3 + 0.02 * amount * cover.shape[1]
    for plane, colour in zip(planes, _PASTE, strict=True):
        blurred = as_field(cv2.GaussianBlur(plane, (0, 0), sigma))
        plane[:] = blurred + (colour * (np.float32(0.6) + np.float32(0.5) * cover) - blurred) * cover


def is_opaque(cover: Field) -> NDArray[np.bool_]:
    """Where liquid lets nothing through."""
    return np.asarray(cover > _OPAQUE)


@lru_cache(maxsize=2)
def _bubble_table(seed: int) -> NDArray[np.float64]:
    """(COUNT, 5): x, y and radius in half sizes of the field, phase, rate; the lower left comes first."""
    rng = np.random.default_rng([seed, 9])
    table = np.column_stack(
        [
            rng.uniform(-1.05, 1.05, COUNT),
            rng.uniform(-1.05, 1.05, COUNT),
            np.clip(rng.lognormal(-2.5, 0.55, COUNT), 0.025, 0.3),
            rng.uniform(0, 6, COUNT),
            rng.uniform(0.5, 2, COUNT),
        ]
    )
    return table[np.argsort(table[:, 0] - table[:, 1] + rng.normal(0, 0.35, COUNT))]


@lru_cache(maxsize=2)
def _liquid_tile(seed: int) -> Field:
    rng = np.random.default_rng([seed, 10])
    shape = (_TILE_PX, _TILE_PX)
    tile = smooth_noise(rng, shape, cell_px=60) + 0.5 * smooth_noise(rng, shape, cell_px=18)
    return as_field(tile.astype(np.float32))


def _lay_one(planes: list[Field], before: list[Field], bubble: Bubble) -> None:
    height, width = planes[0].shape
    x0, y0 = (max(0, int(centre - bubble.radius)) for centre in (bubble.x, bubble.y))
    x1 = min(width, int(bubble.x + bubble.radius) + 2)
    y1 = min(height, int(bubble.y + bubble.radius) + 2)
    if x0 >= x1 or y0 >= y1:
        return
    rows, columns = np.mgrid[y0:y1, x0:x1].astype(np.float32)
    dx, dy = (columns - np.float32(bubble.x)) / bubble.radius, (rows - np.float32(bubble.y)) / bubble.radius
    dx, dy = dx.astype(np.float32), dy.astype(np.float32)
    rho = np.sqrt(dx * dx + dy * dy)
    inside = np.clip((1 - rho) * np.float32(bubble.radius * 0.7), 0, 1)
    reach = np.float32(bubble.radius) * (1 + 2 * rho)
    maps = (dx * reach + np.float32(bubble.x), dy * reach + np.float32(bubble.y))
    rim = np.exp(-(((rho - 0.9) / 0.07) ** 2)) * (0.35 + 0.4 * np.clip(-dx - dy, 0, 1))
    shade = 0.75 - 0.3 * np.exp(-(((rho - 0.72) / 0.12) ** 2))
    glint = 2.5 * np.exp(-(((dx + 0.35) ** 2 + (dy + 0.4) ** 2) / 0.02))
    glint += 0.6 * np.exp(-(((dx - 0.45) ** 2 + (dy - 0.4) ** 2) / 0.03))
    for plane, whole, tint in zip(planes, before, (1.0, 0.95, 0.85), strict=True):
        seen = cv2.remap(whole, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        light = (seen * shade + (rim + glint) * tint).astype(np.float32)
        part = plane[y0:y1, x0:x1]
        part += (light - part) * inside
