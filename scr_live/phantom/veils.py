"""What stands between the colon and the picture: blur, exposure, liquid, an instrument, or another place."""

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.frames import Quality
from scr_live.phantom import bubbles, instrument, lens, room
from scr_live.phantom.direct import Shot
from scr_live.phantom.noise import Field
from scr_live.phantom.options import PhantomOptions
from scr_live.phantom.scenarios import USUAL, Conditions

LONGEST_SMEAR = 0.05
"""In half widths of the field, as the next: a picture that moves farther shows nothing."""
WIDEST_DEFOCUS = 0.02
MOST_STOPS, LEAST_STOPS = 2.5, -3.5
"""Beyond these, a picture is too bright or too dark."""
BLIND_STOPS = 1.0
"""So far beyond them, nothing is seen any more."""
OUTSIDE = 0.5
"""Share of the room from which on a mixed picture is one of the room."""
MOST_COVERED = 0.5
"""Of the field; a picture of which more is hidden cannot be judged."""


def veil(planes: list[Field], shot: Shot, options: PhantomOptions) -> list[Field]:
    """Change planes of light as the shot says."""
    now = shot.conditions
    if now == USUAL:
        return planes
    size, seed, time_s = (options.width, options.height), options.seed, shot.time_s
    if now.tool:
        instrument.lay_tool(planes, instrument.hold_tool(now.tool, time_s, size))
    if now.outside:
        _go_out(planes, room.look_at_room(seed, time_s, size), now.outside)
    _blur(planes, now, options)
    if now.liquid:
        cover = bubbles.turbidity(seed, now.liquid, time_s, size)
        bubbles.lay_liquid(planes, cover, now.liquid)
    if now.bubbles:
        bubbles.lay_bubbles(planes, bubbles.float_bubbles(seed, now.bubbles, time_s, size))
    if now.stops:
        planes = [plane * np.float32(2**now.stops) for plane in planes]
    return planes


def hidden(shot: Shot, options: PhantomOptions) -> NDArray[np.bool_]:
    """(h, w) where something stands before the colon."""
    now, size = shot.conditions, (options.width, options.height)
    mask = np.zeros((options.height, options.width), np.uint8)
    if now.tool:
        instrument.hide_tool(mask, instrument.hold_tool(now.tool, shot.time_s, size))
    if now.bubbles:
        floating = bubbles.float_bubbles(options.seed, now.bubbles, shot.time_s, size)
        bubbles.hide_bubbles(mask, floating)
    if now.liquid:
        mask |= bubbles.is_opaque(bubbles.turbidity(options.seed, now.liquid, shot.time_s, size))
    return mask > 0


def is_blind(now: Conditions) -> bool:
    """Tell whether no polyp could be made out anywhere."""
    is_exposed = LEAST_STOPS - BLIND_STOPS <= now.stops <= MOST_STOPS + BLIND_STOPS
    return _is_blurred(now) or not is_exposed


def judge(now: Conditions, covered: NDArray[np.bool_]) -> Quality:
    """Say what kind of picture it is; `covered` is what `hidden` says."""
    if now.outside > OUTSIDE:
        return Quality.OUTSIDE
    if now.stops > MOST_STOPS:
        return Quality.BRIGHT
    if now.stops < LEAST_STOPS:
        return Quality.DARK
    field = lens.octagon(covered.shape[1], covered.shape[0]) > 0.5  # noqa: PLR2004 - half covered
    if covered[field].mean() > MOST_COVERED:
        return Quality.COVERED
    return Quality.BLURRED if _is_blurred(now) else Quality.GOOD


def _is_blurred(now: Conditions) -> bool:
    return now.smear > LONGEST_SMEAR or now.defocus > WIDEST_DEFOCUS or now.outside > 0


def _blur(planes: list[Field], now: Conditions, options: PhantomOptions) -> None:
    half_width = lens.field_box(options.width, options.height)[2]
    length = round(now.smear * half_width)
    sigma = (now.defocus + 0.1 * 4 * now.outside * (1 - now.outside)) * half_width
    for plane in planes:
        if length > 1:
            cv2.blur(plane, (length, 1), dst=plane)
        if sigma > 0.3:  # noqa: PLR2004 - less changes nothing
            cv2.GaussianBlur(plane, (0, 0), sigma, dst=plane)


def _go_out(planes: list[Field], outside: list[Field], share: float) -> None:
    """Mix with the room, in the deep red of the anus half-way."""
    dim = np.float32(1 - 0.6 * 4 * share * (1 - share))
    for plane, other in zip(planes, outside, strict=True):
        plane[:] = (plane + (other - plane) * np.float32(share)) * dim
