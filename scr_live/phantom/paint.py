"""From the traced surface to a picture, at full size and plane by plane: interleaved float is far slower."""

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.frames import Image
from scr_live.phantom import lens
from scr_live.phantom.noise import Field, as_field
from scr_live.phantom.shade import Patch, Surface
from scr_live.phantom.textures import (
    SKIN_PER_RADIUS_PX,
    SKIN_PX,
    TILE_LENGTH,
    TILE_PX,
    Look,
    Tile,
)
from scr_live.phantom.trace import BEHIND, SIGHT, Rays

_RELIEF_IN_LIGHT = np.float32(0.6)
"""How much relief shows in diffuse light."""
_NOISE_ROOM_PX = 256


@dataclass(frozen=True, slots=True, eq=False)
class Palette:
    """What the brush needs of a scene."""

    look: Look
    mucosa: Tile
    skins: tuple[Tile, ...]


@dataclass(slots=True, eq=False)
class _Canvas:
    """Material at full size, before light: paint (128 is 1), gloss, relief, and reflectance per channel."""

    paint: NDArray[np.uint8]  # (h, w, 4): RGB and gloss
    relief: NDArray[np.uint8]  # (h, w, 3): slopes around 128, and 255 / length of the tilted normal
    tone: list[Field]  # three planes of reflectance


@dataclass(frozen=True, slots=True, eq=False)
class _Light:
    """Planes at full size."""

    flat: Field  # light that does not depend on relief
    tilted: Field  # light times the turned normal
    facing: Field  # cosine of wall and view, plus twice both tangents' cosines
    around: Field
    along: Field
    shine: Field


def paint(palette: Palette, surface: Surface, rays: Rays, *, size: tuple[int, int]) -> list[Field]:
    """Three planes of linear light (R, G, B) at `size` (width, height), before the tone curve."""
    canvas = _lay_wall(palette, surface, rays.origin[2], size)
    for patch in surface.patches:
        _lay_skin(palette, canvas, patch, size)
    light = _shine_on(surface, rays, palette.look, size)
    slope_x, slope_y, inverse_length = cv2.split(canvas.relief)
    tilt = as_field(cv2.multiply(slope_x, light.around, scale=1 / 64, dtype=cv2.CV_32F))
    tilt += as_field(cv2.multiply(slope_y, light.along, scale=1 / 64, dtype=cv2.CV_32F))
    turned = as_field(cv2.multiply(inverse_length, light.facing - tilt, scale=1 / 255, dtype=cv2.CV_32F))
    diffuse = light.flat + light.tilted * turned
    glint = np.clip((turned - np.float32(0.98)) * np.float32(60), 0, 1)
    glint *= glint
    glint *= light.shine
    *colours, gloss = cv2.split(canvas.paint)
    glint = cv2.multiply(gloss, glint, scale=palette.look.wetness / 255, dtype=cv2.CV_32F)
    planes = []
    for colour, tone in zip(colours, canvas.tone, strict=True):
        lit = cv2.multiply(colour, tone * diffuse, scale=1 / 128, dtype=cv2.CV_32F)
        planes.append(as_field(cv2.add(lit, glint)))
    return planes


def develop(planes: list[Field], look: Look, *, grain: NDArray[np.int8], shift: tuple[int, int]) -> Image:
    """Tone curve, lens blur, sensor noise and the black surround."""
    height, width = planes[0].shape
    film = []
    for plane, balance in zip(planes, (1 + look.warmth, 1.0, 1 - look.warmth), strict=True):
        bleached = cv2.exp(plane * np.float32(-balance))
        film.append(cv2.convertScaleAbs(cv2.sqrt(np.subtract(1, bleached)), alpha=255))
    image = cv2.LUT(cv2.merge(film), look.curve)
    image = cv2.GaussianBlur(image, (0, 0), 0.3 + look.blur_px * width / 640)
    noise = grain[shift[0] : shift[0] + height, shift[1] : shift[1] + width]
    image = cv2.add(image, noise, dtype=cv2.CV_8U)
    return cast("Image", cv2.multiply(image, lens.octagon_rgb(width, height), scale=1 / 255))


def make_grain(rng: np.random.Generator, look: Look, *, size: tuple[int, int]) -> NDArray[np.int8]:
    """Sensor noise, larger than the frame by _NOISE_ROOM_PX each way."""
    width, height = size
    noise = rng.standard_normal((height + _NOISE_ROOM_PX, width + _NOISE_ROOM_PX, 3), dtype=np.float32)
    noise = 0.6 * noise + 0.8 * noise[..., :1]
    noise = cv2.GaussianBlur(noise, (0, 0), 0.55) * np.float32(1.5 * look.noise)
    return np.clip(np.round(noise), -30, 30).astype(np.int8)


def grain_shift(seed: int, index: int) -> tuple[int, int]:
    """Offset of the noise for one frame."""
    y, x = np.random.default_rng([seed, 6, index]).integers(0, _NOISE_ROOM_PX, 2)
    return int(y), int(x)


def enlarge(patch: Patch, grid: tuple[int, int], size: tuple[int, int]) -> tuple[tuple[slice, slice], Field]:
    """Bring a patch's area and share to full size; `grid` is (rows, columns), `size` (width, height)."""
    scale_y, scale_x = size[1] / grid[0], size[0] / grid[1]
    y = slice(round(patch.area[0].start * scale_y), round(patch.area[0].stop * scale_y))
    x = slice(round(patch.area[1].start * scale_x), round(patch.area[1].stop * scale_x))
    share = cv2.resize(patch.share, (x.stop - x.start, y.stop - y.start))
    return (y, x), as_field(share)


def _lay_wall(palette: Palette, surface: Surface, z: float, size: tuple[int, int]) -> _Canvas:
    look = palette.look
    _, angle = cv2.cartToPolar(cv2.resize(surface.dx, size), cv2.resize(surface.dy, size))
    column = angle * np.float32(TILE_PX / (2 * np.pi)) + np.float32(1)
    per_unit = TILE_PX / TILE_LENGTH
    first = float(z) - BEHIND
    start = np.float32(first * per_unit % TILE_PX - first * per_unit)
    row = cv2.resize(surface.z * np.float32(per_unit) + start, size)
    maps = cv2.convertMaps(column, row, cv2.CV_16SC2)
    colour = cv2.remap(palette.mucosa.colour, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    relief = cv2.remap(palette.mucosa.relief, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    tone = [
        as_field(cv2.resize(base + surface.crest * (pale - base), size))
        for base, pale in zip(look.base, look.pale, strict=True)
    ]
    return _Canvas(cast("Image", colour), cast("Image", relief), tone)


def _lay_skin(palette: Palette, canvas: _Canvas, patch: Patch, size: tuple[int, int]) -> None:
    """Lay polyp skin over the wall."""
    grid = (-(-size[1] // 2), -(-size[0] // 2))
    area, share = enlarge(patch, grid, size)
    rows, columns = share.shape
    skin = palette.skins[patch.growth.polyp_id % len(palette.skins)]
    scale = np.float32(SKIN_PER_RADIUS_PX / patch.growth.texture_size)
    offset = np.float32(SKIN_PX + patch.growth.texture_offset)
    u, v = (cv2.resize(f, (columns, rows)) * scale + offset for f in (patch.u, patch.v))
    colour = cv2.remap(skin.colour, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    relief = cv2.remap(skin.relief, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    blend = np.clip(share * np.float32(1.5), 0, 1)
    rest = 1 - blend
    canvas.paint[area] = cv2.blendLinear(colour, canvas.paint[area].copy(), blend, rest)
    canvas.relief[area] = cv2.blendLinear(relief, canvas.relief[area].copy(), blend, rest)
    reflectance = palette.look.polyp * patch.growth.tint.astype(np.float32)
    for plane, colour_of_polyp in zip(canvas.tone, reflectance, strict=True):
        plane[area] += (colour_of_polyp - plane[area]) * blend


def _shine_on(surface: Surface, rays: Rays, look: Look, size: tuple[int, int]) -> _Light:
    """Work out the light on the geometry grid, then enlarge it."""
    view = (rays.x, rays.y, rays.z)
    facing, around, along = (
        -(v[0] * view[0] + v[1] * view[1] + v[2] * view[2])
        for v in (surface.normal, surface.around, surface.along)
    )
    facing = np.clip(facing, 0, 1)
    rows, columns = facing.shape
    glass = lens.vignette(columns, rows)
    fade = np.maximum(1 - surface.distance * np.float32(1 / SIGHT), 0)
    fade *= np.sqrt(fade) * glass
    lamp = fade / (surface.distance * surface.distance + np.float32(0.3))
    light = (
        lamp
        * (np.float32(0.26) + np.float32(0.74) * facing)
        * (np.float32(0.35) + np.float32(0.65) * surface.openness)
    )
    ambient = surface.openness * fade / (1 + surface.distance) * np.float32(look.ambient)
    exposure = _exposure(light + ambient, look)
    flat = (light * (1 - _RELIEF_IN_LIGHT * facing) + ambient) * exposure
    tilted = light * (_RELIEF_IN_LIGHT * exposure)
    shine = np.minimum(lamp * (6 * exposure), 6)
    planes = (flat, tilted, facing + 2 * (around + along), around, along, shine)
    return _Light(*(as_field(cv2.resize(plane, size)) for plane in planes))


def _exposure(light: Field, look: Look) -> np.float32:
    """Automatic exposure: bright close walls stop the lamp down."""
    middle = float(np.sqrt(light).mean()) ** 2
    return np.float32(look.exposure * 1.9 / (0.12 + middle))
