"""What was measured of one or more videos, as objects; the JSON is made of it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from statistics import median

from scr_live.engines import EngineInfo
from scr_live.evaluation.video.alarms import DEFINITION, Rate, rate
from scr_live.evaluation.video.metrics import VideoScore, score
from scr_live.evaluation.video.records import length_s
from scr_live.evaluation.video.running import ClipRun
from scr_live.machine import machine_facts


@dataclass(frozen=True, slots=True)
class ClipScore:
    """One clip under each rule."""

    clip: str
    truth: str
    """What --truth named."""
    size: tuple[int, int]
    fps: float | None
    length_s: float
    scores: tuple[VideoScore, ...]
    qualities: Mapping[str, int]

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "clip": self.clip,
            "truth": self.truth,
            "width": self.size[0],
            "height": self.size[1],
            "fps": self.fps,
            "length_s": self.length_s,
            "frame_quality": dict(self.qualities),
            "rules": [one.as_dict() for one in self.scores],
        }


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One alert rule over all clips: what it costs and what it saves."""

    rule_s: float
    false_alarms: Rate
    polyps: int
    mark_after_median_s: float | None
    """Over the polyps that are marked, from their first frame in view."""
    mark_after_max_s: float | None
    missed_share: float | None
    """Of all polyps; None: there are none."""


@dataclass(frozen=True, slots=True)
class VideoReport:
    """What was measured, and with what."""

    model: str
    model_sha256: str
    engine: EngineInfo
    threshold: float
    follows: bool
    is_steady: bool
    clips: tuple[ClipScore, ...]

    @property
    def title(self) -> str:
        """The facts in one line."""
        how = "followed and steadied" if self.is_steady else "followed, not steadied"
        how = how if self.follows else "each frame by itself"
        name = f"model {self.model}" if self.model_sha256 else "no model"
        return f"{name}, {self.engine.kind}, threshold {self.threshold:g}, {how}"

    @property
    def rules(self) -> tuple[RuleRow, ...]:
        """A row a rule, over all clips."""
        columns = zip(*(clip.scores for clip in self.clips), strict=True)
        minutes = sum(clip.length_s for clip in self.clips) / 60
        return tuple(_row(scores, minutes) for scores in columns)

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "model": self.model,
            "model_sha256": self.model_sha256,
            "engine": self.engine.kind,
            "engine_reason": self.engine.reason,
            "input_size": self.engine.input_size,
            "threshold": self.threshold,
            "tracking": self.follows,
            "steady": self.follows and self.is_steady,
            "definition": DEFINITION,
            "machine": machine_facts(),
            "rules": [asdict(row) for row in self.rules],
            "clips": [clip.as_dict() for clip in self.clips],
        }


def clip_score(truth: str, run: ClipRun) -> ClipScore:
    """Measure a run of a clip under each rule."""
    some = next(iter(run.frames.values()))
    return ClipScore(
        clip=run.info.name,
        truth=truth,
        size=(run.info.width, run.info.height),
        fps=run.info.fps,
        length_s=length_s(some),
        scores=tuple(score(frames, rule) for rule, frames in run.frames.items()),
        qualities=run.qualities,
    )


def _row(scores: Sequence[VideoScore], minutes: float) -> RuleRow:
    polyps = list(chain.from_iterable(one.polyps for one in scores))
    found = [one.mark_after_s for one in polyps if one.mark_after_s is not None]
    return RuleRow(
        rule_s=scores[0].rule_s,
        false_alarms=rate(sum(one.false_alarms.count for one in scores), minutes),
        polyps=len(polyps),
        mark_after_median_s=median(found) if found else None,
        mark_after_max_s=max(found, default=None),
        missed_share=1 - len(found) / len(polyps) if polyps else None,
    )
