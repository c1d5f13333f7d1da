"""Image sets for training: read once, kept small in memory."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scr_live.content import find_field
from scr_live.evaluation.image_sets import HALF_GREY, Entry, read_image, read_mask
from scr_live.geometry import Placement, shrink


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


def load_samples(entries: Sequence[Entry], *, size: int, threads: int = 2) -> list[Sample]:
    """Read all pictures, in the order given. Unreadable files and mismatched sizes are a DataError."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda entry: _load(entry, size), entries))


def _load(entry: Entry, size: int) -> Sample:
    image = read_image(entry.image)
    mask = np.zeros(image.shape[:2], np.uint8) if entry.mask is None else read_mask(entry.mask)
    if mask.shape != image.shape[:2]:
        raise entry.size_mismatch(image=image.shape[:2], mask=mask.shape)
    # Cut and resized as in a run: the network must not see in training what it will never see again.
    placement = Placement(find_field(image), size)
    cover = shrink(placement.box.crop(mask)[..., None], size)[..., 0]
    return Sample(
        entry.set_name, placement.to_network(image), np.where(cover > HALF_GREY, 255, 0).astype(np.uint8)
    )
