"""Rays against the tube: coarse march, then refinement, all pixels at once."""

from dataclasses import dataclass
from typing import NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.phantom.anatomy import ANGLE_STEPS, CLEARANCE, RING_LENGTH, STEPS_PER_UNIT, Tube
from scr_live.phantom.flight import Pose
from scr_live.phantom.noise import Field, as_field

SIGHT = 6.0
"""Nothing farther away is lit."""
BEHIND = 1.5
"""How much of the tube behind the tip is kept."""
_PACK_WIDTH = 256
_ROUNDS, _STEPS = 7, 6
_CLOSE = np.float32(0.002)
_NOWHERE = np.float32(2 * SIGHT)
_COARSENESS = 4
_TEAR = 1.2
"""Neighbouring coarse distances that differ by more have an edge between them."""


@dataclass(frozen=True, slots=True, eq=False)
class Rays:
    """A grid of pixels' directions in world axes, and the point they come from."""

    x: Field
    y: Field
    z: Field
    origin: NDArray[np.float32]  # (3,)

    def take(self, places: NDArray[np.intp]) -> "Rays":
        """Rays at flat places, in the shape of `places`."""
        return Rays(self.x.take(places), self.y.take(places), self.z.take(places), self.origin)

    def at(self, distance: Field) -> tuple[Field, Field, Field]:
        """World points at a distance along each ray."""
        ox, oy, oz = self.origin
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
        return Polar(dx, dy, as_field(radius), as_field(angle), row, nearest)

    def gap(self, rays: Rays, distance: Field) -> Field:
        """Room between points on the rays and the wall; negative behind the wall."""
        polar = self.polar(*rays.at(distance))
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
    """Turn camera directions (h, w, 3) into the world."""
    x, y, z = cv2.split(cv2.transform(directions, pose.axes.T.astype(np.float32)))
    return Rays(as_field(x), as_field(y), as_field(z), pose.position.astype(np.float32))


def trace_wall(near: NearTube, rays: Rays) -> Field:
    """Distance along each ray to the wall, at most SIGHT.

    One ray in _COARSENESS each way is marched; between them the distance is interpolated and corrected where
    the wall is smooth, and marched anew where a fold hides what lies behind it.
    """
    rows, columns = rays.x.shape
    size = (-(-columns // _COARSENESS), -(-rows // _COARSENESS))
    x, y, z = (as_field(cv2.resize(c, size)) for c in (rays.x, rays.y, rays.z))
    inside = np.full_like(x, 0.02)
    _march(near, Rays(x, y, z, rays.origin), np.arange(x.size), inside)
    kernel = np.ones((3, 3), np.uint8)
    least, most = cv2.erode(inside, kernel), cv2.dilate(inside, kernel)
    distance = _correct(near, rays, as_field(cv2.resize(inside, (columns, rows))))
    torn = cv2.resize((most > least * _TEAR).view(np.uint8), (columns, rows), interpolation=cv2.INTER_NEAREST)
    places = np.flatnonzero(torn)
    begin = cv2.resize(least, (columns, rows), interpolation=cv2.INTER_NEAREST)
    distance.put(places, begin.take(places) * np.float32(0.95))
    _march(near, rays, places, distance)
    return distance


def packed(places: NDArray[np.intp]) -> NDArray[np.intp]:
    """Flat places as rows of _PACK_WIDTH, the last one filled up: OpenCV remaps no row above 32767."""
    return np.resize(places, (-(-len(places) // _PACK_WIDTH), _PACK_WIDTH))


def _correct(near: NearTube, rays: Rays, guess: Field) -> Field:
    """Two secant steps from a guess that is nearly right."""
    before, gap_before = guess, near.gap(rays, guess)
    here = guess + np.clip(gap_before, -0.1, 0.1) * guess * np.float32(0.5)
    for _ in range(2):
        gap = near.gap(rays, here)
        slope = (gap_before - gap) / (here - before + np.float32(1e-6))
        limit = np.float32(0.06) * here
        step = np.clip(gap / np.maximum(slope, np.float32(0.15)), -limit, limit)
        before, gap_before = here, gap
        here = here + step
    return np.clip(here, 0.02, SIGHT)


class _March(NamedTuple):
    """How far rays have come: where they were last inside and first outside, and where to look next."""

    inside: Field
    outside: Field
    here: Field

    def take(self, at: NDArray[np.intp]) -> "_March":
        return _March(self.inside.take(at), self.outside.take(at), self.here.take(at))


def _march(near: NearTube, rays: Rays, places: NDArray[np.intp], distance: Field) -> None:
    """Take the rays at flat `places` from the distances given to the last ones inside the lumen."""
    whole = _March(distance, np.full_like(distance, _NOWHERE), distance.copy())
    for _ in range(_ROUNDS):
        if not len(places):
            return
        at = packed(places)
        part = _step(near, rays.take(at), whole.take(at))
        for all_rays, some in zip(whole, part, strict=True):
            all_rays.put(at, some)
        inside = distance.take(places)
        places = places[whole.outside.take(places) - inside > _CLOSE * inside]


def _step(near: NearTube, rays: Rays, march: _March) -> _March:
    """Step _STEPS times along the rays until they leave the lumen, and bisect from then on."""
    inside, outside, here = march
    for _ in range(_STEPS):
        polar = near.polar(*rays.at(here))
        bounds = near.look_up(near.room, polar)
        gap = bounds[..., 0] - polar.radius
        out = gap <= 0
        outside = np.where(out, here, outside)
        inside = np.where(out, inside, here)
        free = np.minimum(bounds[..., 1] - polar.radius, np.float32(CLEARANCE))
        least = here * np.float32(0.03) + np.float32(0.004)
        step = np.maximum(np.maximum(free, gap * np.float32(0.35)), least)
        bisected = (inside + outside) * np.float32(0.5)
        here = np.where(outside < _NOWHERE, bisected, np.minimum(here + step, SIGHT))
    return _March(inside, outside, here)
