"""What travels through the pipeline: frozen records, numpy only, no vendor types.

One colour order (RGB) and one layout (height, width, 3) everywhere; sources and sinks convert at the
border.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scr_live.geometry import Box, Placement

Image: TypeAlias = NDArray[np.uint8]
"""(h, w, 3) RGB, read-only once it is in a Frame."""

Planes: TypeAlias = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]
"""Y (h, w), U and V (h/2, w/2) of BT.709 at video levels."""

Mask: TypeAlias = NDArray[np.float32]
"""(s, s) polyp probability 0..1 in network space."""

Contour: TypeAlias = NDArray[np.float32]
"""(n, 2) closed polygon of (x, y) in frame pixels; pixel centres lie on integers."""

USUAL_FPS: Final = 25.0
"""Assumed where nothing names a frame rate."""


class Signal(StrEnum):
    """What a frame says of the input it came from."""

    OK = "ok"
    """A living picture."""
    LOST = "lost"
    """Nothing comes: this is no new picture but the last one, dimmed. It is not to be inferred."""
    FROZEN = "frozen"
    """Bit by bit the same picture for longer than a second: no camera does that."""
    BLACK = "black"
    SATURATED = "saturated"
    """White nearly everywhere."""


class Quality(StrEnum):
    """Whether the mucosa can be judged in a frame, in the words that people read."""

    GOOD = "good"
    BLURRED = "blurred"
    DARK = "too dark"
    BRIGHT = "too bright"
    COVERED = "covered"
    """By liquid, bubbles, stool or an instrument."""
    OUTSIDE = "outside the body"


class Ai(StrEnum):
    """How the model keeps up with the video, in the words that people read."""

    NOTHING_TO_SEE = ""
    """There is no signal, so nothing for it to judge."""
    STARTING = "AI starting"
    """No frame has been answered yet."""
    ON = "AI on"
    """Each frame has its own marks."""
    BEHIND = "AI behind"
    """The marks are those of a slightly earlier frame, where their content is by now."""
    LATE = "AI late"
    """The latest answer is too old to be drawn, or nobody knows where in this frame it belongs."""
    OFF = "AI off"
    """The model fails, or has said nothing for seconds."""


@dataclass(frozen=True, slots=True, eq=False)
class AsVideo:
    """A picture as recordings hold it; not to be changed."""

    planes: Planes
    image: Image
    """The same picture in RGB: of any other the planes say nothing."""

    def planes_of(self, image: Image) -> Planes | None:
        """Return the planes if they are this very image's."""
        return self.planes if self.image is image else None


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of the source. `image` is made read-only."""

    image: Image
    index: int
    """0-based position in this run, after decoding."""
    pts_s: float | None
    """Presentation time in seconds from the container, relative to the first frame; None if it has none."""
    captured_at: float
    """time.perf_counter() when the source handed it out."""
    signal: Signal = Signal.OK
    as_video: AsVideo | None = None
    """What it was decoded from, where that is what recordings hold."""

    def __post_init__(self) -> None:
        self.image.flags.writeable = False

    @property
    def planes(self) -> Planes | None:
        """Those of the image; None: it did not come as such, or is no longer what was decoded."""
        return None if self.as_video is None else self.as_video.planes_of(self.image)


@dataclass(frozen=True, slots=True, eq=False)
class Polyp:
    """One connected region above the threshold."""

    contour: Contour
    score: float
    """Highest probability inside the region, 0..1."""
    area_px: float
    """Area in frame pixels."""
    track_id: int | None = None
    """The same number for the same region from frame to frame; None: nobody follows it."""
    age_s: float = 0.0
    """For how long its track has been seen."""
    announced: bool = True
    """Whether it is old enough to be marked; before that it is drawn faintly, or not at all."""


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What the model said of one frame."""

    frame_index: int
    polyps: tuple[Polyp, ...]
    probability: Mask
    placement: "Placement"
    """How network space lies in the frame."""
    infer_ms: float
    captured_at: float
    """Frame.captured_at of the frame it belongs to: what the age of a mark is counted from."""
    quality: Quality = Quality.GOOD
    """Of the frame; no mark is announced in one that is not good, what was announced stays."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """What people see and what is recorded: a frame and the marks drawn on a copy of it."""

    frame: Frame
    prediction: Prediction | None
    """The prediction that is drawn: of this frame, or live of a slightly earlier one, with its regions
    where they are in this one."""
    image: Image
    status: str = field(default="")
    """Empty if all is well; otherwise short phrases, such as "AI late; recorder failed"."""
    ai: Ai = Ai.ON
    marks_age_s: float | None = None
    """How long before this picture was made the frame of `prediction` was captured; None without one."""
    status_at: "Box | None" = None
    """Where the status is written: with the marks all that is changed, but for a frame without a signal."""
    as_video: AsVideo | None = None
    """Where whoever made `image` had it at hand."""

    @property
    def planes(self) -> Planes | None:
        """Those of the image; None: nobody has made any."""
        return None if self.as_video is None else self.as_video.planes_of(self.image)
