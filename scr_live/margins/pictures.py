"""Pictures without their margins, for whatever is kept of a run."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from scr_live.frames import AsVideo, Image, Picture, Prediction, Signal
from scr_live.geometry import Box
from scr_live.margins.mask import FieldMask, MarginMask, blacken
from scr_live.planes import black_planes, chroma_mask, copied, draw_changes

Plates: TypeAlias = Callable[[tuple[int, int], Prediction], Iterable[Box]]
"""Where opaque labels of a prediction lie in a (height, width) picture."""


class Deidentifier:
    """Follows the field of the pictures of a run, and takes away what is outside; used by one thread.

    What the program itself wrote on opaque ground stays: status, "NO SIGNAL", scores.
    """

    def __init__(self, plates: Plates | None = None) -> None:
        self._finder = MarginMask()
        self._plates = plates
        self._mask: FieldMask | None = None
        self._shape: tuple[int, ...] = ()
        self._masked: FieldMask | None = None
        self._plane_masks = (np.empty(0, np.uint8), np.empty(0, np.uint8))
        """Of luma and chroma, of the mask `_masked`."""

    @property
    def hides_all(self) -> bool:
        """Whether nothing of the picture that was followed last may be shown."""
        return self._mask is None

    def follow(self, picture: Picture) -> None:
        """Look at every picture, in order: kept or not. After a loss it may be another scope's."""
        image = picture.frame.image
        if picture.frame.signal is not Signal.LOST:
            self._mask = self._finder.update(image)
            self._shape = image.shape
            return
        self._finder = MarginMask()
        if image.shape != self._shape:
            self._mask = None  # the last picture of a source that has changed its size: not seen yet

    def picture(self, picture: Picture) -> Picture:
        """Return the picture that was followed last with black around the field; its frame stays as it is."""
        image = blacken(picture.image, self._mask)
        if picture.image is not picture.frame.image:
            for box in self._written(picture):
                _keep_drawn(image, picture, box)
        return replace(picture, image=image, as_video=self._as_video(picture, image))

    def _as_video(self, picture: Picture, kept: Image) -> AsVideo | None:
        """Return what `kept` is as video, made of the frame's own planes if it has them."""
        decoded = picture.frame.planes
        if decoded is None:
            return None
        if self._mask is None:
            planes = black_planes(decoded[0].shape)
        else:
            if self._masked is not self._mask:
                mask = np.ascontiguousarray(self._mask[:, :, 0])
                self._masked, self._plane_masks = self._mask, (mask, chroma_mask(mask))
            planes = copied(decoded, self._plane_masks)
        if picture.image is not picture.frame.image:
            draw_changes(planes, picture.frame.image, picture.image, kept)
        return AsVideo(planes, kept)

    def _written(self, picture: Picture) -> list[Box]:
        if picture.frame.signal is Signal.LOST:
            return [Box.whole(picture.image)]
        status = [] if picture.status_at is None else [picture.status_at]
        if self._plates is None or picture.prediction is None:
            return status
        height, width = picture.image.shape[:2]
        return [*status, *self._plates((height, width), picture.prediction)]


def _keep_drawn(image: Image, picture: Picture, box: Box) -> None:
    """Put back, in place, the pixels of the box that were drawn over the frame."""
    drawn, below = box.crop(picture.image), box.crop(picture.frame.image)
    red, green, blue = (drawn[:, :, channel] != below[:, :, channel] for channel in range(3))
    changed = red | green | blue
    box.crop(image)[changed] = drawn[changed]
