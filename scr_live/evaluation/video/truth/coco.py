"""The truth of a folder of pictures from a COCO file, as REAL-Colon and TRUE-Colon have them.

{"images": [{"id", "file_name", "width", "height"}, ...], "annotations": [{"image_id", "bbox": [x, y, width,
height], "unique_id"?, "segmentation"?}, ...]}: the file may hold other videos, too, and each picture of the
folder has to be among its images. Files are named VIDEO_NUMBER.jpg, the number padded with zeros or not.
unique_id (TRUE-Colon's) names a polyp in all frames; without it, its place in the frame does. A segmentation
in runs (see runs.py) is its mask; polygons are left aside, since REAL-Colon's only repeat the box. Every
annotation counts as a polyp, whatever its category.
"""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from reprlib import repr as short
from typing import Any, Final

from scr_live.errors import DataError
from scr_live.evaluation.video.truth.boxes import (
    FileTruth,
    Size,
    TrueBox,
    TruePolyp,
    read_mask,
    read_name,
    read_numbers,
    read_size,
)
from scr_live.sources.images import find_pictures
from scr_live.sources.opening import kind_of

_SHOWN: Final = ".100"
"""How much of a name that a file says is told."""


def is_coco(data: Mapping[str, object]) -> bool:
    """Whether a file is meant to be COCO's."""
    return "images" in data


def read_coco(path: Path, data: Mapping[str, object], clip: str) -> FileTruth:
    """Return the truth of the pictures that a clip is. DataError says what is wrong, and where."""
    if kind_of(clip) != "images":
        raise DataError(
            f"{path} is a COCO file, which knows pictures by their names; found the clip {clip}. Give the "
            "folder of its frames."
        )
    images, polyps = _images(path, data), _polyps_by_image(path, data)
    astray = polyps.keys() - {image["id"] for image in images.values()}
    if astray:
        raise DataError(
            f"{path}: an annotation is of the image {short(astray.pop())}, which is not among the images."
        )
    sizes: set[Size] = set()
    frames = []
    for picture in find_pictures(clip):
        image = images.get(_key(picture.name))
        if image is None:
            raise DataError(
                f"{path} has no image {picture.name}, which is in {clip}. Give the truth of all frames, or "
                "leave out of the folder what has none."
            )
        where = f"{path}: {picture.name}"
        sizes.add(read_size(where, image))
        if len(sizes) > 1:
            raise DataError(f"{where}: the images of one video should have one size; found {sorted(sizes)}.")
        (size,) = sizes
        known = polyps[image["id"]]
        frames.append(tuple(_polyp(where, place, one, size) for place, one in enumerate(known, start=1)))
    (size,) = sizes
    return FileTruth(path, size, tuple(frames))


def _key(name: str) -> str:
    """What a picture is known by: VIDEO_NUMBER without the zeros before the number, else its stem."""
    stem = Path(name).stem
    video, line, number = stem.rpartition("_")
    return f"{video}{line}{number.lstrip('0') or 0}" if number.isdecimal() else stem


def _images(path: Path, data: Mapping[str, object]) -> dict[str, dict[str, Any]]:
    images: dict[str, dict[str, Any]] = {}
    names: dict[int | str, str] = {}
    for image in _objects(path, data, "images", "id"):
        name = image.get("file_name")
        if not isinstance(name, str):
            raise DataError(f"{path}: each image should have a file_name; found {short(image)}.")
        if images.setdefault(_key(name), image) is not image:
            raise DataError(
                f"{path}: {name:{_SHOWN}} stands twice among the images. Numbers are read without zeros."
            )
        other = names.setdefault(image["id"], name)
        if other != name:
            raise DataError(
                f"{path}: {other:{_SHOWN}} and {name:{_SHOWN}} have one id, {short(image['id'])}. Give each "
                "its own."
            )
    return images


def _polyps_by_image(path: Path, data: Mapping[str, object]) -> dict[int | str, list[dict[str, Any]]]:
    polyps: dict[int | str, list[dict[str, Any]]] = defaultdict(list)
    for annotation in _objects(path, data, "annotations", "image_id"):
        polyps[annotation["image_id"]].append(annotation)
    return polyps


def _objects(path: Path, data: Mapping[str, object], name: str, key: str) -> list[dict[str, Any]]:
    found = data.get(name)
    if not isinstance(found, list):
        raise DataError(f"{path}: {name} should be a list, as COCO has it; found {short(found)}.")
    for one in found:
        if not isinstance(one, dict) or not isinstance(one.get(key), int | str):
            raise DataError(f"{path}: each of the {name} should have its {key}; found {short(one)}.")
    return found


def _polyp(where: str, place: int, annotation: Mapping[str, Any], size: Size) -> TruePolyp:
    where = f"{where}, polyp {place}"
    name = read_name(where, annotation.get("unique_id", place))
    x, y, width, height = read_numbers(where, annotation.get("bbox"))
    if not (0 <= x < x + width <= size[0] and 0 <= y < y + height <= size[1]):
        raise DataError(
            f"{where}: a bbox should be [x, y, width, height] within {size[0]}x{size[1]} pixels; found "
            f"{short(annotation['bbox'])}."
        )
    box = TrueBox(name, x, y, x + width, y + height)
    mask = annotation.get("segmentation")
    return read_mask(where, name, mask, box, size) if isinstance(mask, dict) else box
