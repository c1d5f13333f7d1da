"""Which polyps a frame of a video shows: from a file of boxes, from the phantom, or none at all."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.errors import DataError, OptionError
from scr_live.frames import Contour
from scr_live.sources import VideoSource

LEAST_OVERLAP: Final = 0.1
"""Of the smaller of the two: from there on a region touches a polyp. A box holds more than its polyp, and
what only meets its corner is no hit; a still picture with a mask counts a single pixel."""

NO_POLYPS: Final = "none"
PHANTOM: Final = "phantom"

Pixels: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class FrameTruth:
    """The polyps in view."""

    areas: Mapping[str, Pixels] = field(default_factory=dict)
    """(h, w) of each, by its name."""
    mask: Pixels | None = None
    """(h, w) of all, where it is known exactly; None: boxes say only where they are."""

    def touched_by(self, region: Pixels) -> frozenset[str]:
        """Return the polyps that an (h, w) region touches."""
        return frozenset(name for name, area in self.areas.items() if touches(region, area))


class Truth(Protocol):
    """The truth of one video, frame by frame."""

    def at(self, index: int) -> FrameTruth:
        """Return what the frame shows. DataError: nothing is known of it."""
        ...

    def check_end(self, frames: int) -> None:
        """DataError: the video ended after so many frames, and more are known."""
        ...


class NoPolyps:
    """A video that shows none."""

    def at(self, index: int) -> FrameTruth:  # noqa: ARG002 - the same for all
        """Nothing."""
        return FrameTruth()

    def check_end(self, frames: int) -> None:
        """Any number will do."""


@dataclass(frozen=True, slots=True)
class TrueBox:
    """One polyp of one frame; x2 and y2 are the first pixels behind it."""

    name: str
    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True, slots=True)
class BoxTruth:
    """Boxes from a file."""

    path: Path
    width: int
    height: int
    frames: tuple[tuple[TrueBox, ...], ...]

    def at(self, index: int) -> FrameTruth:
        """Return the boxes of the frame, filled."""
        if index >= len(self.frames):
            raise DataError(
                f"{self.path} holds {len(self.frames)} frames and the video has more. Give a list for each "
                "frame, an empty one where no polyp is in view."
            )
        areas: dict[str, Pixels] = {}
        for box in self.frames[index]:
            area = areas.setdefault(box.name, np.zeros((self.height, self.width), np.bool_))
            area[round(box.y1) : round(box.y2), round(box.x1) : round(box.x2)] = True
        return FrameTruth(areas)

    def check_end(self, frames: int) -> None:
        """DataError unless all frames were used."""
        if frames != len(self.frames):
            raise DataError(
                f"{self.path} holds {len(self.frames)} frames and the video has {frames}. It is the truth of "
                "another video, or of one that was cut."
            )


class PhantomsTruth:
    """What the phantom knows of itself: exact masks."""

    def __init__(self, spec: str) -> None:
        from scr_live.phantom.options import parse_phantom  # noqa: PLC0415 - keeps the module light

        self._options = parse_phantom(spec)

    def at(self, index: int) -> FrameTruth:
        """Return the exact pixels; where the boxes of two polyps overlap, both have what lies there."""
        from scr_live.phantom.render import truth  # noqa: PLC0415 - as above

        known = truth(self._options, index)
        areas = {}
        for polyp in known.polyps:
            x, y, width, height = polyp.box
            area = np.zeros_like(known.mask)
            area[y : y + height, x : x + width] = known.mask[y : y + height, x : x + width]
            areas[str(polyp.polyp_id)] = area
        return FrameTruth(areas, known.mask)

    def check_end(self, frames: int) -> None:
        """It knows every frame."""


def find_truth(name: str, clip: str) -> Truth:
    """Return what `--truth` names for a clip; errors before the clip is opened."""
    if name == NO_POLYPS:
        return NoPolyps()
    if name != PHANTOM:
        return read_boxes(Path(name))
    if clip.partition(":")[0] != PHANTOM:
        raise OptionError(
            f"--truth phantom goes with a phantom; found the clip {clip}. Give a JSON file of boxes, or "
            f"{NO_POLYPS} for a video without any polyp."
        )
    return PhantomsTruth(clip)


def check_size(truth: Truth, source: VideoSource) -> None:
    """Raise DataError if boxes were drawn on pictures of another size."""
    info = source.info
    if isinstance(truth, BoxTruth) and (truth.width, truth.height) != (info.width, info.height):
        raise DataError(
            f"{truth.path} is for frames of {truth.width}x{truth.height} pixels, and those of {info.name} "
            f"have {info.width}x{info.height}. Scale the boxes, or give the video that they were drawn on."
        )


def read_boxes(path: Path) -> BoxTruth:
    """Read {"width", "height", "fps", "frames": [[{"bbox": [x1, y1, x2, y2], "id"?}, ...], ...]}.

    A box without an id is named by its place in its frame: "1", "2". DataError says what is wrong, and where.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(
            f"Cannot read the truth {path}: {error.strerror}. Expected a JSON file of boxes, {NO_POLYPS} or "
            f"{PHANTOM}."
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no JSON: {error}. Expected a JSON file of boxes.") from error
    if not isinstance(data, dict):
        raise DataError(f"{path} should hold an object with width, height, fps and frames.")
    width, height = (_side(path, data, name) for name in ("width", "height"))
    if not (_is_number(data.get("fps")) and data["fps"] > 0):
        raise DataError(f"{path}: fps should be a number above 0; found {data.get('fps')!r}.")
    frames = data.get("frames")
    if not isinstance(frames, list):
        raise DataError(f"{path}: frames should be a list of lists of boxes, one for each frame.")
    read = tuple(_frame(path, at, boxes, (width, height)) for at, boxes in enumerate(frames))
    return BoxTruth(path, width, height, read)


def touches(region: Pixels, polyp: Pixels) -> bool:
    """Whether two (h, w) areas share at least a tenth of the smaller one."""
    smaller = min(np.count_nonzero(region), np.count_nonzero(polyp))
    return bool(smaller) and bool(np.count_nonzero(region & polyp) >= LEAST_OVERLAP * smaller)


def filled(contour: Contour, shape: Sequence[int]) -> Pixels:
    """Return the (h, w) pixels inside a contour."""
    area = np.zeros((shape[0], shape[1]), np.uint8)
    cv2.fillPoly(area, [np.round(contour).astype(np.int32)], 1)
    return area > 0


def _frame(path: Path, at: int, boxes: object, size: tuple[int, int]) -> tuple[TrueBox, ...]:
    if not isinstance(boxes, list):
        raise DataError(f"{path}: frame {at} should be a list of boxes, an empty one for no polyp.")
    return tuple(_box(f"{path}: frame {at}", number, box, size) for number, box in enumerate(boxes, start=1))


def _box(where: str, number: int, box: object, size: tuple[int, int]) -> TrueBox:
    corners = box.get("bbox") if isinstance(box, dict) else None
    if not (isinstance(box, dict) and isinstance(corners, list) and len(corners) == 4):  # noqa: PLR2004
        raise DataError(f'{where}: each box should be written {{"bbox": [x1, y1, x2, y2]}}; found {box!r}.')
    name = box.get("id", number)
    if isinstance(name, bool) or not isinstance(name, int | str):
        raise DataError(f"{where}: an id should be a whole number or a text; found {name!r}.")
    if not all(map(_is_number, corners)):
        raise DataError(f"{where}: a bbox should hold four numbers; found {corners!r}.")
    x1, y1, x2, y2 = corners
    if not (0 <= x1 < x2 <= size[0] and 0 <= y1 < y2 <= size[1]):
        raise DataError(
            f"{where}: a bbox should be x1 < x2 and y1 < y2 within {size[0]}x{size[1]} pixels; found "
            f"{corners}."
        )
    return TrueBox(str(name), x1, y1, x2, y2)


def _side(path: Path, data: Mapping[str, object], name: str) -> int:
    value = data.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise DataError(f"{path}: {name} should be a whole number of pixels above 0; found {value!r}.")
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
