"""Image sets on disk: pictures, masks and splits, shared by evaluation and training."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.errors import DataError

IMAGE_TYPES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One picture on disk. `mask` is None where the whole set has no polyps."""

    set_name: str
    image: Path
    mask: Path | None

    def size_mismatch(self, *, image: tuple[int, ...], mask: tuple[int, ...]) -> DataError:
        """The error for a mask that does not have its picture's (height, width)."""
        return DataError(
            f"{self.mask} is {mask[1]}x{mask[0]}, its picture {image[1]}x{image[0]}; both must have the same size."
        )


def find_entries(directory: Path, split: str | None) -> list[Entry]:
    """Pictures of `DIR/images`, with `DIR/masks` of the same stem; no masks folder: no polyps at all.

    split: train or val as `splits.csv` in DIR or beside it says (dataset,id,split); None takes all.
    """
    images = directory / "images"
    if not images.is_dir():
        raise DataError(
            f"{directory} is no image set: expected a folder {images} with pictures, and {directory / 'masks'} "
            "with one mask of the same name for each (no masks folder at all: no polyps)."
        )
    masks = _by_stem(directory / "masks") if (directory / "masks").is_dir() else None
    wanted = None if split is None else _split_ids(directory, split)
    entries = []
    for stem, image in _by_stem(images).items():
        if wanted is not None and stem not in wanted:
            continue
        if masks is not None and stem not in masks:
            raise DataError(
                f"{image} has no mask: expected {directory / 'masks' / stem}.png or another type."
            )
        entries.append(Entry(directory.name, image, None if masks is None else masks[stem]))
    if not entries:
        raise DataError(f"{directory} holds no pictures for split {split!r}.")
    return entries


def read_image(path: Path) -> NDArray[np.uint8]:
    """(h, w, 3) RGB."""
    image = cv2.imdecode(_bytes(path), cv2.IMREAD_COLOR)
    if image is None:
        raise DataError(f"{path} cannot be read as a picture; it is damaged or of another type. Replace it.")
    return cast("NDArray[np.uint8]", cv2.cvtColor(image, cv2.COLOR_BGR2RGB))


def read_mask(path: Path) -> NDArray[np.uint8]:
    """(h, w), 0 or 255."""
    mask = cv2.imdecode(_bytes(path), cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise DataError(f"{path} cannot be read as a mask; it is damaged or of another type. Replace it.")
    return cast("NDArray[np.uint8]", np.where(mask > 127, 255, 0).astype(np.uint8))


def _bytes(path: Path) -> NDArray[np.uint8]:
    try:
        data = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    except OSError as error:
        raise DataError(f"{path} cannot be opened: {error.strerror}.") from error
    if data.size == 0:
        raise DataError(f"{path} is an empty file. Replace it.")
    return data


def _by_stem(directory: Path) -> dict[str, Path]:
    found = sorted(path for path in directory.iterdir() if path.suffix.lower() in IMAGE_TYPES)
    return {path.stem: path for path in found}


def _split_ids(directory: Path, split: str) -> set[str]:
    for table in (directory / "splits.csv", directory.parent / "splits.csv"):
        if table.is_file():
            with table.open(newline="", encoding="utf-8") as stream:
                rows = [row for row in csv.DictReader(stream) if row.get("dataset") == directory.name]
            return {row["id"] for row in rows if row["split"] == split}
    raise DataError(
        f"--split {split} needs a splits.csv in {directory} or {directory.parent} with the columns "
        "dataset, id and split; none was found. Leave --split out to take all pictures."
    )
