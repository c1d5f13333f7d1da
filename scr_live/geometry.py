"""How the network's square lies in the frame: pixels in, contours back out.

Pixel centres lie on integers and a picture reaches from -0.5 to width - 0.5 (align_corners=False), in the
frame and in network space alike. The content box is stretched to the square; training stretches the same way.
"""

from dataclasses import dataclass
from typing import Final, cast

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from scr_live.frames import Contour, Image, Mask, Polyp

MIN_AREA: Final = 0.0008
"""Regions below this share of the field are dropped: 10 x 10 pixels at 352, about the smallest region that
is a polyp more often than noise."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of whole frame pixels."""

    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.x < 0 or self.y < 0 or self.width < 1 or self.height < 1:
            raise ValueError(f"a box needs x, y >= 0 and width, height >= 1, and this is {self}")

    @classmethod
    def whole(cls, image: NDArray[np.uint8]) -> "Box":
        """Return the box that covers all of the picture."""
        return cls(0, 0, image.shape[1], image.shape[0])

    def crop(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a view of the pixels inside. Raises ValueError if the box reaches out of the picture."""
        height, width = image.shape[:2]
        if self.x + self.width > width or self.y + self.height > height:
            raise ValueError(f"{self} reaches out of a picture of {width}x{height} pixels")
        return image[self.y : self.y + self.height, self.x : self.x + self.width]


@dataclass(frozen=True, slots=True)
class Placement:
    """The content box `box` of a frame, stretched to the (size, size) network input."""

    box: Box
    size: int

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"the network input needs a size >= 1, and this is {self.size}")

    @property
    def scale(self) -> tuple[float, float]:
        """Frame pixels per network pixel, (x, y)."""
        return self.box.width / self.size, self.box.height / self.size

    def to_network(self, image: Image) -> NDArray[np.uint8]:
        """Cut the box out and resize it: (size, size, 3), contiguous, own memory."""
        return shrink(self.box.crop(image), self.size)

    def to_frame(self, points: ArrayLike) -> Contour:
        """Map (n, 2) points of network space to frame pixels."""
        mapped = (np.asarray(points, np.float64) + 0.5) * self.scale + (self.box.x - 0.5, self.box.y - 0.5)
        return mapped.astype(np.float32)

    def to_network_points(self, points: ArrayLike) -> Contour:
        """Map (n, 2) points in frame pixels to network space: the inverse of `to_frame`."""
        mapped = (np.asarray(points, np.float64) - (self.box.x - 0.5, self.box.y - 0.5)) / self.scale - 0.5
        return mapped.astype(np.float32)


def shrink(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Resize (h, w, c) to (size, size, c), contiguous, own memory: the one resize of run, evaluate and train.

    Bilinear to 2^n times the size, then halved n times: anti-aliased like an area average, exact for every
    width and height, and several times faster than one.
    """
    reduction = max(image.shape[:2]) / size
    halvings = next((n for n in range(_MAX_HALVINGS) if reduction <= _LINEAR_REACH * 2**n), _MAX_HALVINGS)
    side = size << halvings
    resized = cv2.resize(image, (side, side), interpolation=cv2.INTER_LINEAR)
    for _ in range(halvings):
        side //= 2
        resized = cv2.resize(resized, (side, side), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(resized, dtype=np.uint8).reshape(size, size, image.shape[2])


def polyps_from_probability(
    probability: Mask, placement: Placement, *, threshold: float, min_area: float = MIN_AREA
) -> tuple[Polyp, ...]:
    """Find the regions of probability >= threshold, the largest first, with contours in frame pixels.

    `probability` is (size, size) and finite. Contours are outer ones, holes are part of their region; they
    run where linear interpolation crosses the threshold, so they are smooth in a frame of any resolution.
    `min_area` is a share of the field.
    """
    expected = (placement.size, placement.size)
    if probability.shape != expected:
        raise ValueError(
            f"the probability map should be {expected} like its placement, not {probability.shape}"
        )
    # A frame of zeros: border pixels have all their neighbours, and a region ends where the field does.
    padded = np.pad(probability, 1)
    inside = np.zeros(padded.shape, np.uint8)
    inside[1:-1, 1:-1] = probability >= threshold
    borders, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    scale_x, scale_y = placement.scale
    least = min_area * placement.size**2
    polyps = []
    for border in borders:
        pixels = cast("NDArray[np.int32]", border).reshape(-1, 2)
        _, _, width, height = cv2.boundingRect(pixels)
        if (width + 1) * (height + 1) < least:  # most specks end here, before anything costly
            continue
        crossing = _level_crossing(padded, pixels, threshold=threshold) - 1.0
        area = cv2.contourArea(crossing.astype(np.float32))
        if area < least:
            continue
        score = _highest_inside(padded, pixels)
        polyps.append(Polyp(placement.to_frame(crossing), score, area * scale_x * scale_y))
    return tuple(sorted(polyps, key=lambda polyp: polyp.area_px, reverse=True))


def large_regions(mask: NDArray[np.bool_], min_area_px: float) -> NDArray[np.bool_]:
    """Keep the connected regions of a mask that have at least so many pixels: what a run would mark."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    keep = stats[:, cv2.CC_STAT_AREA] >= min_area_px
    keep[0] = False  # the background
    return cast("NDArray[np.bool_]", keep[labels])


_MAX_HALVINGS = 3  # beyond 12 times the size (4K at 352) memory would grow faster than the picture gains
_LINEAR_REACH = 1.5  # a bilinear step that skips more than every third pixel shows aliasing

# The four neighbours of a pixel, x to the right and y down, in the order of _direction / 2.
_NEIGHBOURS = np.array([(1, 0), (0, -1), (-1, 0), (0, 1)])
# _DIRECTIONS[dy + 1, dx + 1]: 45 degree steps, counter-clockwise as seen on the screen, 0 = right.
_DIRECTIONS = np.array([[3, 2, 1], [4, 0, 0], [5, 6, 7]])


def _level_crossing(padded: Mask, border: NDArray[np.int32], *, threshold: float) -> NDArray[np.float64]:
    """Move a border of pixels, (n, 2) as cv2.findContours follows it, out to where the level is crossed.

    Between the directions of its predecessor and its successor each border pixel looks at neighbours outside
    the region: the level lies between it and each of the direct ones. Taken in order these crossings
    are the contour that marching squares would find.
    """
    back = _direction(np.roll(border, 1, axis=0) - border)
    ahead = _direction(np.roll(border, -1, axis=0) - border)
    sweep = (ahead - back - 1) % 8 + 1  # 8: the way back is the way ahead, all round
    # Even directions strictly between back and ahead, at most four.
    first = back + 2 - back % 2
    turns = first[:, None] + np.arange(0, 8, 2)  # (n, 4)
    seen = turns - back[:, None] < sweep[:, None]
    if len(border) == 1:
        seen[:] = True  # a lone pixel is seen from all sides
    index, _ = np.nonzero(seen)
    step = _NEIGHBOURS[turns[seen] % 8 // 2]
    start = border[index]
    inner = padded[start[:, 1], start[:, 0]].astype(np.float64)
    outer = padded[start[:, 1] + step[:, 1], start[:, 0] + step[:, 0]].astype(np.float64)
    share = np.divide(inner - threshold, inner - outer, out=np.full_like(inner, 0.5), where=inner > outer)
    last = np.array(padded.shape[::-1]) - 1.5
    crossing: NDArray[np.float64] = np.clip(start + step * share[:, None], 0.5, last)
    return crossing


def _direction(step: NDArray[np.int32]) -> NDArray[np.int64]:
    return cast("NDArray[np.int64]", _DIRECTIONS[step[:, 1] + 1, step[:, 0] + 1])


def _highest_inside(padded: Mask, border: NDArray[np.int32]) -> float:
    """Return the highest probability in the region that the border pixels enclose."""
    x, y, width, height = cv2.boundingRect(border)
    region = np.zeros((height, width), np.uint8)
    cv2.drawContours(region, [border - (x, y)], 0, 1, cv2.FILLED)
    return float(padded[y : y + height, x : x + width][region > 0].max())
