"""Figures of a run that never was, for those who print or judge them."""

from dataclasses import MISSING, fields

from scr_live.engines import EngineInfo
from scr_live.frames import Ai
from scr_live.pipeline.stats import Progress, RunStats
from scr_live.pipeline.timing import Histogram, Latency
from scr_live.sources import SourceInfo

SOURCE = SourceInfo("file", "a.mp4", 64, 48, fps=25.0, is_live=False)
ENGINE = EngineInfo("constant", "none", "fp32", 64)

_NOTHING = {
    SourceInfo: SOURCE,
    EngineInfo: ENGINE,
    Latency: Histogram().latency(),
    int: 0,
    float: 1.0,
    str: "",
    float | None: None,
}


def run_stats(**figures: object) -> RunStats:
    """Return the figures named, and nothing else: zeros, empty texts and tables."""
    needed = {one.name: one.type for one in fields(RunStats) if one.default is one.default_factory is MISSING}
    return RunStats(**{name: _NOTHING.get(kind, {}) for name, kind in needed.items()} | figures)


def run_progress(**figures: object) -> Progress:
    """Return how a run stands that has just begun, but for the figures named."""
    nothing = {one.name: 0 for one in fields(Progress) if one.default is one.default_factory is MISSING}
    return Progress(
        **nothing
        | {"frame_count": None, "status": "", "ai": Ai.ON, "marks_age_s": None, "fps": 25.0}
        | figures
    )
