"""The tube: a winding centre line and a wall radius with haustral folds, on a ring that never ends.

Lengths are in mean tube radii (about 2 cm). The tube runs along z and is displaced sideways by its centre
line; a wall point is (angle, z) and its radius comes from a table.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.phantom.noise import Field, as_field, slopes, smooth_noise

RING_LENGTH = 48.0
"""The colon repeats after this length."""
ANGLE_STEPS = 384
STEPS_PER_UNIT = 80
REACH = 8.0
"""Longest stretch that one frame looks at."""
CLEARANCE = 0.3
"""How far a ray may jump where the table says that nothing is near."""

_ROWS = round(RING_LENGTH * STEPS_PER_UNIT)


@dataclass(frozen=True, slots=True, eq=False)
class CentreLine:
    """Sideways displacement of the tube's axis as a sum of sines that fit the ring."""

    waves: NDArray[np.int64]  # (n,) waves on the ring
    amplitudes: NDArray[np.float64]  # (2, n)
    phases: NDArray[np.float64]  # (2, n)

    def at(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """(2, *z.shape) x and y of the axis."""
        turns = 2 * np.pi * self.waves / RING_LENGTH
        angle = np.multiply.outer(z, turns)  # (*z, n)
        return np.stack([(np.sin(angle + self.phases[i]) * self.amplitudes[i]).sum(-1) for i in (0, 1)])

    def slope(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """(2, *z.shape) derivative of `at` by z."""
        turns = 2 * np.pi * self.waves / RING_LENGTH
        angle = np.multiply.outer(z, turns)
        return np.stack(
            [(np.cos(angle + self.phases[i]) * self.amplitudes[i] * turns).sum(-1) for i in (0, 1)]
        )


@dataclass(frozen=True, slots=True, eq=False)
class Tube:
    """Centre line and wall of one colon."""

    line: CentreLine
    wall: NDArray[np.float32]  # (_ROWS + REACH, ANGLE_STEPS + 2, 2): slopes of the radius, by angle and by z
    room: NDArray[np.float32]  # the same shape: radius, and radius less what stands in the way nearby
    radii: NDArray[np.float32]  # (_ROWS + REACH, ANGLE_STEPS + 2)

    def radius(self, angle: float, z: float) -> float:
        """Wall radius at the nearest table entry."""
        row = round(z * STEPS_PER_UNIT) % _ROWS
        return float(self.radii[row, round(angle / (2 * np.pi) * ANGLE_STEPS) % ANGLE_STEPS + 1])


def build_tube(rng: np.random.Generator) -> Tube:
    """Grow a colon."""
    radius = 1 + 0.07 * smooth_noise(rng, (_ROWS, ANGLE_STEPS), cell_px=1.2 * STEPS_PER_UNIT)
    radius += 0.012 * smooth_noise(rng, (_ROWS, ANGLE_STEPS), cell_px=0.28 * STEPS_PER_UNIT)
    folds = _place_folds(rng)
    triangle = rng.uniform(0, 2 * np.pi)  # the angle of the first taenia, drifting slowly along the colon
    for number, z in enumerate(folds):
        _add_fold(radius, rng, z, taenia=triangle + 0.12 * number)
    radius = np.maximum(radius, 0.3).astype(np.float32)
    return tabulate(_wind(rng), radius)


def _wind(rng: np.random.Generator) -> CentreLine:
    waves = np.array([2, 3, 5, 7])
    size = np.array([1.1, 0.9, 0.5, 0.22])
    return CentreLine(waves, rng.uniform(0.5, 1, (2, 4)) * size, rng.uniform(0, 2 * np.pi, (2, 4)))


def _place_folds(rng: np.random.Generator) -> NDArray[np.float64]:
    count = int(rng.integers(36, 48))
    spacing = RING_LENGTH / count
    return np.sort((np.arange(count) + rng.uniform(-0.22, 0.22, count)) * spacing % RING_LENGTH)


def _add_fold(radius: Field, rng: np.random.Generator, z: float, *, taenia: float) -> None:
    """Press three crescents (one between each pair of taeniae) into the wall around `z`."""
    angle = np.arange(ANGLE_STEPS) * (2 * np.pi / ANGLE_STEPS)
    depth_of_ring = rng.uniform(0.5, 1.0)
    for sector in range(3):
        strength = depth_of_ring * rng.choice([1.0, 0.85, 0.45], p=[0.5, 0.3, 0.2])
        middle = taenia + sector * 2 * np.pi / 3
        off = (angle - middle + np.pi) % (2 * np.pi) - np.pi
        chord = rng.uniform(0.5, 0.62) / np.maximum(np.cos(np.clip(off, -1.2, 1.2)), 0.35)
        depth = strength * np.logaddexp(0, (1 - chord) * 14) / 14 * (np.abs(off) < 1.25)  # noqa: PLR2004 - sector
        centre = (
            z + rng.uniform(-0.12, 0.12) + 0.1 * np.sin(angle * 2 + rng.uniform(0, 6)) * rng.uniform(0, 1)
        )
        width = rng.uniform(0.085, 0.14)
        rows = np.arange(round((z - 0.9) * STEPS_PER_UNIT), round((z + 0.9) * STEPS_PER_UNIT))
        distance = np.abs(rows[:, None] / STEPS_PER_UNIT - centre[None, :]) / width
        profile = 0.75 * np.exp(-(distance**1.7)) + 0.25 * np.exp(-distance * 0.55)
        radius[rows % _ROWS] -= (depth * profile).astype(np.float32)


def tabulate(line: CentreLine, radius: Field) -> Tube:
    """Make the tables of a wall; the last row is followed by the first."""
    reach = round(CLEARANCE * STEPS_PER_UNIT)
    around = round(CLEARANCE / (2 * np.pi) * ANGLE_STEPS)
    padded = np.pad(radius, ((reach, reach), (around, around)), mode="wrap")
    kernel = np.ones((2 * reach + 1, 2 * around + 1), np.uint8)
    clear = as_field(cv2.erode(padded, kernel))[reach:-reach, around:-around]
    by_angle, by_z = slopes(radius)
    wall = np.dstack([by_angle * np.float32(ANGLE_STEPS / (2 * np.pi)), by_z * np.float32(STEPS_PER_UNIT)])
    room = np.dstack([radius, clear])
    return Tube(line, *(_lengthened(table) for table in (wall, room, radius)))


def _lengthened(table: NDArray[np.float32]) -> NDArray[np.float32]:
    """Repeat the ring's begin behind its end, and one column on both sides, so that no look-up must wrap."""
    margins = [(0, round(REACH * STEPS_PER_UNIT)), (1, 1), (0, 0)]
    return np.pad(table, margins[: table.ndim], mode="wrap")
