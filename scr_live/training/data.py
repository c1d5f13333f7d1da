"""Image sets for training: read and checked once, kept small in memory."""

import hashlib
import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scr_live.content import find_field
from scr_live.errors import DataError
from scr_live.evaluation.image_sets import HALF_GREY, Entry, check_file, find_entries, read_pair
from scr_live.geometry import Placement, shrink

MOST_NAMED: Final = 5
"""Problems, or pictures, that a message names one by one."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One picture in memory, cut to its endoscopic field and stretched to a square."""

    set_name: str
    image: NDArray[np.uint8]  # (s, s, 3) RGB
    mask: NDArray[np.uint8]  # (s, s), 0 or 255

    @property
    def has_polyp(self) -> bool:
        """Whether any pixel is polyp."""
        return bool(self.mask.any())


@dataclass(frozen=True, slots=True)
class Choice:
    """Which pictures of an image set are used: one split of it or, with None, all."""

    directory: Path
    split: str | None
    size: int
    """Side of the squares that are kept in memory."""


@dataclass(frozen=True, slots=True, eq=False)
class ImageSet:
    """The pictures of one choice, all of them sound."""

    choice: Choice
    name: str
    samples: tuple[Sample, ...]
    digests: tuple[str, ...]
    """SHA-256 of each picture's file."""
    files: tuple[Path, ...]
    sha256: str
    """Over names and bytes of all pictures and masks, in the order of the names."""

    def facts(self) -> dict[str, object]:
        """What a run keeps on record."""
        polyps = sum(sample.has_polyp for sample in self.samples)
        return {
            "set": self.name,
            "split": self.choice.split or "all",
            "pictures": len(self.samples),
            "with_polyp": polyps,
            "without_polyp": len(self.samples) - polyps,
            "sha256": self.sha256,
        }


Progress = Callable[[int, int], None]
"""Pictures read, of how many."""


def read_sets(choices: Sequence[Choice], *, threads: int, progress: Progress) -> list[ImageSet]:
    """Read all pictures and masks. DataError: everything that is wrong with any of the sets."""
    problems: list[list[str]] = [[] for _ in choices]
    entries = [_entries(choice, found) for choice, found in zip(choices, problems, strict=True)]
    total, done = sum(map(len, entries)), 0
    sets: list[ImageSet] = []
    with ThreadPoolExecutor(threads) as pool:
        try:
            for choice, own, found in zip(choices, entries, problems, strict=True):
                loads = []
                for load in pool.map(_try_to_load, own, [choice.size] * len(own)):
                    loads.append(load)
                    done += 1
                    progress(done, total)
                found += [load for load in loads if isinstance(load, str)]
                sets.append(_image_set(choice, own, [load for load in loads if isinstance(load, _Load)]))
        finally:
            pool.shutdown(cancel_futures=True)  # Ctrl-C must not wait for what is still in the queue
    _note_empty_masks(sets, entries, problems)
    _refuse(choices, problems)
    return sets


def check_apart(train: Iterable[ImageSet], validation: Iterable[ImageSet]) -> None:
    """Raise DataError if a picture to train on, by its content, is one to validate on too."""
    seen = {digest: path for one in train for digest, path in zip(one.digests, one.files, strict=True)}
    both = [
        f"{seen[digest]} and {path}" if seen[digest] != path else str(path)
        for one in validation
        for digest, path in zip(one.digests, one.files, strict=True)
        if digest in seen
    ]
    if both:
        raise DataError(
            f"{len(both)} pictures are in training and in validation, so validation would tell nothing: "
            f"{_first(both)}. Take them out of one of the two."
        )


def all_samples(sets: Iterable[ImageSet]) -> list[Sample]:
    """The pictures of all sets, one after another."""
    return list(chain.from_iterable(one.samples for one in sets))


@dataclass(frozen=True, slots=True)
class _Load:
    sample: Sample
    image_digest: str
    mask_digest: str


def _entries(choice: Choice, problems: list[str]) -> list[Entry]:
    try:
        return find_entries(choice.directory, choice.split, problems=problems)
    except DataError as error:
        problems.append(str(error))
        return []


def _try_to_load(entry: Entry, size: int) -> _Load | str:
    try:
        image_digest = _digest(entry.image)
        mask_digest = "" if entry.mask is None else _digest(entry.mask)
        return _Load(_sample(entry, size), image_digest, mask_digest)
    except DataError as error:
        return str(error)


def _sample(entry: Entry, size: int) -> Sample:
    image, mask = read_pair(entry)
    # Cut and resized as in a run: the network must not see in training what it will never see again.
    placement = Placement(find_field(image), size)
    cover = shrink(placement.box.crop(mask)[..., None], size)[..., 0]
    polyp = cover > HALF_GREY
    small = np.where(polyp, 255, 0).astype(np.uint8) if polyp.any() else _empty_mask(size)
    return Sample(entry.set_name, placement.to_network(image), small)


@cache
def _empty_mask(size: int) -> NDArray[np.uint8]:
    """One for all pictures without a polyp, of which there may be thousands."""
    mask = np.zeros((size, size), np.uint8)
    mask.setflags(write=False)
    return mask


def _image_set(choice: Choice, entries: Sequence[Entry], loads: Sequence[_Load]) -> ImageSet:
    """With fewer loads than entries the set is refused later, and what it says of its files is not used."""
    lines = [
        f"{entry.image.name}\0{load.image_digest}\0{load.mask_digest}\n"
        for entry, load in zip(entries, loads, strict=False)
    ]
    return ImageSet(
        choice,
        choice.directory.absolute().name,
        tuple(load.sample for load in loads),
        tuple(load.image_digest for load in loads),
        tuple(entry.image for entry in entries),
        hashlib.sha256("".join(sorted(lines)).encode("utf-8", "surrogateescape")).hexdigest(),
    )


def _note_empty_masks(
    sets: Sequence[ImageSet], entries: Sequence[Sequence[Entry]], problems: Sequence[list[str]]
) -> None:
    """Add to the problems of each set that has masks, over all its splits, and not one polyp in them."""
    for directory in {one.choice.directory for one in sets}:
        parts = [i for i, one in enumerate(sets) if one.choice.directory == directory]
        masks = sum(entry.mask is not None for i in parts for entry in entries[i])
        polyps = any(sample.has_polyp for i in parts for sample in sets[i].samples)
        if masks and not polyps and not any(problems[i] for i in parts):
            problems[parts[0]].append(
                f"all {masks} masks are empty. Write them with 255 (white) where the polyps are, or remove "
                f"the folder {directory / 'masks'} if the set shows none"
            )


def _refuse(choices: Sequence[Choice], problems: Sequence[list[str]]) -> None:
    by_set: dict[Path, list[str]] = {}
    for choice, found in zip(choices, problems, strict=True):
        known = by_set.setdefault(choice.directory, [])
        known += [text.rstrip(".") for text in found if text.rstrip(".") not in known]
    texts = [
        f"{directory} has {len(found)} problem{'s' * (len(found) > 1)}: {_first(found)}."
        for directory, found in by_set.items()
        if found
    ]
    if texts:
        raise DataError(" ".join(texts))


def _first(found: Sequence[str]) -> str:
    more = f"; and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return "; ".join(found[:MOST_NAMED]) + more


def _digest(path: Path) -> str:
    """SHA-256 of the file. DataError: it cannot be read, or is cut off, which a decoder may pass over."""
    try:
        check_file(path)
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be opened: {error.strerror}.") from error
    if not _is_whole(data):
        raise DataError(f"{path} is damaged or cut off: its end is missing. Replace it.")
    return hashlib.sha256(data).hexdigest()


def _is_whole(data: bytes) -> bool:
    """Whether a JPEG, PNG, BMP or WebP file has all its bytes; any other type is the decoder's matter."""
    if data.startswith(b"\xff\xd8"):
        # The end mark comes after the last scan; within a scan such bytes cannot occur.
        return data.rfind(b"\xff\xd9") > data.rfind(b"\xff\xda")
    if data.startswith(b"\x89PNG"):
        return _is_whole_png(data)
    if data.startswith(b"BM"):
        return len(data) >= int.from_bytes(data[2:6], "little")
    if data.startswith(b"RIFF"):
        return len(data) >= int.from_bytes(data[4:8], "little") + 8
    return True


def _is_whole_png(data: bytes) -> bool:
    place = 8
    while place + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + 8 + length
        if data[end : end + 4] != zlib.crc32(data[place + 4 : end]).to_bytes(4, "big"):
            return False
        if kind == b"IEND":
            return True
        place = end + 4
    return False
