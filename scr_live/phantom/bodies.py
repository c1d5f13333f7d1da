"""Rays against polyps: trace one, melt it into the wall, and write it over the surface."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.phantom.growths import Growth, Vector, smooth_min
from scr_live.phantom.noise import Field, as_field
from scr_live.phantom.shade import Patch, Surface, meet_wall
from scr_live.phantom.trace import SIGHT, NearTube, Rays, packed

_STEPS = 14
_LEAST_SHARE = 0.02
_PROBE = np.float32(0.004)
_SHADE_REACH = 1.5
"""Polyp sizes around the head within which the wall is darkened."""

Area = tuple[slice, slice]


def add_growth(surface: Surface, near: NearTube, rays: Rays, *, growth: Growth, shift: Vector) -> None:
    """Trace one polyp (moved by `shift`) and write it over the surface where it stands before it."""
    area = _area_in_view(surface, rays, growth.head + shift - rays.origin, reach=growth.size * _SHADE_REACH)
    if area is None:
        return
    cut = Rays(rays.x[area], rays.y[area], rays.z[area], rays.origin)
    own = _look_from(growth, shift, cut)
    wall_distance = surface.distance[area].copy()
    distance, hit = _approach(near, cut, own, wall_distance)
    shadow = np.clip(own.body(wall_distance) / np.float32(0.45 * growth.size), 0, 1)
    surface.openness[area] *= np.float32(0.5) + np.float32(0.5) * np.sqrt(shadow)
    if not hit.any():
        return
    share = np.where(hit, own.blend(near, cut, distance)[1], np.float32(0))
    _cover(surface, area, hit, _melted(meet_wall(near, cut, distance), own, distance, share))
    for patch in surface.patches:
        _hide(patch, area, hit)
    surface.patches.append(Patch(growth, area, share, *own.skin(distance)))


@dataclass(frozen=True, slots=True, eq=False)
class _OwnFrame:
    """Rays in a polyp's own axes: a point is start + distance * step."""

    growth: Growth
    start: NDArray[np.float32]  # (3,)
    steps: tuple[Field, Field, Field]

    def take(self, places: NDArray[np.intp]) -> "_OwnFrame":
        """Keep the rays at flat places only, in the shape of `places`."""
        a, b, c = (step.take(places) for step in self.steps)
        return _OwnFrame(self.growth, self.start, (a, b, c))

    def points(self, distance: Field) -> tuple[Field, Field, Field]:
        a, b, c = (step * distance + start for step, start in zip(self.steps, self.start, strict=True))
        return a, b, c

    def enter(self, limit: Field) -> tuple[Field, NDArray[np.bool_]]:
        """Distance to the sphere around the head, and which rays reach it before `limit`."""
        a, b, c = self.steps
        x, y, z = self.start[0], self.start[1], self.start[2] - np.float32(self.growth.centre)
        middle = -(a * x + b * y + c * z)
        aside = x * x + y * y + z * z - middle * middle
        chord = np.float32(self.growth.size * 1.05) ** 2 - aside
        entry = np.maximum(middle - np.sqrt(np.maximum(chord, 0)), np.float32(0.02))
        return as_field(entry), (chord > 0) & (entry < limit) & (middle > -self.growth.size)

    def body(self, distance: Field) -> Field:
        """Signed distance to the polyp."""
        return self.growth.distance(*self.points(distance))

    def blend(self, near: NearTube, rays: Rays, distance: Field) -> tuple[Field, Field]:
        """Distance to polyp and wall melted into one, and the polyp's share."""
        return smooth_min(self.body(distance), near.gap(rays, distance) * np.float32(0.7), self.growth.fillet)

    def tangents(self, distance: Field) -> tuple[NDArray[np.float32], ...]:
        """World normal and two tangents of the polyp, (3, h, w) each."""
        a, b, c = self.points(distance)
        here = self.growth.distance(a, b, c)
        moved = ((a + _PROBE, b, c), (a, b + _PROBE, c), (a, b, c + _PROBE))
        axes = self.growth.axes.astype(np.float32)
        normal = np.tensordot(axes.T, np.stack([self.growth.distance(*p) - here for p in moved]), axes=1)
        normal = _normalised(normal)
        first = np.broadcast_to(axes[0][:, None, None], normal.shape)
        around = _normalised(first - normal * (first * normal).sum(axis=0))
        return normal, around, np.cross(normal, around, axis=0)

    def skin(self, distance: Field) -> tuple[Field, Field]:
        """Skin coordinates: angle from the top, laid out flat around it."""
        a, b, c = self.points(distance)
        flat = np.sqrt(a * a + b * b) + np.float32(1e-6)
        turn = np.arctan2(flat, c - np.float32(self.growth.centre)) / flat
        return a * turn, b * turn

    def shelter(self, distance: Field) -> Field:
        """Ambient light on the polyp: less towards its foot."""
        height = self.points(distance)[2] / np.float32(self.growth.size)
        return as_field(np.clip(np.float32(0.55) + np.float32(0.5) * height, 0.4, 1))


def _look_from(growth: Growth, shift: Vector, rays: Rays) -> _OwnFrame:
    start = growth.axes @ (rays.origin - growth.base - shift)
    a, b, c = (
        rays.x * axis[0] + rays.y * axis[1] + rays.z * axis[2] for axis in growth.axes.astype(np.float32)
    )
    return _OwnFrame(growth, start.astype(np.float32), (a, b, c))


def _area_in_view(surface: Surface, rays: Rays, towards: Vector, *, reach: float) -> Area | None:
    """Rectangle of rays that pass the sphere of radius `reach` around a point, if the wall leaves any."""
    far = float(np.linalg.norm(towards))
    if far > SIGHT - 1:
        return None
    rows, columns = surface.distance.shape
    if far <= reach * 1.05:
        return slice(0, rows), slice(0, columns)
    unit = (towards / far).astype(np.float32)
    cosine = rays.x * unit[0] + rays.y * unit[1] + rays.z * unit[2]
    inside = (cosine > np.sqrt(1 - (reach / far) ** 2)) & (surface.distance > far - reach)
    ys, xs = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if len(ys) < 2 or len(xs) < 2:  # noqa: PLR2004 - a line of rays is nothing to see
        return None
    return slice(int(ys[0]), int(ys[-1]) + 1), slice(int(xs[0]), int(xs[-1]) + 1)


def _approach(near: NearTube, rays: Rays, own: _OwnFrame, limit: Field) -> tuple[Field, NDArray[np.bool_]]:
    """March towards wall and polyp together; `hit` where the melted surface stands before `limit`."""
    entry, passes = own.enter(limit)
    places = np.flatnonzero(passes)
    distance, hit = limit.copy(), np.zeros(limit.shape, np.bool_)
    if not len(places):
        return distance, hit
    at = packed(places)
    some, mine, end = rays.take(at), own.take(at), limit.take(at)
    here = entry.take(at)
    for _ in range(_STEPS):
        gap, _ = mine.blend(near, some, here)
        here = np.minimum(here + gap * np.float32(0.95), end)
    gap, share = mine.blend(near, some, here)
    distance.put(at, here)
    hit.put(at, (gap < np.float32(0.02) + np.float32(0.004) * here) & (share > _LEAST_SHARE))
    cleaned = cv2.morphologyEx(hit.view(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    return distance, np.asarray(cleaned != 0)


def _melted(wall: Surface, own: _OwnFrame, distance: Field, share: Field) -> Surface:
    """Mix the wall's and the polyp's directions by the polyp's share; changes and returns `wall`."""
    for mine, walls in zip(own.tangents(distance), (wall.normal, wall.around, wall.along), strict=True):
        walls[:] = _normalised(walls + (mine - walls) * share)
    wall.openness[:] += (own.shelter(distance) - wall.openness) * share
    return wall


def _cover(surface: Surface, area: Area, hit: NDArray[np.bool_], patch: Surface) -> None:
    """Write `patch` into `surface` where `hit`."""
    np.copyto(surface.distance[area], patch.distance, where=hit)
    np.copyto(surface.openness[area], patch.openness, where=hit)
    pairs = ((surface.normal, patch.normal), (surface.around, patch.around), (surface.along, patch.along))
    for whole, part in pairs:
        np.copyto(whole[(slice(None), *area)], part, where=hit)


def _hide(patch: Patch, area: Area, hit: NDArray[np.bool_]) -> None:
    """Take out of an earlier polyp what a later one stands before."""
    y, x = (slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(patch.area, area, strict=True))
    if y.start >= y.stop or x.start >= x.stop:
        return
    theirs, mine = (
        (slice(y.start - top.start, y.stop - top.start), slice(x.start - left.start, x.stop - left.start))
        for top, left in (patch.area, area)
    )
    patch.share[theirs] *= ~hit[mine]


def _normalised(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    length = np.sqrt((vectors * vectors).sum(axis=0)) + np.float32(1e-6)
    return as_field(vectors / length)
