"""Rays against the tube: coarse march, then refinement, all pixels at once."""

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.phantom.anatomy import ANGLE_STEPS, STEPS_PER_UNIT, Tube
from scr_live.phantom.flight import Pose
from scr_live.phantom.noise import Field

SIGHT = 9.0
"""Nothing farther away is lit."""
BEHIND = 1.5
"""How much of the tube behind the tip is kept."""
_COARSE_STEPS = 44
_FINE_STEPS = 16


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
    wall: NDArray[np.float32]  # (rows, ANGLE_STEPS + 2, 4)
    reach: NDArray[np.float32]  # (rows, ANGLE_STEPS + 2, 2): radius and clearance only
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

    def look_up(self, table: NDArray[np.float32], polar: "Polar") -> NDArray[np.float32]:
        """Bilinear values of `wall` or `reach` at points."""
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
    z_first, wall = tube.window(z - BEHIND, BEHIND + SIGHT)
    places = z_first + np.arange(len(wall)) / STEPS_PER_UNIT
    axis, slope = tube.line.at(places), tube.line.slope(places)
    reach = np.ascontiguousarray(wall[..., :2])
    return NearTube(z_first, wall, reach, axis.astype(np.float32), slope.astype(np.float32))


def aim(directions: NDArray[np.float32], pose: Pose) -> Rays:
    """Turn camera directions (3, h, w) into the world."""
    rows, columns = directions.shape[1:]
    world = pose.axes.T.astype(np.float32) @ directions.reshape(3, -1)
    return Rays(*world.reshape(3, rows, columns))


def trace_wall(near: NearTube, coarse: Rays, fine: Rays, pose: Pose) -> Field:
    """Distance along each fine ray to the wall, at most SIGHT."""
    begin = np.full_like(coarse.x, 0.02)
    inside, _ = _march(near, coarse, pose, begin=begin, steps=_COARSE_STEPS, least=0.02)
    rows, columns = fine.x.shape
    nearest = cv2.erode(inside, np.ones((3, 3), np.uint8))
    begin = cast("Field", cv2.resize(nearest, (columns, rows), interpolation=cv2.INTER_NEAREST))
    distance, missed = _march(
        near, fine, pose, begin=begin * np.float32(0.97), steps=_FINE_STEPS, least=0.012
    )
    farthest = cv2.resize(cv2.dilate(inside, np.ones((3, 3), np.uint8)), (columns, rows))
    return cast("Field", np.where(missed, farthest, distance))


def _march(
    near: NearTube, rays: Rays, pose: Pose, *, begin: Field, steps: int, least: float
) -> tuple[Field, NDArray[np.bool_]]:
    """Step along the rays until they leave the lumen, then bisect; returns (last point inside, not yet out)."""
    inside = begin
    outside = np.full_like(begin, SIGHT)
    crossed = np.zeros(begin.shape, np.bool_)
    here = begin
    for _ in range(steps):
        polar = near.polar(*rays.at(here, pose.position))
        bounds = near.look_up(near.reach, polar)
        gap = bounds[..., 0] - polar.radius
        out = gap <= 0
        crossed |= out
        outside = np.where(out, here, outside)
        inside = np.where(out, inside, here)
        free = np.minimum(bounds[..., 1] - polar.radius, np.float32(0.3))
        step = np.maximum(
            np.maximum(free, gap * np.float32(0.3)), here * np.float32(least) + np.float32(0.003)
        )
        here = np.where(crossed, (inside + outside) * np.float32(0.5), np.minimum(here + step, SIGHT))
    return inside, ~crossed & (inside < SIGHT - 0.1)
