"""How a run behaves."""

from dataclasses import dataclass
from typing import Final

from scr_live.frames import USUAL_FPS
from scr_live.geometry import MIN_AREA
from scr_live.sources import SourceInfo

_BUDGET_SHARE: Final = 0.75
"""Of a frame interval. What is left of it is for drawing: a late model delays the video by less than one."""
_SILENT_INTERVALS: Final = 3
"""For so many of its frame intervals a source may say nothing."""


@dataclass(frozen=True, slots=True)
class PipelineOptions:
    """How a run behaves."""

    annotation_budget_s: float | None = None
    """Live: how long after its capture a frame may wait for its own prediction; None: three quarters of a
    frame interval. Files wait without limit."""
    max_overlay_age_s: float = 0.3
    """Live: marks of a frame captured longer ago are not drawn."""
    draws_unannounced: bool = True
    """Whether regions that are not announced yet are drawn, faintly."""
    max_frames: int | None = None
    stall_after_s: float = 2.0
    """Live: a stage that is busy with one item for longer is named in the status; see `stall_s`."""
    stage_grace_s: float = 10.0
    """A run that should have ended, and in which nothing moves for so long, has a stuck stage."""
    min_area: float = MIN_AREA
    """Smaller regions, as a share of the field, are not marked."""
    retry_first_s: float = 0.2
    """Live: pause after a first failure of the model; it doubles from one failure to the next."""
    retry_longest_s: float = 30.0

    def stall_s(self, info: SourceInfo) -> float:
        """Return after how long a stage counts as stalled: a slow source is silent between its frames."""
        return max(self.stall_after_s, _SILENT_INTERVALS / (info.fps or USUAL_FPS))

    def budget_s(self, info: SourceInfo) -> float | None:
        """Return how long after its capture a frame waits for its own prediction; None: without limit."""
        if not info.is_live:
            return None
        if self.annotation_budget_s is not None:
            return self.annotation_budget_s
        return _BUDGET_SHARE / (info.fps or USUAL_FPS)
