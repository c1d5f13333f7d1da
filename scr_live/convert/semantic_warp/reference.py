"""The semantic warp in float64: what all other implementations are compared with."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def semantic_warp(up: NDArray[Any], low: NDArray[Any], flow: NDArray[Any]) -> NDArray[np.float64]:
    """Equation 3 of the paper: low + warp(up, flow).

    up, low: (b, c, h, w). flow: (b, 2, h, w), (dx, dy) in pixels of the output, at pixel centres. Bilinear,
    zero outside. A flow that is NaN or infinite samples nothing there. ValueError: the shapes do not fit.
    """
    batch, channels, height, width = _extents(up, low, flow)
    dx, dy = np.moveaxis(flow.astype(np.float64), 1, 0)  # b, h, w
    known = np.isfinite(dx) & np.isfinite(dy)
    # Further than this is outside for every pixel; the whole part must fit an integer.
    x = np.arange(width) + np.clip(np.where(known, dx, -2.0 * width), -2.0 * width, 2.0 * width)
    y = np.arange(height)[:, None] + np.clip(np.where(known, dy, -2.0 * height), -2.0 * height, 2.0 * height)
    left, top = np.floor(x), np.floor(y)
    right_share, lower_share = x - left, y - top

    # Two rows and columns of zeros all around: a tap outside is a tap of them.
    padded = np.pad(up.astype(np.float64), ((0, 0), (0, 0), (2, 2), (2, 2)))
    columns = (np.clip(left, -2, width).astype(np.intp) + 2)[:, None]
    rows = (np.clip(top, -2, height).astype(np.intp) + 2)[:, None]
    image = np.arange(batch)[:, None, None, None]
    channel = np.arange(channels)[None, :, None, None]
    sampled = np.zeros(up.shape)
    for down in (0, 1):
        for across in (0, 1):
            weight = (lower_share if down else 1.0 - lower_share) * (
                right_share if across else 1.0 - right_share
            )
            sampled += weight[:, None] * padded[image, channel, rows + down, columns + across]
    return low.astype(np.float64) + sampled


def rounding_bound(
    up: NDArray[Any], low: NDArray[Any], reference: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How far from the reference each element of a float32 implementation may be, by its roundings alone.

    Eight roundings of float32 (three of a weight, four of the sum of taps, one of the last sum) act on
    numbers that are together no larger than |low| and the largest |tap|; half precision is rounded to once.
    """
    largest = np.abs(low.astype(np.float64)) + float(np.abs(up).max(initial=0.0))
    bound = 8 * 2.0**-24 * largest
    if low.dtype == np.float16:
        bound += 0.5 * np.spacing(np.abs(reference).astype(np.float16)).astype(np.float64)
    return bound


def _extents(up: NDArray[Any], low: NDArray[Any], flow: NDArray[Any]) -> tuple[int, int, int, int]:
    if up.ndim != 4 or low.shape != up.shape or flow.shape != (up.shape[0], 2, *up.shape[2:]):  # noqa: PLR2004 - b, c, h, w
        raise ValueError(
            f"the semantic warp takes up and low (b, c, h, w) and flow (b, 2, h, w); found {up.shape}, "
            f"{low.shape} and {flow.shape}"
        )
    batch, channels, height, width = up.shape
    return batch, channels, height, width
