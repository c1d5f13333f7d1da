"""What each ray of the geometry grid meets, and the wall's share of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scr_live.phantom.growths import Growth
from scr_live.phantom.noise import Field, as_field
from scr_live.phantom.trace import NearTube, Rays


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """The part of the grid where a polyp can be."""

    growth: Growth
    area: tuple[slice, slice]
    share: Field  # 0..1: polyp instead of wall
    u: Field  # skin coordinates: angle from the top of the head, laid out flat
    v: Field


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """One value per ray; polyps are written over the wall."""

    distance: Field
    normal: NDArray[np.float32]  # (3, h, w) unit, into the lumen
    around: NDArray[np.float32]  # (3, h, w) unit tangent along the tube's angle
    along: NDArray[np.float32]  # (3, h, w) unit tangent along z
    dx: Field  # wall position relative to the axis
    dy: Field
    z: Field
    crest: Field  # 0..1: how far the wall stands into the lumen
    openness: Field  # 0..1: ambient light that arrives
    patches: list[Patch]


def meet_wall(near: NearTube, rays: Rays, distance: Field) -> Surface:
    """Describe the wall at a distance along each ray; without polyps."""
    x, y, z = rays.at(distance)
    polar = near.polar(x, y, z)
    slopes, room = near.look_up(near.wall, polar), near.look_up(near.room, polar)
    inverse = np.float32(1) / np.maximum(polar.radius, np.float32(0.05))
    ex, ey = polar.dx * inverse, polar.dy * inverse
    axis_x, axis_y = (slope.take(polar.nearest_row) for slope in near.axis_slope)
    by_angle = slopes[..., 0] * inverse
    by_z = slopes[..., 1] + ex * axis_x + ey * axis_y
    length = np.float32(1) / np.sqrt(1 + by_angle * by_angle + by_z * by_z)
    normal = np.stack([(-ex - by_angle * ey) * length, (-ey + by_angle * ex) * length, by_z * length])
    around = np.stack([-ey, ex, np.zeros_like(ex)])
    along = np.stack([by_z * ex, by_z * ey, np.ones_like(ex)]) / np.sqrt(1 + by_z * by_z)
    return Surface(
        distance=distance,
        normal=normal,
        around=as_field(around),
        along=along,
        dx=polar.dx,
        dy=polar.dy,
        z=z,
        crest=as_field(np.clip((np.float32(0.92) - room[..., 0]) * np.float32(2.6), 0, 1)),
        # What stands far below the folds around it gets little of the light that the walls throw about.
        openness=as_field(np.clip(1 - np.float32(1.1) * (room[..., 0] - room[..., 1]), 0.35, 1)),
        patches=[],
    )
