"""Marks that stay on what they mark while the model is behind: carried along with the motion since."""

from collections import deque
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.frames import Frame, Image, Polyp, Prediction
from scr_live.geometry import Box, Placement
from scr_live.tracking.motion import SIDE, is_flat, likeness, pulled

LONGEST_HISTORY: Final = 64
"""Glances kept at most, whatever the frame rate."""
LEAST_LIKENESS: Final = 0.5
"""As that of `motion`, but higher, because the finer flow makes any two pictures more alike: of neighbouring
frames of two real clips one in a hundred is below 0.50 and 0.72, of frames two seconds apart four of five."""
MOST_NEW_STEPS: Final = 4
"""Flows found for one picture: a first mark comes late, and nothing of the way since is known then."""
MOST_GROWTH: Final = 2.5
"""A region that grew or shrank by more on its way is no longer the one that was marked."""


@dataclass(slots=True, eq=False)
class _Glance:
    """A small copy of a frame's field, and the way on from it."""

    index: int
    captured_at: float
    grey: NDArray[np.uint8]
    """(SIDE, SIDE)."""
    is_flat: bool | None = None
    """Whether nothing in it can be followed; None: nobody has asked."""
    onward: "_Step | None" = None
    """To a frame after it; None: nobody has asked."""


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    to: int
    """Index of the frame it leads to."""
    flow: NDArray[np.float32]
    """(SIDE, SIDE, 2): how far each point goes to where it lies in that frame, in pixels of the copy."""
    is_cut: bool


class MarkCarrier:
    """Moves the regions of an earlier frame to where their content lies in a later one of the same video.

    Used by one thread, which shows it all frames in order and asks for what it draws. A region that leaves
    the field, or changes its size beyond belief, is dropped; nothing is carried over a cut or into another
    place of the field in the picture. The motion is found only where there is something to carry.
    """

    def __init__(self, *, longest_s: float) -> None:
        """longest_s: how old a prediction may be; frames from before are forgotten."""
        self._longest_s = longest_s
        # Errors of a dozen steps add up: other than to follow tracks, the finest scale pays here.
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._flow.setFinestScale(0)
        self._flow.setVariationalRefinementIterations(0)
        self._glances: deque[_Glance] = deque(maxlen=LONGEST_HISTORY)
        self._box: Box | None = None
        self._origin: Prediction | None = None
        self._regions: tuple[tuple[Polyp, Polyp], ...] = ()
        """Each as it was in the prediction, and as it is now."""
        self._at: int | None = None
        """The frame that the regions have been carried to; None: they cannot be carried any further."""

    def see(self, frame: Frame, box: Box) -> None:
        """Look at the next frame; box: the field in it."""
        if box != self._box:
            self._glances.clear()
            self._box = box
        self._glances.append(_Glance(frame.index, frame.captured_at, _small_field(frame.image, box)))
        while self._glances[0].captured_at < frame.captured_at - self._longest_s:
            self._glances.popleft()

    def carry(self, prediction: Prediction) -> Prediction | None:
        """Return it with its regions where they are in the frame seen last; None: nobody knows where."""
        if not prediction.polyps:
            return prediction
        if prediction.placement.box != self._box:
            return None
        if prediction is not self._origin:
            self._origin, self._at = prediction, self._anchor(prediction.frame_index)
            self._regions = tuple((polyp, polyp) for polyp in prediction.polyps)
        path = self._path()
        if path is None:
            return None
        for glance, after in pairwise(path):
            step = self._step(glance, after)
            if step.is_cut:
                self._at = None
                return None
            moved = ((origin, _moved(now, step.flow, prediction.placement)) for origin, now in self._regions)
            self._regions = tuple((origin, now) for origin, now in moved if _is_still(now, origin))
            self._at = after.index
        return replace(prediction, polyps=tuple(now for _, now in self._regions))

    def _anchor(self, frame_index: int) -> int | None:
        """Return the frame to begin at: the last with something to follow, up to this one. None: not seen.

        A scope that touches the wall comes off it at the same place, or after a cut, and a frame may have
        been dropped before it was seen: an answer of such a frame counts for the frame before.
        """
        before = [glance for glance in self._glances if glance.index <= frame_index]
        if not before:
            return None
        return next((glance.index for glance in reversed(before) if not _is_flat(glance)), before[0].index)

    def _path(self) -> list[_Glance] | None:
        """Return what lies between the regions and the frame seen last; None: part of it is forgotten.

        Flow that nobody has found yet is found in a few larger steps, lest one picture wait for all of it.
        """
        if self._at is None or self._at < self._glances[0].index:
            return None
        path = [glance for glance in self._glances if glance.index >= self._at and not _is_flat(glance)]
        unknown = sum(one.onward is None or one.onward.to != other.index for one, other in pairwise(path))
        if unknown <= MOST_NEW_STEPS:
            return path
        stops = np.linspace(0, len(path) - 1, MOST_NEW_STEPS + 1).round().astype(int)
        return [path[stop] for stop in stops]

    def _step(self, glance: _Glance, after: _Glance) -> _Step:
        if glance.onward is None or glance.onward.to != after.index:
            flow = np.zeros((SIDE, SIDE, 2), np.float32)
            flow = np.asarray(self._flow.calc(glance.grey, after.grey, flow), np.float32)
            undone = pulled(after.grey.astype(np.float32), flow)
            alike = likeness(undone, glance.grey.astype(np.float32))
            glance.onward = _Step(after.index, flow, is_cut=alike < LEAST_LIKENESS)
        return glance.onward


def _is_flat(glance: _Glance) -> bool:
    if glance.is_flat is None:
        glance.is_flat = is_flat(glance.grey)
    return glance.is_flat


def _small_field(image: Image, box: Box) -> NDArray[np.uint8]:
    """Return the field as (SIDE, SIDE) grey levels, from few of its pixels: every frame is looked at."""
    twice = cv2.resize(box.crop(image), (2 * SIDE, 2 * SIDE), interpolation=cv2.INTER_LINEAR)
    small = cv2.resize(twice, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)


def _moved(polyp: Polyp, flow: NDArray[np.float32], placement: Placement) -> Polyp:
    """Return the region one frame later; no point of it leaves the field."""
    small = Placement(placement.box, SIDE)
    # A contour may run half a pixel outside of the copy: there the motion of its border counts.
    points = small.to_network_points(polyp.contour)
    inside = np.clip(points, 0, SIDE - 1)
    shift = cv2.remap(flow, inside[None, :, 0], inside[None, :, 1], cv2.INTER_LINEAR)[0]
    contour = small.to_frame(np.clip(points + shift, -0.5, SIDE - 0.5))
    return replace(polyp, contour=contour, area_px=float(cv2.contourArea(contour)))


def _is_still(polyp: Polyp, origin: Polyp) -> bool:
    """Tell whether a region is of a size that the one it comes from can have by now."""
    return origin.area_px <= MOST_GROWTH * polyp.area_px <= MOST_GROWTH**2 * origin.area_px
