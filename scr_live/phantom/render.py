"""One frame of the phantom: scene, trace, paint, develop."""

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.frames import Image, Quality
from scr_live.phantom import lens
from scr_live.phantom.anatomy import RING_LENGTH, Tube, build_tube
from scr_live.phantom.bodies import add_growth
from scr_live.phantom.counter import write_counter
from scr_live.phantom.direct import Shot, direct
from scr_live.phantom.flight import LAP_S, Flight, Pose, plan_flight
from scr_live.phantom.folds import clear_view, contract
from scr_live.phantom.growths import grow, pair_up
from scr_live.phantom.margins import write_patient
from scr_live.phantom.options import PhantomOptions
from scr_live.phantom.paint import Palette, develop, enlarge, grain_shift, make_grain, paint
from scr_live.phantom.scenarios import SCENARIOS, USUAL
from scr_live.phantom.shade import Surface, meet_wall
from scr_live.phantom.textures import choose_look, paint_mucosa, paint_skin
from scr_live.phantom.trace import Rays, aim, near_tube, trace_wall
from scr_live.phantom.truth import PhantomTruth, read_truth
from scr_live.phantom.veils import hidden, is_blind, judge, veil

VISIBLE_DISTANCE = 2.8
"""A polyp farther away lies in the dark and does not count as visible."""
POLYP_SHARE = 0.35
"""Where a polyp melts into the wall, it ends where less than this is left: so does its colour."""
VISIBLE_SHARE = 0.0008
"""Of the frame's pixels: less of a polyp than this is no sight of it."""
CONSPICUOUS = np.array([1.25, 0.65, 0.72])
"""Tint of polyps in scenarios, which test time and not sight."""
SKINS = 3
"""Kinds of polyp skin in one colon."""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """All that does not change during a flight."""

    flight: Flight
    palette: Palette


@lru_cache(maxsize=4)
def scene(seed: int, polyps: int) -> Scene:
    """Build (or remember) the colon of a seed; anatomy and colours do not depend on `polyps`."""
    tube, palette = _colon(seed)
    start = float(np.random.default_rng([seed, 1]).uniform(0, RING_LENGTH))
    count = round(polyps * LAP_S / 10)
    growths = grow(np.random.default_rng([seed, 3]), tube, count=count, first_z=start)
    flight = plan_flight(np.random.default_rng([seed, 4]), tube, growths, start_z=start)
    return Scene(flight, palette)


def stage(options: PhantomOptions) -> Scene:
    """Pick the scene that the options ask for."""
    scenario = SCENARIOS.get(options.scenario or "")
    if scenario is None or not scenario.stop_s or not options.polyps:
        return scene(options.seed, options.polyps)
    return _displayed(options.seed, options.polyps, scenario.has_pairs)


def render(options: PhantomOptions, index: int) -> tuple[Image, PhantomTruth]:
    """Render one frame and its truth; a pure function of (options, index)."""
    colon = stage(options)
    shot = direct(colon.flight, options, index)
    surface, rays = _look_around(colon, shot.pose, options, shot)
    size = (options.width, options.height)
    planes = veil(paint(colon.palette, surface, rays, size=size), shot, options)
    grain = _grain(options.seed, size)
    image = develop(planes, colon.palette.look, grain=grain, shift=grain_shift(options.seed, shot.index))
    lens.write_caption(image, _caption(options, shot.index))
    if options.has_patient_text:
        write_patient(image)
    if options.has_counter:
        write_counter(image, index)
    return image, _truth(surface, options, index, shot)


def truth(options: PhantomOptions, index: int) -> PhantomTruth:
    """Work out the truth of one frame without painting it."""
    colon = stage(options)
    shot = direct(colon.flight, options, index)
    surface, _ = _look_around(colon, shot.pose, options, shot)
    return _truth(surface, options, index, shot)


@lru_cache(maxsize=2)
def _displayed(seed: int, polyps: int, has_pairs: bool) -> Scene:  # noqa: FBT001 - for the cache
    """Make a scene ready for stops: its polyps are conspicuous, behind no fold, and may be pairs."""
    usual = scene(seed, polyps)
    flight = usual.flight
    if has_pairs:
        pairs = pair_up(np.random.default_rng([seed, 7]), flight.tube, flight.growths)
        flight = replace(flight, growths=pairs, attention=flight.attention / 2)
    growths = tuple(replace(growth, tint=CONSPICUOUS) for growth in flight.growths)
    tube = clear_view(flight.tube, flight.growths)
    return replace(usual, flight=replace(flight, growths=growths, tube=tube))


@lru_cache(maxsize=2)
def _colon(seed: int) -> tuple[Tube, Palette]:
    """Grow and paint; takes about a second and 80 MB."""
    tube = build_tube(np.random.default_rng([seed, 0]))
    look = choose_look(np.random.default_rng([seed, 2]))
    brush = np.random.default_rng([seed, 5])
    mucosa = paint_mucosa(brush, look)
    return tube, Palette(look, mucosa, tuple(paint_skin(brush) for _ in range(SKINS)))


@lru_cache(maxsize=2)
def _grain(seed: int, size: tuple[int, int]) -> NDArray[np.int8]:
    look = choose_look(np.random.default_rng([seed, 2]))
    return make_grain(np.random.default_rng([seed, 8]), look, size=size)


def _caption(options: PhantomOptions, index: int) -> tuple[str, ...]:
    minutes, seconds = divmod(index / options.fps, 60)
    return "PHANTOM", f"seed {options.seed}", f"{int(minutes):02}:{seconds:05.2f}"


def _grid(options: PhantomOptions) -> tuple[int, int]:
    """Rows and columns of the geometry grid."""
    return -(-options.height // 2), -(-options.width // 2)


def _look_around(
    colon: Scene, pose: Pose, options: PhantomOptions, shot: Shot | None = None
) -> tuple[Surface, Rays]:
    rows, columns = _grid(options)
    rays = aim(lens.directions(options.width, options.height, columns=columns, rows=rows), pose)
    near = near_tube(colon.flight.tube, pose.position[2])
    places = colon.flight.growth_places(pose.position[2])
    if shot is not None and shot.conditions.squeeze:
        for growth, shift in places:
            if growth is shot.growth:
                z = growth.base[2] + shift[2]
                near = contract(near, colon.flight.tube.line, growth, z, amount=shot.conditions.squeeze)
    surface = meet_wall(near, rays, trace_wall(near, rays))
    for growth, shift in places:
        add_growth(surface, near, rays, growth=growth, shift=shift)
    return surface, rays


def _truth(surface: Surface, options: PhantomOptions, index: int, shot: Shot) -> PhantomTruth:
    field = lens.octagon(options.width, options.height) > 0.5  # noqa: PLR2004 - half covered
    labels, quality = np.zeros(field.shape, np.uint8), Quality.GOOD
    visible, patches = field, surface.patches
    if shot.conditions != USUAL:
        covered = hidden(shot, options)
        visible, quality = field & ~covered, judge(shot.conditions, covered)
        patches = [] if is_blind(shot.conditions) else patches
    identities = {}
    for label, patch in enumerate(patches, start=1):
        area, share = enlarge(patch, _grid(options), (options.width, options.height))
        lit = cv2.resize(surface.distance[patch.area], share.shape[::-1]) < VISIBLE_DISTANCE
        seen = (share > POLYP_SHARE) & lit & visible[area]
        if seen.sum() >= VISIBLE_SHARE * field.size:
            labels[area][seen] = label
            identities[label] = patch.growth.polyp_id
    return read_truth(index, labels, identities, quality=quality, is_cut=shot.is_cut)
