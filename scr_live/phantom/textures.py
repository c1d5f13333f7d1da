"""Mucosa, vessels, slime and polyp skin as repeating tiles: colour with gloss, and relief."""

from dataclasses import dataclass
from math import cos, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.phantom.noise import Field, as_field, slopes, smooth_noise, wrap_blur

TILE_PX = 1024
TILE_LENGTH = 6.0
"""Length along z of one tile, in tube radii; around, one tile is the whole circumference."""
SKIN_PX = 512
SKIN_PER_RADIUS_PX = 110.0
"""Pixels of polyp skin per polyp radius."""
_VESSEL_ORDERS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """Colours and camera of one procedure."""

    base: NDArray[np.float32]  # (3,) reflectance of the mucosa
    pale: NDArray[np.float32]  # (3,) of fold crests
    polyp: NDArray[np.float32]  # (3,)
    vessel_strength: float
    slime: float
    wetness: float
    exposure: float
    ambient: float
    warmth: float
    noise: float
    blur_px: float
    curve: NDArray[np.uint8]  # (256,) contrast of the processor


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """`colour`: RGB factors (128 is 1), gloss. `relief`: two slopes from 128, 255 / length of the normal."""

    colour: NDArray[np.uint8]  # (h, w, 4)
    relief: NDArray[np.uint8]  # (h, w, 3)


def choose_look(rng: np.random.Generator) -> Look:
    """Draw one procedure's colours: from pink over orange to brown-yellow mucosa."""
    palette = np.array([[0.60, 0.185, 0.125], [0.62, 0.21, 0.095], [0.52, 0.245, 0.105], [0.64, 0.27, 0.185]])
    weights = rng.dirichlet([0.6] * 4)
    base = weights @ palette * rng.uniform(0.92, 1.08, 3)
    pale = base * np.array([1.15, 1.4, 1.3])
    polyp = 0.55 * base + 0.45 * np.array([0.62, 0.15, 0.1]) * rng.uniform(0.85, 1.2, 3)
    return Look(
        base=base.astype(np.float32),
        pale=pale.astype(np.float32),
        polyp=polyp.astype(np.float32),
        vessel_strength=float(rng.uniform(0.35, 1.2)),
        slime=float(rng.uniform(0, 1) ** 2),
        wetness=float(rng.uniform(0.5, 1.1)),
        exposure=float(rng.uniform(0.85, 1.25)),
        ambient=float(rng.uniform(0.05, 0.14)),
        warmth=float(rng.uniform(-0.08, 0.08)),
        noise=float(rng.uniform(1.2, 3.2)),
        blur_px=float(rng.uniform(0.3, 0.9)),
        curve=_contrast(float(rng.uniform(1.05, 1.4)), float(rng.uniform(0.2, 0.8))),
    )


def paint_mucosa(rng: np.random.Generator, look: Look) -> Tile:
    """The wall: mottling, branching vessels, fine grain, slime with bubbles."""
    shape = (TILE_PX, TILE_PX)
    blotch = smooth_noise(rng, shape, cell_px=150) + 0.6 * smooth_noise(rng, shape, cell_px=45)
    grain = smooth_noise(rng, shape, cell_px=7)
    fine = smooth_noise(rng, shape, cell_px=2.5)
    colour = np.ones((*shape, 3), np.float32)
    colour *= (1 + 0.05 * blotch + 0.02 * grain + 0.02 * fine)[..., None]
    redness = 0.06 * blotch + 0.04 * smooth_noise(rng, shape, cell_px=80)
    colour *= np.stack([1 + 0.15 * redness, 1 - redness, 1 - redness], axis=-1)
    vessels = (
        _vessels(rng) * look.vessel_strength * (0.65 + 0.35 * np.tanh(smooth_noise(rng, shape, cell_px=200)))
    )
    colour *= 1 - vessels[..., None] * np.array([0.3, 0.62, 0.5], np.float32)
    height = 3.2 * smooth_noise(rng, shape, cell_px=60) + 0.9 * smooth_noise(rng, shape, cell_px=22)
    # Slippery patches glitter, others lie smooth.
    rough = np.clip(0.45 + 0.5 * smooth_noise(rng, shape, cell_px=130), 0.1, 1.4)
    height += rough * (0.6 * grain + 0.12 * fine)
    gloss = 0.5 + 0.5 * np.tanh(1.5 * smooth_noise(rng, shape, cell_px=110))
    _add_slime(rng, colour, height, gloss, amount=look.slime)
    return _repeated(_tile(colour, gloss, height))


def paint_skin(rng: np.random.Generator) -> Tile:
    """Polyp skin: granular, reddish blotches, short vessels, whitish film."""
    shape = (SKIN_PX, SKIN_PX)
    grain = smooth_noise(rng, shape, cell_px=float(rng.uniform(7, 16)))
    blotch = smooth_noise(rng, shape, cell_px=90)
    pits = np.clip(grain, -1.5, 1.5) * rng.uniform(0.04, 0.15)
    colour = (1 + 0.08 * blotch + pits)[..., None] * np.ones(3, np.float32)
    red = np.clip(0.6 * smooth_noise(rng, shape, cell_px=45) + 0.5 * grain - 0.2, 0, 1)
    colour *= 1 - red[..., None] * np.array([0.15, 0.45, 0.4]) * rng.uniform(0.3, 1)
    film = np.clip(smooth_noise(rng, shape, cell_px=55) - 1.0, 0, 1) * rng.uniform(0, 0.9)
    colour += film[..., None] * np.array([0.2, 0.5, 0.4])
    net = np.exp(-((smooth_noise(rng, shape, cell_px=70) / 0.1) ** 2)) * rng.uniform(0, 0.8)
    colour *= 1 - net[..., None] * np.array([0.2, 0.5, 0.4])
    height = 2.6 * smooth_noise(rng, shape, cell_px=60) + rng.uniform(0.2, 0.7) * grain
    height += 0.05 * smooth_noise(rng, shape, cell_px=3)
    gloss = 0.75 + 0.25 * np.tanh(smooth_noise(rng, shape, cell_px=60))
    return _tile(colour.astype(np.float32), as_field(gloss), as_field(height))


def _contrast(gamma: float, bend: float) -> NDArray[np.uint8]:
    """Darker shadows (gamma) and an S-shaped curve (bend) as a table."""
    level = np.linspace(0, 1, 256) ** gamma
    level = (1 - bend) * level + bend * level * level * (3 - 2 * level)
    return np.round(level * 252).astype(np.uint8)


def _tile(colour: NDArray[np.float32], gloss: Field, height: Field) -> Tile:
    slope = np.stack(slopes(height), axis=-1)
    upright = 1 / np.sqrt(1 + (slope * slope).sum(axis=-1, keepdims=True))
    packed = np.dstack([colour * 128, gloss * 255])
    relief = np.dstack([slope * 64 + 128, upright * 255])
    return Tile(*(np.clip(np.round(t), 0, 255).astype(np.uint8) for t in (packed, relief)))


def _repeated(tile: Tile) -> Tile:
    """Lay three tiles along z and one wrapped column on both sides, so that no look-up leaves them."""
    margins = ((0, 0), (1, 1), (0, 0))
    tall = (np.concatenate([image] * 3) for image in (tile.colour, tile.relief))
    return Tile(*(np.pad(image, margins, mode="wrap") for image in tall))


def _vessels(rng: np.random.Generator) -> Field:
    """Branching submucosal vessels, 0..1."""
    # Drawn in the middle of three by three tiles, then laid over one another: no line ends at a seam.
    sheet = np.zeros((3 * TILE_PX, 3 * TILE_PX), np.uint8)
    for _ in range(40):
        x, y, heading = rng.uniform(0, 1, 3) * (TILE_PX, TILE_PX, 2 * np.pi)
        _branch(sheet, rng, (TILE_PX + x, TILE_PX + y, heading), width=rng.uniform(2.5, 5.5), order=0)
    layers = sheet.reshape(3, TILE_PX, 3, TILE_PX).max(axis=(0, 2))
    tile = layers.astype(np.float32) / np.float32(255)
    return np.clip(0.85 * wrap_blur(tile, sigma_px=1.2) + 0.5 * wrap_blur(tile, sigma_px=6.0), 0, 1)


def _branch(
    sheet: NDArray[np.uint8],
    rng: np.random.Generator,
    start: tuple[float, float, float],
    *,
    width: float,
    order: int,
) -> None:
    """Draw one wandering vessel from (x, y, heading) and the branches that leave it."""
    x, y, heading = start
    steps = int(rng.integers(14, 26))
    turns = rng.normal(0, 0.26, steps)
    splits = rng.uniform(0, 1, steps) < (0.17 if order < _VESSEL_ORDERS else 0)
    for step in range(steps):
        heading += turns[step]
        end = x + 13 * cos(heading), y + 13 * sin(heading)
        level = min(255, round(90 + 43 * width))
        points = [(round(p[0] * 16), round(p[1] * 16)) for p in ((x, y), end)]
        cv2.line(sheet, points[0], points[1], level, max(1, round(width)), cv2.LINE_AA, 4)
        x, y = end
        width = max(0.8, width * 0.965)
        if splits[step] and step > 1:
            side = heading + float(rng.choice([-1, 1]) * rng.uniform(0.5, 1.1))
            _branch(sheet, rng, (x, y, side), width=width * 0.68, order=order + 1)


def _add_slime(
    rng: np.random.Generator, colour: NDArray[np.float32], height: Field, gloss: Field, *, amount: float
) -> None:
    """Yellowish fluid in patches, with bubbles at its rim."""
    shape = (TILE_PX, TILE_PX)
    lake = smooth_noise(rng, shape, cell_px=170) + 0.35 * smooth_noise(rng, shape, cell_px=40)
    cover = np.clip((lake - 2.1 + 1.5 * amount) * 3, 0, 1) * min(1.0, 0.2 + amount)
    fluid = np.array([1.0, 1.12, 0.62], np.float32)
    colour *= 1 - cover[..., None] * (1 - fluid) * 0.8
    gloss += 0.3 * cover
    foam = np.zeros((*shape, 3), np.float32)
    centres = rng.integers(0, TILE_PX, (round(30 * amount), 2))
    for centre in centres[lake[centres[:, 1], centres[:, 0]] > 1.4 - amount]:
        for _ in range(int(rng.integers(5, 40))):
            x, y = (np.round(centre + rng.normal(0, 22, 2)).astype(int) % TILE_PX).tolist()
            radius = float(rng.gamma(2.0, 1.5)) + 1.5
            cv2.circle(foam, (x * 16, y * 16), round(radius * 16), (0.3, 0.32, 0.16), 1, cv2.LINE_AA, 4)
            cv2.circle(height, (x, y), round(radius * 0.8), float(height[y, x] + radius * 0.5), -1)
    colour += as_field(cv2.GaussianBlur(foam, (0, 0), 0.8))
