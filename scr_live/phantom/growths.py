"""Polyps as implicit bodies: lobes on the wall, with or without a stalk."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scr_live.phantom.anatomy import RING_LENGTH, Tube
from scr_live.phantom.noise import Field, as_field

Vector = NDArray[np.float64]

_PAIR_TRIES = 24
_PAIR_ANGLE = 1.3
"""Between the two of a pair, in radians around the tube."""


@dataclass(frozen=True, slots=True, eq=False)
class Growth:
    """One polyp in its own frame: axes[0] along the wall's angle, axes[1] along z, axes[2] into the lumen."""

    polyp_id: int
    base: Vector  # (3,) on the wall
    axes: NDArray[np.float64]  # (3, 3) rows
    centre: float
    """Height of the head's centre above the wall."""
    lobes: NDArray[np.float64]  # (n, 6): centre and radii in the own frame
    stalk_radius: float
    """0: sessile."""
    relief: NDArray[np.float64]  # (n, 5): wave vector, phase and amplitude of the lobulation
    size: float
    """Radius of the sphere around head centre that holds everything but the stalk's foot."""
    fillet: float
    """Width over which it blends into the wall."""
    tint: Vector  # (3,) RGB factor on the polyp texture
    texture_offset: float
    texture_size: float
    """Above 1: coarser skin."""

    @property
    def head(self) -> Vector:
        """(3,) centre of the head."""
        head: Vector = self.base + self.centre * self.axes[2]
        return head

    def distance(self, a: Field, b: Field, c: Field) -> Field:
        """Signed distance (positive outside) at points of the own frame."""
        body: Field | None = None
        for x, y, z, rx, ry, rz in self.lobes.astype(np.float32):
            lobe = _ellipsoid(a - x, b - y, c - z, radii=(rx, ry, rz))
            body = lobe if body is None else smooth_min(body, lobe, np.float32(0.35 * rx))[0]
        assert body is not None  # noqa: S101 - every growth has a lobe
        for ka, kb, kc, phase, amplitude in self.relief.astype(np.float32):
            body += amplitude * np.sin(ka * a + kb * b + (kc * c + phase))
        if self.stalk_radius:
            along = np.clip(c, -0.1, self.centre)
            stalk = np.sqrt(a * a + b * b + (c - along) ** 2) - np.float32(self.stalk_radius)
            body = smooth_min(body, stalk, np.float32(self.stalk_radius))[0]
        return body


def smooth_min(a: Field, b: Field, width: np.float32 | float) -> tuple[Field, Field]:
    """Polynomial smooth minimum, and the share of `a` in it (1 where a is far smaller)."""
    share = np.clip(0.5 + (b - a) * np.float32(0.5 / width), 0, 1)
    return b + (a - b) * share - np.float32(width) * share * (1 - share), share


def grow(rng: np.random.Generator, tube: Tube, *, count: int, first_z: float) -> tuple[Growth, ...]:
    """Scatter `count` polyps along the ring, evenly with jitter, the first a good way after `first_z`."""
    spacing = RING_LENGTH / max(count, 1)
    places = first_z + (np.arange(count) + 0.85 + rng.uniform(-0.12, 0.12, count)) * spacing
    return tuple(_grow_one(rng, tube, number, z=float(z)) for number, z in enumerate(places))


def pair_up(rng: np.random.Generator, tube: Tube, growths: tuple[Growth, ...]) -> tuple[Growth, ...]:
    """Give each polyp a companion at the wall beside it, right after it in the result."""
    pairs: list[Growth] = []
    for growth in growths:
        tries = [
            _grow_one(rng, tube, len(growths) + growth.polyp_id, z=float(growth.base[2]))
            for _ in range(_PAIR_TRIES)
        ]
        pairs += [growth, min(tries, key=lambda other: _strangeness(growth, other))]
    return tuple(pairs)


def _strangeness(growth: Growth, other: Growth) -> float:
    """How far two polyps are from standing beside each other."""
    turn = np.arccos(np.clip(growth.axes[2][:2] @ other.axes[2][:2], -1, 1))
    return float(abs(turn - _PAIR_ANGLE) + abs(growth.base[2] - other.base[2]))


def _grow_one(rng: np.random.Generator, tube: Tube, polyp_id: int, *, z: float) -> Growth:
    angle, z = _between_folds(rng, tube, z)
    axis = tube.line.at(np.array(z))
    radius = tube.radius(angle, z)
    out = np.array([np.cos(angle), np.sin(angle), 0.0])
    base = np.array([axis[0], axis[1], z]) + out * radius
    lean = rng.uniform(-0.25, 0.25, 2)
    inward = -out + lean[0] * np.array([-out[1], out[0], 0]) + (lean[1] - 0.2) * np.array([0, 0, 1.0])
    inward /= np.linalg.norm(inward)
    along_angle = np.cross([0, 0, 1.0], inward)
    along_angle /= np.linalg.norm(along_angle)
    axes = np.stack([along_angle, np.cross(inward, along_angle), inward])
    stalked = rng.random() < 0.3  # noqa: PLR2004 - about a third
    size = rng.uniform(0.18, 0.32) if stalked else rng.uniform(0.18, 0.46)
    flatness = rng.uniform(0.85, 1.1) if stalked else rng.uniform(0.5, 0.95)
    height = size * rng.uniform(1.3, 1.7) if stalked else size * flatness * rng.uniform(0.25, 0.5)
    lobes = _lobes(rng, size, flatness, height)
    reach = float(np.max(np.linalg.norm(lobes[:, :3] - [0, 0, height], axis=1) + lobes[:, 3:].max(axis=1)))
    return Growth(
        polyp_id=polyp_id,
        base=base,
        axes=axes,
        centre=height,
        lobes=lobes,
        stalk_radius=size * rng.uniform(0.28, 0.4) if stalked else 0.0,
        relief=_relief(rng, size),
        size=max(reach * 1.15, height + 0.1),
        fillet=size * rng.uniform(0.25, 0.5),
        tint=np.array([rng.uniform(0.95, 1.2), rng.uniform(0.75, 1.15), rng.uniform(0.75, 1.15)]),
        texture_offset=rng.uniform(0, 400),
        texture_size=rng.uniform(0.8, 1.5),
    )


def _between_folds(rng: np.random.Generator, tube: Tube, z: float) -> tuple[float, float]:
    """Move a place to the widest spot nearby, so that the polyp is not swallowed by a fold."""
    tries = [(float(rng.uniform(0, 2 * np.pi)), z + float(rng.uniform(-0.5, 0.5))) for _ in range(12)]
    return max(tries, key=lambda place: tube.radius(*place))


def _lobes(rng: np.random.Generator, size: float, flatness: float, height: float) -> NDArray[np.float64]:
    count = int(rng.choice([1, 2, 3], p=[0.5, 0.3, 0.2]))
    lobes = [[0, 0, height, size * rng.uniform(0.85, 1.1), size * rng.uniform(0.85, 1.25), size * flatness]]
    for _ in range(count - 1):
        turn = rng.uniform(0, 2 * np.pi)
        shift = size * rng.uniform(0.45, 0.75)
        share = rng.uniform(0.5, 0.75)
        radii = [size * share, size * share, size * share * flatness]
        lobes.append([np.cos(turn) * shift, np.sin(turn) * shift, height * rng.uniform(0.8, 1.0), *radii])
    return np.array(lobes, dtype=np.float64)


def _relief(rng: np.random.Generator, size: float) -> NDArray[np.float64]:
    """Three waves across the head in random directions, the shorter the flatter."""
    vectors = rng.standard_normal((3, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    frequency = np.array([1.8, 3.2, 5.5]) * rng.uniform(0.8, 1.25, 3) / size
    amplitude = size * rng.uniform(0.2, 1) * np.array([0.09, 0.05, 0.025])
    phase = rng.uniform(0, 2 * np.pi, 3)
    return np.column_stack([vectors * frequency[:, None], phase, amplitude])


def _ellipsoid(x: Field, y: Field, z: Field, *, radii: tuple[np.float32, np.float32, np.float32]) -> Field:
    """Bound of the distance to an axis-aligned ellipsoid: exact on it, never too large outside."""
    x, y, z = x * (1 / radii[0]), y * (1 / radii[1]), z * (1 / radii[2])
    return as_field((np.sqrt(x * x + y * y + z * z) - np.float32(1)) * min(radii))
