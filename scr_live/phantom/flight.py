"""Where the scope's tip is and where it looks, as a pure function of time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scr_live.phantom.anatomy import RING_LENGTH, Tube
from scr_live.phantom.growths import Growth, Vector

MEAN_SPEED = 0.9
"""Tube radii per second, averaged over the ring."""
LAP_S = RING_LENGTH / MEAN_SPEED


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """The scope's tip: position and view axes (rows of `axes`: right, down, forward)."""

    position: Vector  # (3,)
    axes: NDArray[np.float64]  # (3, 3)


@dataclass(frozen=True, slots=True, eq=False)
class Flight:
    """One way through the colon: slower near polyps, shaken by a hand, turned towards what is of interest."""

    tube: Tube
    growths: tuple[Growth, ...]
    lap_z: NDArray[np.float64]  # z on an even grid of ring positions
    lap_time_s: NDArray[np.float64]  # time at which lap_z is reached
    phases: NDArray[np.float64]  # (8,)
    attention: float
    """0..1: how far the view turns towards a polyp."""
    wander: float
    """How far the view wanders from the axis, in tube radii at 1.5 radii ahead."""

    def depth_at(self, time_s: float) -> float:
        """Ring position of the tip, growing without end."""
        laps, within = divmod(time_s, LAP_S)
        return laps * RING_LENGTH + float(np.interp(within, self.lap_time_s, self.lap_z))

    def time_at(self, z: float) -> float:
        """Time within the first lap at which the tip passes ring position `z`."""
        z = self.lap_z[0] + (z - self.lap_z[0]) % RING_LENGTH
        return float(np.interp(z, self.lap_z, self.lap_time_s))

    def pose(self, time_s: float) -> Pose:
        """Position and view axes at a time, in ring coordinates (z within one ring of 0)."""
        return self.pose_at(self.depth_at(time_s), hand_s=time_s)

    def pose_at(self, z: float, *, hand_s: float) -> Pose:
        """Position and view axes at a ring position, with the movements of the hand at a time."""
        z %= RING_LENGTH
        position = self._beside_axis(z, self._sway(hand_s))
        position += self._glance(position, position, nearest=0.75) * np.array([0.45, 0.45, 0])
        target = self._beside_axis(z + 1.5, self._gaze(hand_s))
        target += self._glance(position, target, nearest=0.85)
        forward = _unit(target - position)
        return Pose(position, self._shaken(forward, hand_s))

    def growth_places(self, z: float) -> list[tuple[Growth, Vector]]:
        """Polyps within sight of ring position `z`, each with the shift that brings it there."""
        near = []
        for growth in self.growths:
            turns = round((z + 1.5 - growth.base[2]) / RING_LENGTH)
            if -1.2 < growth.base[2] + turns * RING_LENGTH - z < 5:  # noqa: PLR2004 - sight
                near.append((growth, np.array([0, 0, turns * RING_LENGTH])))
        return near

    def _beside_axis(self, z: float, offset: Vector) -> Vector:
        axis = self.tube.line.at(np.array(z))
        return np.array([axis[0] + offset[0], axis[1] + offset[1], z])

    def _sway(self, time_s: float) -> Vector:
        p = self.phases
        x = 0.17 * np.sin(0.7 * time_s + p[0]) + 0.06 * np.sin(1.9 * time_s + p[1])
        y = 0.17 * np.sin(0.6 * time_s + p[2]) + 0.06 * np.sin(2.3 * time_s + p[3])
        return np.array([x, y])

    def _gaze(self, time_s: float) -> Vector:
        """Sideways shift of the point looked at, as a hand searches the wall."""
        p, wander = self.phases, self.wander
        x = np.sin(0.9 * time_s + p[7]) + 0.5 * np.sin(0.37 * time_s + p[1])
        y = np.sin(0.8 * time_s + p[3]) + 0.5 * np.sin(0.43 * time_s + p[6])
        return wander * np.array([x, y])

    def _glance(self, position: Vector, target: Vector, *, nearest: float) -> Vector:
        """Shift that brings `target` to the polyps ahead; strongest `nearest` radii before one."""
        shift = np.zeros(3)
        for growth, turn in self.growth_places(position[2]):
            head = growth.head + turn
            ahead = head[2] - position[2]
            interest = np.exp(-(((ahead - nearest) / 0.6) ** 2)) * self.attention
            shift += interest * (head - target)
        return shift

    def _shaken(self, forward: Vector, time_s: float) -> NDArray[np.float64]:
        p = self.phases
        jolt = 0.012 * np.array([np.sin(7.1 * time_s + p[4]), np.sin(8.3 * time_s + p[5]), 0])
        jolt += 0.02 * np.array([np.sin(3.3 * time_s + p[5]), np.sin(2.9 * time_s + p[4]), 0])
        forward = _unit(forward + jolt)
        roll = 0.5 * np.sin(0.23 * time_s + p[6]) + 0.06 * np.sin(1.7 * time_s + p[7])
        right = _unit(np.cross(forward, [np.sin(roll), np.cos(roll), 0]))
        return np.stack([-right, np.cross(right, forward) * -1, forward])


def plan_flight(
    rng: np.random.Generator, tube: Tube, growths: tuple[Growth, ...], *, start_z: float
) -> Flight:
    """Lay out the speed along the ring; time 0 is at `start_z`."""
    z = start_z + np.linspace(0, RING_LENGTH, 2401)
    slowness = 1 + 0.25 * np.sin(z * 2 * np.pi * 7 / RING_LENGTH + rng.uniform(0, 6))
    for growth in growths:
        off = (growth.base[2] - 0.95 - z + RING_LENGTH / 2) % RING_LENGTH - RING_LENGTH / 2
        slowness += 0.9 * np.exp(-((off / 0.5) ** 2))
    time_s = np.concatenate([[0], np.cumsum((slowness[1:] + slowness[:-1]) / 2)])
    return Flight(
        tube=tube,
        growths=growths,
        lap_z=z,
        lap_time_s=time_s * (LAP_S / time_s[-1]),
        phases=rng.uniform(0, 2 * np.pi, 8),
        attention=rng.uniform(0.45, 0.9),
        wander=rng.uniform(0.1, 0.55),
    )


def _unit(vector: Vector) -> Vector:
    return vector / np.linalg.norm(vector)
