"""What `--truth` names: no polyp, a phantom's own, or a file of boxes and masks."""

import json
from pathlib import Path
from typing import Final

import numpy as np

from scr_live.errors import DataError, OptionError
from scr_live.evaluation.video.truth import FrameTruth, Pixels, Truth
from scr_live.evaluation.video.truth.boxes import FileTruth, read_boxes
from scr_live.evaluation.video.truth.coco import is_coco, read_coco
from scr_live.phantom.options import parse_phantom
from scr_live.sources import SourceInfo

NO_POLYPS: Final = "none"
PHANTOM: Final = "phantom"


class NoPolyps:
    """A video that shows none."""

    def at(self, index: int) -> FrameTruth:  # noqa: ARG002 - the same for all
        """Nothing."""
        return FrameTruth()

    def check_end(self, frames: int) -> None:
        """Any number will do."""


class PhantomsTruth:
    """What the phantom knows of itself: exact masks."""

    def __init__(self, spec: str) -> None:
        self._options = parse_phantom(spec)

    def at(self, index: int) -> FrameTruth:
        """Return the exact pixels; where the boxes of two polyps overlap, both have what lies there."""
        from scr_live.phantom.render import truth  # noqa: PLC0415 - keeps the module light

        known = truth(self._options, index)
        areas: dict[str, Pixels] = {}
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
        return _read(Path(name), clip)
    if clip.partition(":")[0] != PHANTOM:
        raise OptionError(
            f"--truth phantom goes with a phantom; found the clip {clip}. Give a JSON file of boxes or "
            f"masks, or {NO_POLYPS} for a video without any polyp."
        )
    return PhantomsTruth(clip)


def check_size(truth: Truth, info: SourceInfo) -> None:
    """Raise DataError if boxes were drawn on pictures of another size."""
    if isinstance(truth, FileTruth) and truth.size != (info.width, info.height):
        width, height = truth.size
        raise DataError(
            f"{truth.path} is for frames of {width}x{height} pixels, and those of {info.name} have "
            f"{info.width}x{info.height}. Scale the boxes, or give the video that they were drawn on."
        )


def _read(path: Path, clip: str) -> FileTruth:
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(
            f"Cannot read the truth {path}: {error.strerror}. Expected a JSON file of boxes or masks, "
            f"{NO_POLYPS} or {PHANTOM}."
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no JSON: {error}. Expected a JSON file of boxes or masks.") from error
    if not isinstance(data, dict):
        raise DataError(
            f"{path} should hold an object with width, height, fps and frames, or COCO's images and "
            "annotations."
        )
    return read_coco(path, data, clip) if is_coco(data) else read_boxes(path, data)
