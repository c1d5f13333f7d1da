"""Folds for scenarios: none where a polyp is to be looked at, and one that comes and goes before it."""

import numpy as np

from scr_live.phantom.anatomy import ANGLE_STEPS, RING_LENGTH, STEPS_PER_UNIT, CentreLine, Tube, tabulate
from scr_live.phantom.growths import Growth
from scr_live.phantom.noise import Field, as_field
from scr_live.phantom.trace import NearTube

NARROWEST = 0.12
"""Radius that is left, in tube radii."""
SECTOR = 1.25
"""Half of the angle that contracts, in radians."""
GAP = 0.22
"""Between fold and polyp, in tube radii."""
WIDE = 0.92
"""Least radius between a stop and its polyp."""
_VIEW = 1.9
"""For so long a way before the polyp, in tube radii."""


def clear_view(tube: Tube, growths: tuple[Growth, ...]) -> Tube:
    """Press flat what stands between polyps and the stops before them."""
    rows = round(RING_LENGTH * STEPS_PER_UNIT)
    radius = tube.radii[:rows, 1:-1].copy()
    z = np.arange(rows) / STEPS_PER_UNIT
    for growth in growths:
        middle = growth.base[2] - _VIEW / 2
        away = np.abs((z - middle + RING_LENGTH / 2) % RING_LENGTH - RING_LENGTH / 2)
        span = np.clip((_VIEW / 2 + 0.5 - away) / 0.4, 0, 1)
        floor = WIDE * span[:, None] * _sector(growth, tube.line, width=1.6)[0]
        radius = np.maximum(radius, floor.astype(np.float32))
    return tabulate(tube.line, as_field(radius))


def contract(near: NearTube, line: CentreLine, growth: Growth, z: float, *, amount: float) -> NearTube:
    """Raise a fold before the polyp at ring position `z`; `amount` is 0..1."""
    rows = np.arange(len(near.radii)) / STEPS_PER_UNIT + near.z_first
    sector, off = _sector(growth, line, width=SECTOR)
    bent = z - growth.size - GAP - 0.12 * off
    away = np.abs(rows[:, None] - bent[None, :])
    profile = 0.85 * np.exp(-((away / 0.13) ** 1.8)) + 0.15 * np.exp(-((away / 0.4) ** 2))
    radii = near.radii[:, 1:-1]
    room = np.maximum(radii - NARROWEST, 0)
    tube = tabulate(line, as_field((radii - amount * sector * profile * room).astype(np.float32)))
    count = len(rows)
    return NearTube(
        near.z_first, tube.wall[:count], tube.room[:count], tube.radii[:count], near.axis, near.axis_slope
    )


def _sector(growth: Growth, line: CentreLine, *, width: float) -> tuple[Field, Field]:
    """1 at the polyp's angle and 0 opposite, per column, and how far from it each column is."""
    off_axis = growth.base[:2] - line.at(np.array(growth.base[2]))
    middle = np.arctan2(off_axis[1], off_axis[0])
    angle = np.arange(ANGLE_STEPS) * (2 * np.pi / ANGLE_STEPS)
    off = np.abs((angle - middle + np.pi) % (2 * np.pi) - np.pi)
    return as_field(np.exp(-((off / width) ** 4))), as_field(off)
