"""The truth of a video from a file of scr-live's own: boxes or masks, frame by frame.

{"width", "height", "fps", "frames": [[{"bbox": [x1, y1, x2, y2], "mask"?, "id"?}, ...], ...]}: a list for
each frame, an empty one where no polyp is in view. x2 and y2 are the first pixels behind the polyp. A mask
(see runs.py) says exactly which pixels; its bbox may then be left out. A polyp without an id is named by its
place in its frame: "1", "2".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, floor, isfinite
from pathlib import Path
from reprlib import repr as short
from typing import Final, TypeAlias, TypeGuard

import numpy as np

from scr_live.errors import DataError
from scr_live.evaluation.video.truth import FrameTruth, Pixels
from scr_live.evaluation.video.truth.runs import Runs, extent_of, pixels_of, read_runs
from scr_live.sources.options import FASTEST_FPS, SLOWEST_FPS

Size: TypeAlias = tuple[int, int]
"""Width and height of the frames, in pixels."""

LARGEST_SIDE_PX: Final = 65_535
_FAR_PX: Final = 2 * LARGEST_SIDE_PX
"""Beyond every frame; what is farther away is taken to be there, since no float is as large as any int."""

SLACK_PX: Final = 1.0
"""A mask may lie so far outside its bbox: boxes are rounded in many ways."""


@dataclass(frozen=True, slots=True)
class TrueBox:
    """A polyp of a frame of which a box is known."""

    name: str
    x1: float
    y1: float
    x2: float
    y2: float

    def area(self, size: Size) -> Pixels:
        """Return the (h, w) pixels that lie in it, if only in part."""
        area = np.zeros(size[::-1], np.bool_)
        area[floor(self.y1) : ceil(self.y2), floor(self.x1) : ceil(self.x2)] = True
        return area


@dataclass(frozen=True, slots=True, eq=False)
class TrueMask:
    """A polyp of a frame of which the pixels are known."""

    name: str
    runs: Runs

    def area(self, size: Size) -> Pixels:
        """Return these (h, w) pixels."""
        return pixels_of(self.runs, size)


TruePolyp: TypeAlias = TrueBox | TrueMask


@dataclass(frozen=True, slots=True, eq=False)
class FileTruth:
    """What a file says of each frame of a video."""

    path: Path
    size: Size
    frames: tuple[tuple[TruePolyp, ...], ...]
    fps: float | None = None
    """The rate of the video; None: the file says nothing of it."""

    def at(self, index: int) -> FrameTruth:
        """Return the polyps of the frame; their common mask, if that of each is known."""
        if index >= len(self.frames):
            raise DataError(
                f"{self.path} holds {len(self.frames)} frames and the video has more. Give a list for each "
                "frame, an empty one where no polyp is in view."
            )
        areas: dict[str, Pixels] = {}
        for polyp in self.frames[index]:
            area = polyp.area(self.size)
            areas[polyp.name] = areas[polyp.name] | area if polyp.name in areas else area
        is_exact = bool(areas) and all(isinstance(polyp, TrueMask) for polyp in self.frames[index])
        return FrameTruth(areas, np.logical_or.reduce(list(areas.values())) if is_exact else None)

    def check_end(self, frames: int) -> None:
        """DataError unless all frames were used."""
        if frames != len(self.frames):
            raise DataError(
                f"{self.path} holds {len(self.frames)} frames and the video has {frames}. It is the truth of "
                "another video, or of one that was cut."
            )


def read_boxes(path: Path, data: Mapping[str, object]) -> FileTruth:
    """Read what stands at the top of this module. DataError says what is wrong, and where."""
    size = read_size(str(path), data)
    fps = data.get("fps")
    if not (_is_number(fps) and SLOWEST_FPS <= fps <= FASTEST_FPS):
        raise DataError(
            f"{path}: fps should be a number from {SLOWEST_FPS} to {FASTEST_FPS}; found {short(fps)}."
        )
    frames = data.get("frames")
    if not isinstance(frames, list):
        raise DataError(f"{path}: frames should be a list of lists of polyps, one for each frame.")
    read = tuple(_frame(f"{path}: frame {at}", polyps, size) for at, polyps in enumerate(frames))
    return FileTruth(path, size, read, float(fps))


def read_size(where: str, data: Mapping[str, object]) -> Size:
    """Return width and height; DataError begins with `where`, as those below do."""
    sides = []
    for name in ("width", "height"):
        side = data.get(name)
        if type(side) is not int or not 1 <= side <= LARGEST_SIDE_PX:
            raise DataError(
                f"{where}: {name} should be a whole number of pixels from 1 to {LARGEST_SIDE_PX}; found "
                f"{short(side)}."
            )
        sides.append(side)
    return sides[0], sides[1]


def read_name(where: str, name: object) -> str:
    """Return the name of a polyp, which is to be the same in all frames."""
    if isinstance(name, bool) or not isinstance(name, int | str):
        raise DataError(f"{where}: an id should be a whole number or a text; found {short(name)}.")
    return str(name)


def read_numbers(where: str, bbox: object) -> tuple[float, float, float, float]:
    """Return the four numbers of a bbox."""
    if not (isinstance(bbox, list) and len(bbox) == 4 and all(map(_is_number, bbox))):  # noqa: PLR2004
        raise DataError(f"{where}: a bbox should hold four numbers; found {short(bbox)}.")
    x, y, right, below = (min(max(number, -_FAR_PX), _FAR_PX) for number in bbox)
    return x, y, right, below


def read_mask(where: str, name: str, mask: object, box: TrueBox | None, size: Size) -> TrueMask:
    """Return a mask that lies in its box, if it has one."""
    runs = read_runs(where, mask, size)
    if box is not None:
        _check_within(where, extent_of(runs, size), box)
    return TrueMask(name, runs)


def _frame(where: str, polyps: object, size: Size) -> tuple[TruePolyp, ...]:
    if not isinstance(polyps, list):
        raise DataError(f"{where} should be a list of polyps, an empty one for none.")
    return tuple(
        _polyp(f"{where}, polyp {number}", number, polyp, size)
        for number, polyp in enumerate(polyps, start=1)
    )


def _polyp(where: str, number: int, polyp: object, size: Size) -> TruePolyp:
    if not isinstance(polyp, dict) or (polyp.get("bbox") is None and polyp.get("mask") is None):
        raise DataError(
            f'{where} should be written {{"bbox": [x1, y1, x2, y2]}}, with an id and a mask if there are; '
            f"found {short(polyp)}."
        )
    name = read_name(where, polyp.get("id", number))
    bbox, mask = polyp.get("bbox"), polyp.get("mask")
    box = None if bbox is None else _box(where, name, bbox, size)
    if box is not None and mask is None:
        return box
    return read_mask(where, name, mask, box, size)


def _box(where: str, name: str, bbox: object, size: Size) -> TrueBox:
    x1, y1, x2, y2 = read_numbers(where, bbox)
    if not (0 <= x1 < x2 <= size[0] and 0 <= y1 < y2 <= size[1]):
        raise DataError(
            f"{where}: a bbox should be x1 < x2 and y1 < y2 within {size[0]}x{size[1]} pixels; found "
            f"{short(bbox)}."
        )
    return TrueBox(name, x1, y1, x2, y2)


def _check_within(where: str, extent: tuple[int, int, int, int], box: TrueBox) -> None:
    x1, y1, x2, y2 = extent
    if max(box.x1 - x1, box.y1 - y1, x2 - box.x2, y2 - box.y2) > SLACK_PX:
        raise DataError(
            f"{where}: the mask reaches from ({x1}, {y1}) to ({x2}, {y2}), out of its bbox from ({box.x1:g}, "
            f"{box.y1:g}) to ({box.x2:g}, {box.y2:g}). Its counts go column by column; leave the bbox out if "
            "the mask is right."
        )


def _is_number(value: object) -> TypeGuard[int | float]:
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, float) and isfinite(value))
