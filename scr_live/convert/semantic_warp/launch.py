"""How many blocks and threads the kernel is started with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

THREADS_PER_BLOCK: Final = 128
PIXELS_PER_THREAD: Final = 2
CHANNELS_PER_THREAD: Final = 4
"""As in semantic_warp.cuh."""

MOST_PIXELS: Final = 1 << 29
"""Of one plane: places in it are 32-bit numbers, with room for the steps beyond its end."""

_MOST_BLOCKS: Final = 65_535
"""CUDA's limit of the y and z extent of a grid; beyond it a block takes more than one image or group."""


@dataclass(frozen=True, slots=True)
class Launch:
    """One start of the kernel."""

    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    args: tuple[int, int, int, int]
    """batch, channels, height, width: the integers between the pointers to the inputs and to the output."""


def geometry(batch: int, channels: int, *, height: int, width: int) -> Launch:
    """The start for tensors (batch, channels, height, width), the same for all precisions.

    ValueError: an extent is below 1, or a plane has more than MOST_PIXELS pixels.
    """
    extents = (batch, channels, height, width)
    if min(extents) < 1 or height * width > MOST_PIXELS:
        raise ValueError(
            f"the semantic warp takes tensors (batch, channels, height, width) with extents from 1 and "
            f"planes of at most {MOST_PIXELS} pixels; found {extents}"
        )
    grid = grid_of(extents, divide_up=lambda a, b: -(-a // b), least=min)
    return Launch(grid=grid, block=(THREADS_PER_BLOCK, 1, 1), args=extents)


def grid_of(
    extents: tuple[Any, Any, Any, Any],
    *,
    divide_up: Callable[[Any, int], Any],
    least: Callable[[Any, int], Any],
) -> tuple[Any, Any, Any]:
    """The grid for extents that may be symbols, as TensorRT's shapes are.

    TensorRT has functions of its own for them: so the formula stands here once. It uses `*`, `divide_up`
    (rounded up) and `least`.
    """
    batch, channels, height, width = extents
    return (
        divide_up(height * width, PIXELS_PER_THREAD * THREADS_PER_BLOCK),
        least(divide_up(channels, CHANNELS_PER_THREAD), _MOST_BLOCKS),
        least(batch, _MOST_BLOCKS),
    )
