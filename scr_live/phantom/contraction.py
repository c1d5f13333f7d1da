"""A contraction of the colon: for a while, a fold stands before a polyp."""

import numpy as np

from scr_live.phantom.anatomy import ANGLE_STEPS, STEPS_PER_UNIT, CentreLine, tabulate
from scr_live.phantom.growths import Growth
from scr_live.phantom.noise import as_field
from scr_live.phantom.trace import NearTube

NARROWEST = 0.12
"""Radius that is left, in tube radii."""
SECTOR = 1.25
"""Half of the angle that contracts, in radians."""
GAP = 0.22
"""Between fold and polyp, in tube radii."""


def contract(near: NearTube, line: CentreLine, growth: Growth, z: float, *, amount: float) -> NearTube:
    """Raise a fold before the polyp at ring position `z`; `amount` is 0..1."""
    rows = np.arange(len(near.radii)) / STEPS_PER_UNIT + near.z_first
    off_axis = growth.base[:2] - line.at(np.array(growth.base[2]))
    middle = np.arctan2(off_axis[1], off_axis[0])
    off = (np.arange(ANGLE_STEPS) * (2 * np.pi / ANGLE_STEPS) - middle + np.pi) % (2 * np.pi) - np.pi
    sector = np.exp(-((np.abs(off) / SECTOR) ** 4))
    bent = z - growth.size - GAP - 0.12 * np.abs(off)
    away = np.abs(rows[:, None] - bent[None, :])
    profile = 0.85 * np.exp(-((away / 0.13) ** 1.8)) + 0.15 * np.exp(-((away / 0.4) ** 2))
    radii = near.radii[:, 1:-1]
    room = np.maximum(radii - NARROWEST, 0)
    tube = tabulate(line, as_field((radii - amount * sector * profile * room).astype(np.float32)))
    count = len(rows)
    return NearTube(
        near.z_first, tube.wall[:count], tube.room[:count], tube.radii[:count], near.axis, near.axis_slope
    )
