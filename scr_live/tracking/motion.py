"""How the picture moved since the frame before: dense flow in a small grey copy of the network's input."""

from dataclasses import dataclass
from typing import Final, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE: Final = 88
"""Of the small copy: a quarter of a usual network input; a camera's motion is smooth."""
LEAST_LIKENESS: Final = 0.33
"""Correlation of the frame with the moved one before it, below which it shows another place: a cut.

Two real clips stay at 0.34 and above from frame to frame; of two frames of them that lie more than two
seconds apart, four of five are below. A cut that is missed costs a few frames of a mark that lingers; one
that is none costs identities.
"""

_Number = TypeVar("_Number", np.uint8, np.float32)

_FLAT: Final = 0.7  # grey levels of standard deviation: less has nothing that could be followed
_DETAIL: Final = 15


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """From the frame before to this one."""

    flow: NDArray[np.float32]
    """(SIDE, SIDE, 2): where each point of this frame lay before, as (dx, dy) in pixels of the small copy."""
    likeness: float
    """Correlation of the two after the motion is undone, -1 to 1."""

    @property
    def is_cut(self) -> bool:
        """Whether nothing connects the two frames."""
        return self.likeness < LEAST_LIKENESS

    def carry(self, small: NDArray[np.float32]) -> NDArray[np.float32]:
        """Move a (SIDE, SIDE) map of the frame before to where its content is now.

        What comes into view has the value of the nearest point that was in view.
        """
        return pulled(small, self.flow)


class MotionFinder:
    """Follows the motion of a video; used by one thread."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._flow.setVariationalRefinementIterations(0)  # halves the cost and loses next to nothing
        self._before: NDArray[np.uint8] | None = None

    def update(self, network_input: NDArray[np.uint8]) -> Motion | None:
        """Take the next (s, s, 3) RGB picture; None if there is none before it."""
        now = small_grey(network_input)
        flow = np.zeros((SIDE, SIDE, 2), np.float32)
        if self._before is None:
            self._before = now
            return None
        if is_flat(now):  # the scope touches the wall, say: it comes off it at the same place
            return Motion(flow, 1.0)
        before, self._before = self._before, now
        flow = np.asarray(self._flow.calc(now, before, flow), np.float32)
        return Motion(flow, likeness(pulled(before.astype(np.float32), flow), now.astype(np.float32)))

    def reset(self) -> None:
        """Forget the frame before."""
        self._before = None


def small_grey(network_input: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the picture as (SIDE, SIDE) grey levels, each the mean of its pixels."""
    return np.asarray(cv2.cvtColor(shrunk(network_input), cv2.COLOR_RGB2GRAY), np.uint8)


def shrunk(picture: NDArray[_Number]) -> NDArray[_Number]:
    """Return an (s, s) map or (s, s, 3) picture as (SIDE, SIDE), each the mean of what it covers.

    In two steps, since to halve is three times as fast as anything else.
    """
    return np.asarray(cv2.resize(halved(picture), (SIDE, SIDE), interpolation=cv2.INTER_AREA), picture.dtype)


def halved(picture: NDArray[_Number]) -> NDArray[_Number]:
    """Return a map or picture as twice SIDE, the first of the two steps; what is so already, as it is."""
    if picture.shape[:2] == (2 * SIDE, 2 * SIDE):
        return picture
    half = cv2.resize(picture, (2 * SIDE, 2 * SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(half, picture.dtype)


def is_flat(small: NDArray[np.uint8]) -> bool:
    """Tell whether a small copy has nothing that could be followed."""
    return _spread(_detail(small.astype(np.float32))) < _FLAT


def pulled(small: NDArray[np.float32], flow: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the (SIDE, SIDE) map that has at each point what `small` has where the flow leads to."""
    x, y = _GRID[..., 0] + flow[..., 0], _GRID[..., 1] + flow[..., 1]
    moved = cv2.remap(small, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)


def likeness(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return the correlation of the detail of two (SIDE, SIDE) copies, -1 to 1."""
    one, other = _detail(one), _detail(other)
    spread, other_spread = _spread(one), _spread(other)
    if min(spread, other_spread) < _FLAT:  # two flat pictures are alike, a flat one and another are not
        return 1.0 if max(spread, other_spread) < 2 * _FLAT else 0.0
    return float(np.mean((one - one.mean()) * (other - other.mean()))) / (spread * other_spread)


def _spread(detail: NDArray[np.float32]) -> float:
    """Return the standard deviation, four times as fast as numpy does for so few numbers."""
    return float(np.asarray(cv2.meanStdDev(detail)[1]).item())


def _detail(small: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what differs from its surroundings, without the rim, which motion brings into view.

    All pictures of a colon are alike in that they are dark in the middle: detail tells them apart.
    """
    rim = SIDE // 11
    detail = small - cv2.blur(small, (_DETAIL, _DETAIL))
    return np.ascontiguousarray(detail[rim:-rim, rim:-rim])


_GRID: Final = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), axis=-1).astype(np.float32)
