"""One frame of the phantom: scene, trace, shade, develop."""

from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.frames import Image
from scr_live.phantom import lens
from scr_live.phantom.anatomy import ANGLE_STEPS, RING_LENGTH, STEPS_PER_UNIT, Tube, build_tube
from scr_live.phantom.flight import LAP_S, Flight, Pose, plan_flight
from scr_live.phantom.growths import grow
from scr_live.phantom.noise import Field
from scr_live.phantom.options import PhantomOptions
from scr_live.phantom.shade import Patch, Surface, add_growth, meet_wall
from scr_live.phantom.textures import (
    SKIN_PER_RADIUS_PX,
    SKIN_PX,
    TILE_LENGTH,
    TILE_PX,
    Look,
    Tile,
    choose_look,
    paint_mucosa,
    paint_skin,
)
from scr_live.phantom.trace import SIGHT, Rays, aim, near_tube, trace_wall
from scr_live.phantom.truth import PhantomTruth, read_truth

VISIBLE_DISTANCE = 3.6
"""A polyp farther away lies in the dark and does not count as visible."""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """All that does not change during a flight."""

    tube: Tube
    flight: Flight
    look: Look
    mucosa: Tile
    skins: tuple[Tile, ...]
    grain: NDArray[np.int16]


@lru_cache(maxsize=4)
def scene(seed: int, polyps: int) -> Scene:
    """Build (or remember) the colon of a seed; anatomy and colours do not depend on `polyps`."""
    rng = np.random.default_rng([seed, 1])
    tube = build_tube(rng)
    start = float(rng.uniform(0, RING_LENGTH))
    look = choose_look(np.random.default_rng([seed, 2]))
    count = round(polyps * LAP_S / 10)
    growths = grow(np.random.default_rng([seed, 3]), tube, count=count, first_z=start)
    flight = plan_flight(np.random.default_rng([seed, 4]), tube, growths, start_z=start)
    paint = np.random.default_rng([seed, 5])
    mucosa = _padded(paint_mucosa(paint, look), repeats=3)
    skins = tuple(_padded(paint_skin(paint), repeats=2) for _ in range(3)) if count else ()
    grain = np.clip(paint.normal(0, look.noise, (1400, 1400)), -20, 20)
    grain = cv2.GaussianBlur(grain, (0, 0), 0.6) * 1.6
    return Scene(tube, flight, look, mucosa, skins, np.round(grain).astype(np.int16))


def render(options: PhantomOptions, index: int) -> tuple[Image, PhantomTruth]:
    """Render one frame and its truth; a pure function of (options, index)."""
    stage = scene(options.seed, options.polyps)
    pose = stage.flight.pose(index / options.fps)
    surface, rays = _look_around(stage, pose, options)
    linear = _light(stage, surface, rays, pose, options)
    image = _develop(stage, linear, options, index)
    return image, _truth(surface, options, index)


def truth(options: PhantomOptions, index: int) -> PhantomTruth:
    """The truth of one frame without painting it."""
    stage = scene(options.seed, options.polyps)
    surface, _ = _look_around(stage, stage.flight.pose(index / options.fps), options)
    return _truth(surface, options, index)


def _padded(tile: Tile, *, repeats: int) -> Tile:
    def pad(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        tall = np.concatenate([image] * repeats)
        wide = np.concatenate([image] * (2 if image.shape[0] == SKIN_PX else 1), axis=1)
        if repeats == 3:  # noqa: PLR2004 - the wall: one wrapped column on both sides
            return np.ascontiguousarray(np.pad(tall, ((0, 0), (1, 1), (0, 0)), mode="wrap"))
        return np.ascontiguousarray(np.concatenate([wide] * repeats))

    return Tile(pad(tile.colour), pad(tile.relief))


def _look_around(stage: Scene, pose: Pose, options: PhantomOptions) -> tuple[Surface, Rays]:
    columns, rows = max(24, options.width // 2), max(20, options.height // 2)
    size = (options.width, options.height)
    fine = aim(lens.directions(*size, columns=columns, rows=rows), pose)
    coarse = aim(lens.directions(*size, columns=columns // 2, rows=rows // 2), pose)
    near = near_tube(stage.tube, pose.position[2])
    distance = trace_wall(near, coarse, fine, pose)
    surface = meet_wall(near, fine, pose, distance)
    for growth, shift in stage.flight.growth_places(pose.position[2]):
        add_growth(surface, near, fine, pose, growth=growth, shift=shift)
    return surface, fine


def _light(
    stage: Scene, surface: Surface, rays: Rays, pose: Pose, options: PhantomOptions
) -> NDArray[np.float32]:
    """(h, w, 3) linear light at full size."""
    look = stage.look
    size = (options.width, options.height)
    view = np.stack([rays.x, rays.y, rays.z])
    facing = np.clip(-(surface.normal * view).sum(axis=0), 0, 1)
    around = -(surface.around * view).sum(axis=0)
    along = -(surface.along * view).sum(axis=0)
    lamp = np.float32(1) / (surface.distance * surface.distance + np.float32(0.12))
    fade = np.clip((np.float32(SIGHT) - surface.distance) / np.float32(SIGHT), 0, 1)
    light = lamp * fade * (np.float32(0.16) + np.float32(0.84) * facing) * (0.35 + 0.65 * surface.openness)
    ambient = surface.openness * fade / (1 + surface.distance) * np.float32(look.ambient)
    exposure = _exposure(light + ambient, look)
    packed = cv2.resize(np.dstack([surface.dx, surface.dy, surface.row, surface.crest]), size)
    lit = cv2.resize(np.dstack([light * exposure, ambient * exposure, facing]), size)
    tilt = cv2.resize(np.dstack([around, along, lamp * fade * exposure]), size)
    colour, relief = _wall_paint(stage, packed, pose)
    for patch in surface.patches:
        _paint_patch(stage, colour, relief, patch, options)
    slope_x = (relief[..., 0].astype(np.float32) - 128) * np.float32(1 / 64)
    slope_y = (relief[..., 1].astype(np.float32) - 128) * np.float32(1 / 64)
    turned = lit[..., 2] - slope_x * tilt[..., 0] - slope_y * tilt[..., 1]
    turned /= np.sqrt(1 + slope_x * slope_x + slope_y * slope_y)
    relieved = lit[..., 0] * (1 + np.float32(0.6) * (turned - lit[..., 2])) + lit[..., 1]
    linear = colour[..., :3] * relieved[..., None]
    # Light that has bounced between red walls is red: shadows keep their colour.
    linear[..., 0] += lit[..., 1] * np.float32(0.12)
    gloss = colour[..., 3] * np.float32(look.wetness)
    shine = np.clip((turned - np.float32(0.975)) * np.float32(50), 0, 1)
    linear += (shine * shine * gloss * np.minimum(tilt[..., 2] * 6, 6))[..., None]
    return cast("NDArray[np.float32]", linear)


def _exposure(light: Field, look: Look) -> np.float32:
    """Automatic exposure: bright close walls stop the lamp down."""
    middle = float(np.sqrt(light).mean()) ** 2
    return np.float32(look.exposure * 1.7 / (0.12 + middle))


def _wall_paint(
    stage: Scene, packed: NDArray[np.float32], pose: Pose
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Colour (h, w, 4: RGB reflectance and gloss) and relief of the wall at full size."""
    look = stage.look
    _, angle = cv2.cartToPolar(packed[..., 0], packed[..., 1])
    column = angle * np.float32(TILE_PX / (2 * np.pi)) + np.float32(1)
    z_first = np.floor((pose.position[2] - 1.5) * STEPS_PER_UNIT) / STEPS_PER_UNIT
    per_row = TILE_PX / TILE_LENGTH / STEPS_PER_UNIT
    row = packed[..., 2] * np.float32(per_row) + np.float32(z_first * TILE_PX / TILE_LENGTH % TILE_PX)
    paint = cv2.remap(stage.mucosa.colour, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    relief = cv2.remap(stage.mucosa.relief, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    colour = paint.astype(np.float32)
    crest = packed[..., 3, None]
    tone = look.base + crest * (look.pale - look.base)
    colour[..., :3] *= tone * np.float32(1 / 128)
    colour[..., 3] *= np.float32(1 / 255)
    return colour, cast("NDArray[np.uint8]", relief)


def _paint_patch(
    stage: Scene,
    colour: NDArray[np.float32],
    relief: NDArray[np.uint8],
    patch: Patch,
    options: PhantomOptions,
) -> None:
    """Lay polyp skin over the wall's paint."""
    area, share = _enlarge(patch, options)
    rows, columns = share.shape
    skin = stage.skins[patch.growth.polyp_id % len(stage.skins)]
    scale = np.float32(SKIN_PER_RADIUS_PX)
    offset = np.float32(SKIN_PX + patch.growth.texture_offset)
    u, v = (cv2.resize(f, (columns, rows)) * scale + offset for f in (patch.u, patch.v))
    paint = cv2.remap(skin.colour, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP).astype(np.float32)
    bumps = cv2.remap(skin.relief, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    paint[..., :3] *= stage.look.polyp * patch.growth.tint.astype(np.float32) * np.float32(1 / 128)
    paint[..., 3] *= np.float32(1 / 255)
    blend = np.clip(share * np.float32(1.6), 0, 1)[..., None]
    colour[area] += (paint - colour[area]) * blend
    relief[area] = np.where(blend > 0.5, bumps, relief[area])  # noqa: PLR2004 - whichever prevails


def _enlarge(patch: Patch, options: PhantomOptions) -> tuple[tuple[slice, slice], Field]:
    """The patch's area and polyp share at full size."""
    rows, columns = max(20, options.height // 2), max(24, options.width // 2)
    scale_y, scale_x = options.height / rows, options.width / columns
    y = slice(round(patch.area[0].start * scale_y), round(patch.area[0].stop * scale_y))
    x = slice(round(patch.area[1].start * scale_x), round(patch.area[1].stop * scale_x))
    share = cv2.resize(patch.share, (x.stop - x.start, y.stop - y.start))
    return (y, x), cast("Field", share)


def _develop(stage: Scene, linear: NDArray[np.float32], options: PhantomOptions, index: int) -> Image:
    """Tone curve, lens, sensor noise, black surround and text."""
    width, height = options.width, options.height
    look = stage.look
    linear *= lens.vignette(width, height)[..., None]
    balance = np.array([1 + look.warmth, 1.0, 1 - look.warmth], np.float32)
    film = np.sqrt(1 - cv2.exp(linear * -balance))
    film = cv2.GaussianBlur(film, (0, 0), look.blur_px * width / 640 + 0.25)
    shift = np.random.default_rng([options.seed, 6, index]).integers(0, 1400 - 1024, 2)
    image = film * np.float32(248)
    grain = (
        np.resize(stage.grain, (max(1400, height), max(1400, width)))
        if max(width, height) > 1000
        else stage.grain
    )  # noqa: PLR2004
    noise = grain[shift[0] : shift[0] + height, shift[1] : shift[1] + width]
    if noise.shape == (height, width):
        image += noise[..., None]
    image *= lens.octagon(width, height)[..., None]
    final = np.clip(image, 0, 255).astype(np.uint8)
    seconds = index / options.fps
    lens.write_caption(
        final, ("PHANTOM", f"seed {options.seed}", f"{int(seconds // 60):02}:{seconds % 60:05.2f}")
    )
    return final


def _truth(surface: Surface, options: PhantomOptions, index: int) -> PhantomTruth:
    labels = np.zeros((options.height, options.width), np.uint8)
    identities = {}
    field = lens.octagon(options.width, options.height) > 0.5  # noqa: PLR2004 - half covered
    for label, patch in enumerate(surface.patches, start=1):
        area, share = _enlarge(patch, options)
        lit = cv2.resize(surface.distance[patch.area], share.shape[::-1]) < VISIBLE_DISTANCE
        labels[area][(share > 0.5) & lit & field[area]] = label  # noqa: PLR2004 - more polyp than wall
        identities[label] = patch.growth.polyp_id
    return read_truth(index, labels, identities)
