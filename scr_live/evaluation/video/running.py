"""A clip through the same predictor as a live run, under all alert rules at once; kept are records."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scr_live.engines import Engine
from scr_live.errors import OptionError
from scr_live.evaluation.metrics import confusion
from scr_live.evaluation.metrics import score as pixel_score
from scr_live.evaluation.video.records import FrameRecord, Region
from scr_live.evaluation.video.truth import FrameTruth, Pixels, Truth, check_size, filled
from scr_live.frames import USUAL_FPS, Frame, Mask, Polyp, Quality
from scr_live.geometry import Placement
from scr_live.predictor import Predictor
from scr_live.sources import SourceInfo
from scr_live.sources.opening import kind_of, open_source
from scr_live.tracking import AlertRule, Tracking, TrackingOptions
from scr_live.tracking.alerts import RULES_S

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class ClipRun:
    """One clip, looked at from its first frame to its last."""

    info: SourceInfo
    frames: Mapping[float, tuple[FrameRecord, ...]]
    """By the rule in seconds: a rule decides for how long a lost track is remembered, so each has its own."""
    qualities: Mapping[str, int]
    """How many frames were of which quality; empty: nothing was followed."""


class _SideBySide:
    """A Follower for each alert rule, of the same answers."""

    def __init__(self, *, is_steady: bool) -> None:
        self.trackings = {
            rule: Tracking(TrackingOptions(AlertRule(rule), is_steady=is_steady)) for rule in RULES_S
        }
        self.polyps: dict[float, tuple[Polyp, ...]] = {}
        """Of the latest frame."""

    def update(
        self, frame: Frame, network_input: NDArray[np.uint8], probability: Mask, placement: Placement
    ) -> tuple[Mask, Quality]:
        """Return what any of them makes of it: it is the same."""
        answers = [
            tracking.update(frame, network_input, probability, placement)
            for tracking in self.trackings.values()
        ]
        return answers[0]

    def follow(self, frame: Frame, polyps: tuple[Polyp, ...], placement: Placement) -> tuple[Polyp, ...]:
        """Return the regions as under the first rule."""
        self.polyps = {
            rule: tracking.follow(frame, polyps, placement) for rule, tracking in self.trackings.items()
        }
        return self.polyps[RULES_S[0]]

    @property
    def qualities(self) -> dict[str, int]:
        """By name."""
        counts = self.trackings[RULES_S[0]].qualities
        return {quality.name.lower(): counts[quality] for quality in Quality}


def check_clip(clip: str) -> None:
    """Raise OptionError for what has no end."""
    if kind_of(clip) in ("camera", "stream"):
        raise OptionError(f"Expected a video file, a folder of pictures or a phantom; found {clip}.")


def run_clip(  # noqa: PLR0913 - what is run, against what, and how
    clip: str,
    truth: Truth,
    engine: Engine,
    *,
    threshold: float,
    follows: bool = True,
    is_steady: bool = True,
    progress: Progress | None = None,
) -> ClipRun:
    """Predict every frame and compare it with the truth. Without a follower there is one rule, of 0 s."""
    check_clip(clip)
    follower = _SideBySide(is_steady=is_steady) if follows else None
    predictor = Predictor(engine, threshold=lambda: threshold, follower=follower)
    records: dict[float, list[FrameRecord]] = {rule: [] for rule in (RULES_S if follows else (0.0,))}
    count = 0
    with open_source(clip) as source:
        info = source.info
        check_size(truth, source)
        for frame in source:
            known = truth.at(frame.index)
            polyps = predictor.predict(frame).polyps
            judged = _Judged(frame, known, polyps, info.fps)
            for rule, kept in records.items():
                kept.append(judged.record(follower.polyps[rule] if follower else polyps))
            count += 1
            if progress is not None:
                progress(count, max(count, info.frame_count or 0))
    truth.check_end(count)
    frames = {rule: tuple(kept) for rule, kept in records.items()}
    return ClipRun(info, frames, follower.qualities if follower else {})


class _Judged:
    """The regions of a frame against its truth; under each rule they differ in nothing but their tracks."""

    def __init__(self, frame: Frame, known: FrameTruth, polyps: tuple[Polyp, ...], fps: float | None) -> None:
        self._time_s = frame.index / (fps or USUAL_FPS) if frame.pts_s is None else frame.pts_s
        self._known = known
        areas = [filled(polyp.contour, frame.image.shape) for polyp in polyps]
        self._hits = [known.touched_by(area) for area in areas]
        self._dice = _dice(areas, known.mask) if known.areas and known.mask is not None else None

    def record(self, polyps: tuple[Polyp, ...]) -> FrameRecord:
        regions = tuple(_region(polyp, hits) for polyp, hits in zip(polyps, self._hits, strict=True))
        return FrameRecord(self._time_s, regions, frozenset(self._known.areas), self._dice)


def _region(polyp: Polyp, hits: frozenset[str]) -> Region:
    x1, y1 = (float(low) for low in polyp.contour.min(axis=0))
    x2, y2 = (float(high) for high in polyp.contour.max(axis=0))
    return Region(
        hits, polyp.track_id, polyp.age_s, polyp.score, (x1, y1, x2, y2), polyp.area_px, polyp.announced
    )


def _dice(areas: list[Pixels], mask: Pixels) -> float:
    marked = np.zeros_like(mask)
    for area in areas:
        marked |= area
    return pixel_score(confusion(marked, mask)).dice
