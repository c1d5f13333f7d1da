"""Light on the wall and on polyps: everything that is computed on the geometry grid."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.phantom.flight import Pose
from scr_live.phantom.growths import Growth, Vector, smooth_min
from scr_live.phantom.noise import Field
from scr_live.phantom.trace import SIGHT, NearTube, Rays

_POLYP_STEPS = 22
_PROBE = np.float32(0.004)


@dataclass(slots=True, eq=False)
class Surface:
    """What each ray of the geometry grid met; polyps are written over the wall."""

    distance: Field
    normal: NDArray[np.float32]  # (3, h, w) unit, into the lumen
    around: NDArray[np.float32]  # (3, h, w) unit tangent along the tube's angle
    along: NDArray[np.float32]  # (3, h, w) unit tangent along z
    dx: Field  # wall position relative to the axis
    dy: Field
    z: Field  # along the axis
    crest: Field  # 0..1: how far the wall stands into the lumen
    openness: Field  # 0..1: ambient light that arrives
    patches: "list[Patch]"


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """The part of the grid where a polyp can be."""

    growth: Growth
    area: tuple[slice, slice]
    share: Field  # 0..1: polyp instead of wall
    u: Field  # skin coordinates in polyp radii
    v: Field


def meet_wall(near: NearTube, rays: Rays, pose: Pose, distance: Field) -> Surface:
    """Describe the wall where the rays meet it."""
    x, y, z = rays.at(distance, pose.position)
    polar = near.polar(x, y, z)
    slopes, room = near.look_up(near.wall, polar), near.look_up(near.room, polar)
    inverse = np.float32(1) / np.maximum(polar.radius, np.float32(0.05))
    ex, ey = polar.dx * inverse, polar.dy * inverse
    slope_x, slope_y = near.axis_slope[0].take(polar.nearest_row), near.axis_slope[1].take(polar.nearest_row)
    by_angle = slopes[..., 0] * inverse
    by_z = slopes[..., 1] + ex * slope_x + ey * slope_y
    length = np.float32(1) / np.sqrt(1 + by_angle * by_angle + by_z * by_z)
    normal = np.stack([(-ex - by_angle * ey) * length, (-ey + by_angle * ex) * length, by_z * length])
    zero = np.zeros_like(ex)
    around = np.stack([-ey, ex, zero])
    along = np.stack([by_z * ex, by_z * ey, np.ones_like(ex)]) / np.sqrt(1 + by_z * by_z)
    crest = np.clip((np.float32(0.92) - room[..., 0]) * np.float32(2.6), 0, 1)
    openness = np.clip(1 - np.float32(1.1) * (room[..., 0] - room[..., 1]), 0.35, 1)
    return Surface(distance, normal, around, along, polar.dx, polar.dy, z, crest, openness, [])


def add_growth(
    surface: Surface, near: NearTube, rays: Rays, pose: Pose, *, growth: Growth, shift: Vector
) -> None:
    """Trace one polyp and blend it into the surface where it stands before the wall."""
    area = _area_in_view(surface, rays, growth.head + shift - pose.position, reach=growth.size * 1.5)
    if area is None:
        return
    cut = Rays(rays.x[area], rays.y[area], rays.z[area])
    own = _OwnFrame(growth, shift, pose, cut)
    wall_distance = surface.distance[area]
    distance, hit = _approach(near, cut, pose, own, wall_distance)
    body, share = own.blend(near, cut, pose, distance)
    share = np.where(hit, share, 0).astype(np.float32)
    occlusion = np.clip(own.body(wall_distance) / np.float32(0.45 * growth.size), 0, 1)
    surface.openness[area] *= 0.5 + 0.5 * np.sqrt(occlusion)
    if not hit.any():
        return
    wall = meet_wall(near, cut, pose, distance)
    normal, around, along = own.tangents(distance)
    for mine, walls, target in (
        (normal, wall.normal, surface.normal), (around, wall.around, surface.around),
        (along, wall.along, surface.along),
    ):  # fmt: skip
        mixed = mine * share + walls * (1 - share)
        mixed /= np.sqrt((mixed * mixed).sum(axis=0)) + np.float32(1e-6)
        target[(slice(None), *area)] = np.where(hit, mixed, target[(slice(None), *area)])
    surface.distance[area] = np.where(hit, distance, wall_distance)
    surface.openness[area] = np.where(
        hit, own.shelter(distance) * share + surface.openness[area] * (1 - share), surface.openness[area]
    )
    for patch in surface.patches:  # an earlier polyp that this one hides
        _hide(patch, area, hit)
    surface.patches.append(Patch(growth, area, share, *own.skin(distance)))


def _hide(patch: Patch, area: tuple[slice, slice], hit: NDArray[np.bool_]) -> None:
    rows = slice(max(patch.area[0].start, area[0].start), min(patch.area[0].stop, area[0].stop))
    columns = slice(max(patch.area[1].start, area[1].start), min(patch.area[1].stop, area[1].stop))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    theirs = tuple(
        slice(s.start - p.start, s.stop - p.start) for s, p in zip((rows, columns), patch.area, strict=True)
    )
    mine = tuple(
        slice(s.start - a.start, s.stop - a.start) for s, a in zip((rows, columns), area, strict=True)
    )
    patch.share[theirs] *= ~hit[mine]


def _area_in_view(
    surface: Surface, rays: Rays, towards: Vector, *, reach: float
) -> tuple[slice, slice] | None:
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
    ys, xs = np.nonzero(inside.any(axis=1))[0], np.nonzero(inside.any(axis=0))[0]
    if len(ys) < 2 or len(xs) < 2:  # noqa: PLR2004 - nothing to see
        return None
    return slice(int(ys[0]), int(ys[-1]) + 1), slice(int(xs[0]), int(xs[-1]) + 1)


class _OwnFrame:
    """Rays of a patch in a polyp's own axes: a point is start + distance * direction."""

    def __init__(self, growth: Growth, shift: Vector, pose: Pose, rays: Rays) -> None:
        self.growth = growth
        axes = growth.axes.astype(np.float32)
        self._axes = axes
        self.start = (growth.axes @ (pose.position - growth.base - shift)).astype(np.float32)
        self._steps = [rays.x * a[0] + rays.y * a[1] + rays.z * a[2] for a in axes]
        self.far = float(np.linalg.norm(growth.head + shift - pose.position))

    def points(self, distance: Field) -> tuple[Field, Field, Field]:
        a, b, c = (step * distance + start for step, start in zip(self._steps, self.start, strict=True))
        return a, b, c

    def body(self, distance: Field) -> Field:
        """Signed distance to the polyp."""
        return self.growth.distance(*self.points(distance))

    def blend(self, near: NearTube, rays: Rays, pose: Pose, distance: Field) -> tuple[Field, Field]:
        """Distance to polyp and wall melted into one, and the polyp's share."""
        polar = near.polar(*rays.at(distance, pose.position))
        gap = (near.look_up(near.radii, polar) - polar.radius) * np.float32(0.7)
        return smooth_min(self.body(distance), gap, self.growth.fillet)

    def tangents(
        self, distance: Field
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """World normal and two tangents of the polyp."""
        a, b, c = self.points(distance)
        here = self.growth.distance(a, b, c)
        own = np.stack(
            [
                self.growth.distance(a + _PROBE, b, c) - here,
                self.growth.distance(a, b + _PROBE, c) - here,
                self.growth.distance(a, b, c + _PROBE) - here,
            ]
        )
        own /= np.sqrt((own * own).sum(axis=0)) + np.float32(1e-9)
        normal = np.tensordot(self._axes.T, own, axes=1)
        first = np.broadcast_to(self._axes[0][:, None, None], normal.shape)
        around = first - normal * (first * normal).sum(axis=0)
        around = around / (np.sqrt((around * around).sum(axis=0)) + np.float32(1e-3))
        along = np.cross(normal, around, axis=0)
        return normal, around, along

    def skin(self, distance: Field) -> tuple[Field, Field]:
        """Skin coordinates: angle from the top, laid out flat around it."""
        a, b, c = self.points(distance)
        c = c - np.float32(self.growth.centre)
        flat = np.sqrt(a * a + b * b) + np.float32(1e-6)
        turn = np.arctan2(flat, c) / flat
        return a * turn, b * turn

    def shelter(self, distance: Field) -> Field:
        """Ambient light on the polyp: less towards its foot."""
        c = self.points(distance)[2]
        return np.clip(0.55 + 0.5 * c / np.float32(self.growth.size), 0.4, 1)


def _approach(
    near: NearTube, rays: Rays, pose: Pose, own: _OwnFrame, limit: Field
) -> tuple[Field, NDArray[np.bool_]]:
    """March towards wall and polyp together; `hit` where the melted surface stands before the bare wall."""
    begin = np.float32(max(0.02, own.far - own.growth.size * 1.5))
    here = np.minimum(np.full_like(limit, begin), limit)
    for _ in range(_POLYP_STEPS):
        gap, _ = own.blend(near, rays, pose, here)
        here = np.minimum(here + gap * np.float32(0.85), limit)
    gap, share = own.blend(near, rays, pose, here)
    hit = (gap < 0.02 + 0.004 * here) & (share > 0.02) & (here <= limit)  # noqa: PLR2004 - near enough
    hit &= here < limit + 0.01
    soft = cv2.morphologyEx(hit.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    return here, soft.astype(bool)
