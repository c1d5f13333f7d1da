"""What a fault makes of a picture."""

from typing import Final

import numpy as np

from scr_live.faults.schedule import FaultKind, SourceFault
from scr_live.frames import Image

_BLOCK: Final = 16  # pixels: a macroblock
_NOISE_SHARE: Final = 0.1


def spoilt(image: Image, kind: FaultKind, rng: np.random.Generator) -> Image:
    """Return another picture, for the faults that make one; else the same."""
    match kind:
        case SourceFault.BLACK:
            return np.zeros_like(image)
        case SourceFault.WHITE:
            return np.full_like(image, 255)
        case SourceFault.SIZE:
            return np.ascontiguousarray(image[::2, ::2])
        case SourceFault.CORRUPT:
            return _with_noise(image, rng)
        case _:
            return image


def _with_noise(image: Image, rng: np.random.Generator) -> Image:
    """Replace a tenth of the macroblocks, as a decoder does that has lost packets."""
    noisy = image.copy()
    height, width = image.shape[:2]
    corners = [(y, x) for y in range(0, height, _BLOCK) for x in range(0, width, _BLOCK)]
    for number in rng.choice(len(corners), max(1, int(_NOISE_SHARE * len(corners))), replace=False):
        y, x = corners[number]
        block = noisy[y : y + _BLOCK, x : x + _BLOCK]
        block[:] = rng.integers(0, 256, block.shape, np.uint8)
    return noisy
