"""The room around the patient, as a scope that hangs from its stand sees it: nothing in it is red."""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.phantom.noise import Field, as_field, smooth_noise

_SIDE_PX = 1024
_MARGIN = 0.22
"""Of the picture on each side, so that the scope can swing."""


def look_at_room(seed: int, time_s: float, size: tuple[int, int]) -> list[Field]:
    """Three planes of light; the scope swings slowly."""
    width, height = size
    scale = _SIDE_PX * (1 - 2 * _MARGIN) / max(size)
    turn = 0.35 * np.sin(0.9 * time_s + seed)
    shift = _SIDE_PX * 0.16 * np.array([np.sin(1.1 * time_s + seed), np.sin(0.8 * time_s + 2)])
    c, s = scale * np.cos(turn), scale * np.sin(turn)
    middle = np.array([width / 2, height / 2])
    matrix = np.array([[c, -s, 0.0], [s, c, 0.0]], np.float64)
    matrix[:, 2] = _SIDE_PX / 2 + shift - matrix[:, :2] @ middle
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return [
        as_field(cv2.warpAffine(plane, matrix, size, flags=flags, borderMode=cv2.BORDER_REFLECT_101))
        for plane in _room(seed)
    ]


@lru_cache(maxsize=2)
def _room(seed: int) -> tuple[Field, ...]:
    rng = np.random.default_rng([seed, 11])
    side = _SIDE_PX
    room = np.full((side, side, 3), (150, 158, 160), np.uint8)
    _box(room, (0, 0, 1, 0.3), (196, 200, 200))  # the ceiling and its lamps
    for left in (0.12, 0.42, 0.72):
        _box(room, (left, 0.08, left + 0.2, 0.16), (255, 255, 255))
    _box(room, (0.06, 0.34, 0.2, 0.78), (104, 116, 124))  # a door
    _box(room, (0.36, 0.36, 0.64, 0.58), (26, 28, 32))  # the monitor on its arm
    _box(room, (0.38, 0.38, 0.62, 0.56), (48, 96, 118))
    _box(room, (0.49, 0.58, 0.51, 0.74), (70, 74, 78))
    _box(room, (0.74, 0.42, 0.96, 0.8), (182, 186, 180))  # the cart with its devices
    for top in (0.46, 0.55, 0.64):
        _box(room, (0.77, top, 0.93, top + 0.06), (58, 64, 70))
        _box(room, (0.78, top + 0.02, 0.8, top + 0.03), (90, 210, 120))
    drape = np.array([[0, 0.76], [0.3, 0.7], [0.7, 0.74], [1, 0.7], [1, 1], [0, 1]]) * side
    cv2.fillPoly(room, [drape.astype(np.int32)], (52, 112, 104))
    light = as_field(room.astype(np.float32) / np.float32(255))
    folds = smooth_noise(rng, (side, side), cell_px=90, stretch=3)
    light[round(0.72 * side) :] *= 1 + 0.12 * folds[round(0.72 * side) :, :, None]
    light *= 1 + 0.03 * smooth_noise(rng, (side, side), cell_px=200)[..., None]
    soft = cv2.GaussianBlur(np.clip(light, 0.02, 0.97), (0, 0), 2.2)
    return tuple(as_field(-np.log(1 - plane * plane) * np.float32(0.8)) for plane in cv2.split(soft))


def _box(room: NDArray[np.uint8], corners: tuple[float, ...], colour: tuple[int, int, int]) -> None:
    left, top, right, bottom = (round(part * _SIDE_PX) for part in corners)
    cv2.rectangle(room, (left, top), (right, bottom), colour, cv2.FILLED)
