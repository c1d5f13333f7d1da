"""The pictures an export is measured on: noise and a synthetic colon always, an image set if there is one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scr_live.content import find_field
from scr_live.evaluation.image_sets import Entry, find_entries, has_splits, read_image
from scr_live.frames import Image
from scr_live.geometry import Placement
from scr_live.phantom.options import PhantomOptions
from scr_live.phantom.render import render

_NOISE = 4
_FRAMES = (20, 90, 160, 230)  # of one flight, far apart


@dataclass(frozen=True, slots=True)
class Selection:
    """Pictures of a set, at most as many as asked for, spread evenly over it."""

    entries: tuple[Entry, ...] = field(repr=False)
    name: str
    """Of the set, and of its split if it has one."""
    total: int
    """Pictures that there are."""


def select(directory: Path, split: str, *, most: int) -> Selection:
    """The pictures of this split where a splits.csv names the set, else of the whole set.

    DataError: it is no image set, or its table of splits is faulty or has no such split.
    """
    name = directory.absolute().name
    if has_splits(directory):
        found, name = find_entries(directory, split), f"{name} ({split})"
    else:
        found = find_entries(directory, None)
    places = np.linspace(0, len(found) - 1, min(most, len(found))).round().astype(int)
    return Selection(tuple(found[place] for place in places), name, len(found))


def to_network(entries: Sequence[Entry], size: int) -> list[Image]:
    """(size, size, 3) RGB each, prepared as a run prepares its frames. DataError names a faulty file."""
    prepared = []
    for entry in entries:
        image = read_image(entry.image)
        prepared.append(Placement(find_field(image), size).to_network(image))
    return prepared


def synthetic(size: int) -> list[NDArray[np.uint8]]:
    """(size, size, 3) RGB: noise, which no network has seen, and frames of the phantom."""
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (size, size, 3), dtype=np.uint8) for _ in range(_NOISE)]
    frames = [render(PhantomOptions(), index)[0] for index in _FRAMES]
    return noise + [Placement(find_field(frame), size).to_network(frame) for frame in frames]
