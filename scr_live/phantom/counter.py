"""A number burnt into the picture for programs: which frame is seen, on whatever screen it arrives.

Four rows of eight cells in the lower part of the field, light or dark: two light and two dark ones at the
corners say what is which, 20 hold the number of the frame, 8 a check. Read from grey means of the cells, so
that scaling, JPEG and H.264 do no harm.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from scr_live.frames import Image
from scr_live.phantom import lens

ROWS: Final = 4
COLUMNS: Final = 8
MOST: Final = 1 << 20
"""Numbers begin again after so many: eleven hours at 25 frames a second."""
SMALLEST_HEIGHT_PX: Final = 96
"""Of a picture: in a smaller one the cells would not come through JPEG."""

_CELL: Final = 1 / 40
"""Of the picture's height."""
_LOWER_RIM: Final = 0.8
"""Where the cells end, in half heights of the field below its middle."""
_DARK, _LIGHT = 24, 232
_CONTRAST: Final = 64
_CHECK: Final = 251
_CORNERS: Final = ((0, 0, True), (0, -1, False), (-1, 0, False), (-1, -1, True))


def counter_box(width: int, height: int) -> tuple[float, float, float, float]:
    """Return x, y, width and height of the cells in pixels; the same shares of the picture at any scale."""
    centre_x, centre_y, _, half_height = lens.field_box(width, height)
    cell = _CELL * height
    x, y = centre_x - COLUMNS / 2 * cell, centre_y + _LOWER_RIM * half_height - ROWS * cell
    return x, y, COLUMNS * cell, ROWS * cell


def write_counter(image: Image, index: int) -> None:
    """Write the number of a frame into its picture, on a dark plate."""
    height, width = image.shape[:2]
    cells = np.pad(_cells(index % MOST), 1)
    x, y, long, _ = counter_box(width, height)
    cell = long / COLUMNS
    rows = np.round(y + cell * np.arange(-1, ROWS + 2)).astype(int)
    columns = np.round(x + cell * np.arange(-1, COLUMNS + 2)).astype(int)
    for row, column in np.ndindex(cells.shape):
        area = image[rows[row] : rows[row + 1], columns[column] : columns[column + 1]]
        area[:] = _LIGHT if cells[row, column] else _DARK


def read_counter(image: Image, *, size: tuple[int, int] | None = None) -> int | None:
    """Return the number in a picture of the phantom; None: there is none, or it is hidden.

    size: width and height that the phantom was rendered in, if the picture was made larger or smaller.
    """
    height, width = image.shape[:2]
    rendered = size or (width, height)
    x, y, long, high = counter_box(*rendered)
    across, down = width / rendered[0], height / rendered[1]
    means = np.empty((ROWS, COLUMNS))
    for row, column in np.ndindex(means.shape):
        left, right = ((x + 0.5) + long * (column + part) / COLUMNS for part in (0.25, 0.75))
        top, bottom = ((y + 0.5) + high * (row + part) / ROWS for part in (0.25, 0.75))
        area = image[_span(top * down, bottom * down), _span(left * across, right * across)]
        means[row, column] = area.mean() if area.size else 0.0
    return number_of(means)


def number_of(means: NDArray[np.floating]) -> int | None:
    """Return the number that the cells' mean greys (4, 8) say, 0 to 255; None: they say none."""
    light = [means[row, column] for row, column, is_light in _CORNERS if is_light]
    dark = [means[row, column] for row, column, is_light in _CORNERS if not is_light]
    if min(light) - max(dark) < _CONTRAST:
        return None
    bits = means > (min(light) + max(dark)) / 2
    number = int(np.dot(bits[~_is_corner()], 1 << np.arange(ROWS * COLUMNS - len(_CORNERS))))
    index, check = number % MOST, number // MOST
    return index if check == _check(index) else None


def _cells(index: int) -> NDArray[np.bool_]:
    cells = np.zeros((ROWS, COLUMNS), bool)
    for row, column, is_light in _CORNERS:
        cells[row, column] = is_light
    number = index + MOST * _check(index)
    cells[~_is_corner()] = number >> np.arange(ROWS * COLUMNS - len(_CORNERS)) & 1
    return cells


def _check(index: int) -> int:
    return index % _CHECK + 1


def _is_corner() -> NDArray[np.bool_]:
    corners = np.zeros((ROWS, COLUMNS), bool)
    for row, column, _ in _CORNERS:
        corners[row, column] = True
    return corners


def _span(begin: float, end: float) -> slice:
    """Return the whole pixels between two edges, at least one."""
    first = round(begin)
    return slice(first, max(first + 1, round(end)))
