"""What is kept of each frame of a video that is measured, and nothing of its picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from scr_live.frames import USUAL_FPS


@dataclass(frozen=True, slots=True)
class Region:
    """One region above the threshold."""

    hits: frozenset[str]
    """The polyps that it touches."""
    track_id: int | None = None
    """None: nothing was followed."""
    age_s: float = 0.0
    score: float = 1.0
    """Highest probability inside."""
    may_be_announced: bool = True
    """False: its track has only been seen in frames that cannot be judged."""

    def is_announced(self, rule_s: float) -> bool:
        """Whether a rule of so many seconds marks it in this frame."""
        return self.may_be_announced and self.age_s >= rule_s


@dataclass(frozen=True, slots=True)
class FrameRecord:
    """One frame."""

    time_s: float
    regions: tuple[Region, ...] = ()
    truth: frozenset[str] = frozenset()
    """The polyps in view."""
    dice: float | None = None
    """Of all regions with the mask of all polyps; None: there is no mask, or no polyp."""

    def marks(self, rule_s: float) -> tuple[Region, ...]:
        """The regions that a rule of so many seconds marks."""
        return tuple(region for region in self.regions if region.is_announced(rule_s))

    def marked(self, rule_s: float) -> frozenset[str]:
        """The polyps that a mark touches."""
        return frozenset().union(*(region.hits for region in self.marks(rule_s)))


def step_s(frames: Sequence[FrameRecord]) -> float:
    """The usual time from one frame to the next."""
    steps = [after.time_s - before.time_s for before, after in pairwise(frames)]
    return median(steps) if steps else 1 / USUAL_FPS


def length_s(frames: Sequence[FrameRecord]) -> float:
    """How long the video is, its last frame included."""
    return frames[-1].time_s - frames[0].time_s + step_s(frames) if frames else 0.0
