"""Image sets on disk: pictures, masks and splits, shared by evaluation and training."""

import csv
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from scr_live.errors import DataError
from scr_live.frames import Image
from scr_live.image_files import IMAGE_SUFFIXES, read_grey, read_rgb

HALF_GREY: Final = 127
"""A mask pixel above this is polyp: masks are often JPEGs, whose edges are not quite black and white."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One picture on disk. `mask` is None where the whole set has no polyps."""

    set_name: str
    image: Path
    mask: Path | None


def find_entries(directory: Path, split: str | None, *, problems: list[str] | None = None) -> list[Entry]:
    """Pictures of `DIR/images`, with `DIR/masks` of the same stem; no masks folder: no polyps at all.

    split: train or val as `splits.csv` in DIR or beside it says (dataset,id,split); None takes all.
    problems: takes a line for each picture without a mask, which is left out; without it, a DataError.
    """
    try:
        return _find_entries(directory, split, problems)
    except OSError as error:  # a folder that may not be looked into, a name that is too long
        raise DataError(f"{error.filename} cannot be read: {error.strerror}.") from error


def has_splits(directory: Path) -> bool:
    """Say whether a `splits.csv` in DIR or beside it names pictures of this set. DataError: it is faulty."""
    name = directory.absolute().name
    try:
        table = _split_table(directory)
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        raise DataError(f"{directory} cannot be read: {error.strerror}.") from error
    return table is not None and any(row["dataset"] == name for row in _read_splits(table))


def read_pair(entry: Entry) -> tuple[Image, NDArray[np.uint8]]:
    """Picture (h, w, 3) RGB and mask (h, w), 0 or 255, all 0 where the set has no polyps.

    DataError: one of them cannot be read, or they differ in size.
    """
    image = read_image(entry.image)
    height, width = image.shape[:2]
    if entry.mask is None:
        return image, np.zeros((height, width), np.uint8)
    mask = read_mask(entry.mask)
    if mask.shape != (height, width):
        raise DataError(
            f"{entry.mask} is {mask.shape[1]}x{mask.shape[0]}, its picture {width}x{height}; "
            "both must have the same size."
        )
    return image, mask


def read_image(path: Path) -> Image:
    """(h, w, 3) RGB."""
    return _read(path, read_rgb)


def read_mask(path: Path) -> NDArray[np.uint8]:
    """(h, w), 0 or 255."""
    mask = _read(path, read_grey)
    brightest = int(mask.max())
    if 0 < brightest <= HALF_GREY:
        raise DataError(
            f"{path} is no mask of 0 and 255: its brightest pixel is {brightest}, so nothing in it would "
            "count as polyp. Write it with 255 (white) where the polyp is."
        )
    return cast("NDArray[np.uint8]", np.where(mask > HALF_GREY, 255, 0).astype(np.uint8))


def check_file(path: Path) -> None:
    """Raise DataError for a folder, or a pipe: reading it would never end. OSError: it is not there."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise DataError(f"{path} is no file; expected a picture.")


def _read(path: Path, read: Callable[[Path], NDArray[np.uint8] | None]) -> NDArray[np.uint8]:
    try:
        check_file(path)
        image = read(path)
    except OSError as error:
        raise DataError(f"{path} cannot be opened: {error.strerror}.") from error
    if image is None:
        raise DataError(f"{path} cannot be read as a picture; it is damaged or of another type. Replace it.")
    return image


def _find_entries(directory: Path, split: str | None, problems: list[str] | None) -> list[Entry]:
    images = directory / "images"
    if not images.is_dir():
        raise DataError(
            f"{directory} is no image set: expected a folder {images} with pictures, and "
            f"{directory / 'masks'} with one mask of the same name for each "
            "(no masks folder at all: no polyps)."
        )
    pictures = _by_stem(images)
    if split is not None:
        pictures = _of_split(pictures, directory, split)
    if not pictures:
        raise DataError(
            f"{images} holds no pictures. Expected files of the types {', '.join(IMAGE_SUFFIXES)}."
        )
    masks = _masks(directory / "masks")
    name = directory.absolute().name  # `.` has none
    entries: list[Entry] = []
    for image in pictures.values():
        try:
            entries.append(Entry(name, image, None if masks is None else _mask_of(image, masks, directory)))
        except DataError as error:
            if problems is None:
                raise
            problems.append(str(error))
    return entries


def _masks(folder: Path) -> dict[str, Path] | None:
    """None: no such folder, so no polyps. A link to nowhere must not be taken for that."""
    if not folder.is_dir() and os.path.lexists(folder):
        raise DataError(
            f"{folder} is no folder of masks. Correct it, or remove it if the set shows no polyps at all."
        )
    return _by_stem(folder) if folder.is_dir() else None


def _by_stem(directory: Path) -> dict[str, Path]:
    """The pictures of a folder by name without type, in the order of the names."""
    found: dict[str, Path] = {}
    for path in sorted(directory.iterdir()):
        if path.suffix.lower() not in IMAGE_SUFFIXES or path.name.startswith("."):
            continue
        if path.stem in found:
            raise DataError(
                f"{found[path.stem]} and {path.name} differ in nothing but their type, so it is not clear "
                "which one is meant. Remove one."
            )
        found[path.stem] = path
    return found


def _mask_of(image: Path, masks: dict[str, Path], directory: Path) -> Path:
    if image.stem not in masks:
        raise DataError(
            f"{image} has no mask: expected {directory / 'masks' / image.stem}.png or another type."
        )
    return masks[image.stem]


def _of_split(pictures: dict[str, Path], directory: Path, split: str) -> dict[str, Path]:
    table = _split_table(directory)
    if table is None:
        raise DataError(
            f"--split {split} needs a splits.csv in or beside {directory} with the columns "
            "dataset, id and split; none was found. Leave --split out to take all pictures."
        )
    set_name = directory.absolute().name
    rows = _read_splits(table)
    split_of = _splits_of(set_name, rows, table)
    wanted = {stem for stem, name in split_of.items() if name == split}
    missing = sorted(wanted - set(pictures))
    if not wanted:
        raise DataError(
            f"{table} assigns no picture of {set_name} to the split {split!r}. Splits it has: "
            f"{', '.join(sorted(set(split_of.values()))) or 'none'}. Sets the table names: "
            f"{', '.join(sorted({row['dataset'] for row in rows})) or 'none'}."
        )
    if missing:
        raise DataError(
            f"{table} names {len(missing)} pictures of the split {split!r} that are not in "
            f"{directory / 'images'}, such as {missing[0]}. Fetch the whole set, or correct the table."
        )
    return {stem: path for stem, path in pictures.items() if stem in wanted}


def _read_splits(table: Path) -> list[dict[str, str]]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:  # spreadsheets write a byte-order mark
            rows = list(csv.DictReader(stream, restval=""))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{table} cannot be read as a table: {error}.") from error
    columns = {"dataset", "id", "split"}
    if rows and not columns <= set(rows[0]):
        raise DataError(
            f"{table} must have the columns dataset, id and split; found {', '.join(map(str, rows[0]))}."
        )
    return rows


def _splits_of(set_name: str, rows: list[dict[str, str]], table: Path) -> dict[str, str]:
    """The split of each picture of the set."""
    split_of: dict[str, str] = {}
    for row in (row for row in rows if row["dataset"] == set_name):
        before = split_of.setdefault(row["id"], row["split"])
        if before != row["split"]:
            raise DataError(
                f"{table} assigns {row['id']} of {set_name} to two splits, {before!r} and {row['split']!r}. "
                "Keep one of the rows."
            )
    return split_of


def _split_table(directory: Path) -> Path | None:
    tables = (directory / "splits.csv", directory.absolute().parent / "splits.csv")
    return next((table for table in tables if table.is_file()), None)
