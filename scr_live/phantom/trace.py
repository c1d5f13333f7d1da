"""Rays against the tube: coarse march, then refinement, all pixels at once."""

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.phantom.anatomy import ANGLE_STEPS, CLEARANCE, RING_LENGTH, STEPS_PER_UNIT, Tube
from scr_live.phantom.flight import Pose
from scr_live.phantom.noise import Field

SIGHT = 9.0
"""Nothing farther away is lit."""
BEHIND = 1.5
"""How much of the tube behind the tip is kept."""
_STEPS = 40
_TEAR = 1.2
"""Neighbouring coarse distances that differ by more have an edge between them."""


@dataclass(frozen=True, slots=True, eq=False)
class Rays:
    """Directions of a grid of pixels in world axes."""

    x: Field
    y: Field
    z: Field

    def at(self, distance: Field, origin: NDArray[np.float64]) -> tuple[Field, Field, Field]:
        """World points at a distance along each ray."""
        ox, oy, oz = origin.astype(np.float32)
        return self.x * distance + ox, self.y * distance + oy, self.z * distance + oz


@dataclass(frozen=True, slots=True, eq=False)
class NearTube:
    """The part of the tube around one pose, ready for look-ups."""

    z_first: float
    wall: NDArray[np.float32]  # Tube.wall, Tube.room and Tube.radii, from z_first on
    room: NDArray[np.float32]
    radii: NDArray[np.float32]
    axis: NDArray[np.float32]  # (2, rows)
    axis_slope: NDArray[np.float32]  # (2, rows)

    def polar(self, x: Field, y: Field, z: Field) -> "Polar":
        """Position relative to the tube's axis."""
        row = (z - np.float32(self.z_first)) * np.float32(STEPS_PER_UNIT)
        nearest = np.clip(row, 0, self.axis.shape[1] - 1).astype(np.int32)
        dx = x - self.axis[0].take(nearest)
        dy = y - self.axis[1].take(nearest)
        radius, angle = cv2.cartToPolar(dx, dy)
        return Polar(dx, dy, cast("Field", radius), cast("Field", angle), row, nearest)

    def gap(self, rays: Rays, pose: Pose, distance: Field) -> Field:
        """Room between points on the rays and the wall; negative behind the wall."""
        polar = self.polar(*rays.at(distance, pose.position))
        return self.look_up(self.radii, polar) - polar.radius

    def look_up(self, table: NDArray[np.float32], polar: "Polar") -> NDArray[np.float32]:
        """Bilinear values of one of the tables at points."""
        column = polar.angle * np.float32(ANGLE_STEPS / (2 * np.pi)) + np.float32(1)
        values = cv2.remap(table, column, polar.row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return cast("NDArray[np.float32]", values)


@dataclass(frozen=True, slots=True, eq=False)
class Polar:
    """Points in the tube's own coordinates; `row` counts along the axis."""

    dx: Field
    dy: Field
    radius: Field
    angle: Field
    row: Field
    nearest_row: NDArray[np.int32]


def near_tube(tube: Tube, z: float) -> NearTube:
    """Cut out what can be seen from ring position `z`."""
    first = round((z - BEHIND) % RING_LENGTH * STEPS_PER_UNIT)
    rows = slice(first, first + round((BEHIND + SIGHT) * STEPS_PER_UNIT))
    z_first = z - BEHIND + (first / STEPS_PER_UNIT - (z - BEHIND) % RING_LENGTH)
    places = z_first + np.arange(rows.stop - rows.start) / STEPS_PER_UNIT
    axis, slope = tube.line.at(places).astype(np.float32), tube.line.slope(places).astype(np.float32)
    return NearTube(z_first, tube.wall[rows], tube.room[rows], tube.radii[rows], axis, slope)


def aim(directions: NDArray[np.float32], pose: Pose) -> Rays:
    """Turn camera directions (3, h, w) into the world."""
    rows, columns = directions.shape[1:]
    world = pose.axes.T.astype(np.float32) @ directions.reshape(3, -1)
    return Rays(*world.reshape(3, rows, columns))


def trace_wall(near: NearTube, rays: Rays, pose: Pose) -> Field:
    """Distance along each ray to the wall, at most SIGHT.

    A quarter of the rays each way is marched; between them the distance is interpolated and corrected where
    the wall is smooth, and marched anew where a fold hides what lies behind it.
    """
    rows, columns = rays.x.shape
    coarse = Rays(*(cv2.resize(c, (-(-columns // 4), -(-rows // 4))) for c in (rays.x, rays.y, rays.z)))
    inside = _march(near, coarse, pose, begin=np.full_like(coarse.x, 0.02))
    kernel = np.ones((3, 3), np.uint8)
    least, most = cv2.erode(inside, kernel), cv2.dilate(inside, kernel)
    guess = cast("Field", cv2.resize(inside, (columns, rows)))
    distance = _correct(near, rays, pose, guess)
    torn = cv2.resize(
        (most > least * _TEAR).astype(np.uint8), (columns, rows), interpolation=cv2.INTER_NEAREST
    )
    begin = cv2.resize(least, (columns, rows), interpolation=cv2.INTER_NEAREST) * np.float32(0.95)
    _march_some(near, rays, pose, torn != 0, begin=cast("Field", begin), into=distance)
    return distance


def _correct(near: NearTube, rays: Rays, pose: Pose, guess: Field) -> Field:
    """Two secant steps from a guess that is nearly right."""
    before, gap_before = guess, near.gap(rays, pose, guess)
    here = guess + np.clip(gap_before, -0.1, 0.1) * guess * np.float32(0.5)
    for _ in range(2):
        gap = near.gap(rays, pose, here)
        slope = (gap_before - gap) / (here - before + np.float32(1e-6))
        limit = np.float32(0.06) * here
        step = np.clip(gap / np.maximum(slope, np.float32(0.15)), -limit, limit)
        before, gap_before = here, gap
        here = here + step
    return np.clip(here, 0.02, SIGHT)


def _march_some(
    near: NearTube, rays: Rays, pose: Pose, chosen: NDArray[np.bool_], *, begin: Field, into: Field
) -> None:
    """March the chosen rays only, packed into rows of 256."""
    places = np.flatnonzero(chosen)
    if not len(places):
        return
    packed = np.resize(places, (-(-len(places) // 256), 256))
    some = Rays(rays.x.take(packed), rays.y.take(packed), rays.z.take(packed))
    into.put(packed, _march(near, some, pose, begin=begin.take(packed)))


def _march(near: NearTube, rays: Rays, pose: Pose, *, begin: Field) -> Field:
    """Step along the rays until they leave the lumen, then bisect."""
    inside = begin
    outside = np.full_like(begin, SIGHT)
    crossed = np.zeros(begin.shape, np.bool_)
    here = begin
    for _ in range(_STEPS):
        polar = near.polar(*rays.at(here, pose.position))
        bounds = near.look_up(near.room, polar)
        gap = bounds[..., 0] - polar.radius
        out = gap <= 0
        crossed |= out
        outside = np.where(out, here, outside)
        inside = np.where(out, inside, here)
        free = np.minimum(bounds[..., 1] - polar.radius, np.float32(CLEARANCE))
        least = here * np.float32(0.03) + np.float32(0.004)
        step = np.maximum(np.maximum(free, gap * np.float32(0.35)), least)
        here = np.where(crossed, (inside + outside) * np.float32(0.5), np.minimum(here + step, SIGHT))
    return inside
