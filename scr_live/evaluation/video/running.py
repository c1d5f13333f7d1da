"""A clip through the predictor of a run, under all alert rules at once; kept are records.

A folder of pictures is followed as the video whose frames it holds, while a run judges each by itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.engines import Engine
from scr_live.errors import OptionError
from scr_live.evaluation.metrics import confusion
from scr_live.evaluation.metrics import score as pixel_score
from scr_live.evaluation.video.records import FrameRecord, Region
from scr_live.evaluation.video.truth import FrameTruth, Pixels, Truth
from scr_live.evaluation.video.truth.boxes import FileTruth
from scr_live.evaluation.video.truth.opening import check_size
from scr_live.frames import USUAL_FPS, Contour, Frame, Mask, Polyp, Quality
from scr_live.geometry import Placement
from scr_live.phantom.options import parse_phantom
from scr_live.predictor import Predictor
from scr_live.sources import SourceInfo, VideoSource
from scr_live.sources.opening import SourceOptions, kind_of, open_source
from scr_live.tracking.alerts import RULES_S, AlertRule
from scr_live.tracking.following import Tracking, TrackingOptions

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
        self._led = {
            rule: Tracking(TrackingOptions(AlertRule(rule), is_steady=is_steady)) for rule in RULES_S
        }
        self._leader = self._led[RULES_S[0]]
        self.polyps: dict[float, tuple[Polyp, ...]] = {}
        """Of the latest frame."""

    def update(
        self, frame: Frame, network_input: NDArray[np.uint8], probability: Mask, placement: Placement
    ) -> tuple[Mask, Quality]:
        """Return what all of them make of it."""
        answer = self._leader.update(frame, network_input, probability, placement)
        for led in self._led.values():
            led.look_like(self._leader)
        return answer

    def follow(self, frame: Frame, polyps: tuple[Polyp, ...], placement: Placement) -> tuple[Polyp, ...]:
        """Return the regions as under the first rule."""
        self.polyps = {rule: led.follow(frame, polyps, placement) for rule, led in self._led.items()}
        return self.polyps[RULES_S[0]]

    def pass_by(self, frame: Frame) -> None:
        """Tell all of them of a frame that the model does not see."""
        for led in self._led.values():
            led.pass_by(frame)

    @property
    def qualities(self) -> dict[str, int]:
        """By name."""
        return {quality.name.lower(): self._leader.qualities[quality] for quality in Quality}


def check_clip(clip: str, truth: Truth, fps: float | None = None) -> None:
    """Raise OptionError for what has no end, and whatever is wrong with it that can be told beforehand."""
    kind = kind_of(clip)
    if kind in ("camera", "stream"):
        raise OptionError(f"Expected a video file, a folder of pictures or a phantom; found {clip}.")
    if kind == "phantom" and parse_phantom(clip).duration_s is None:
        raise OptionError(f"{clip} is without an end. Give it a duration, such as duration=20.")
    with _open(clip, truth, fps) as source:
        check_size(truth, source.info)


class Watch:
    """Takes the frames of one clip, in order, each with its truth. Without a follower the one rule is 0 s."""

    def __init__(
        self, engine: Engine, *, threshold: float, follows: bool = True, is_steady: bool = True
    ) -> None:
        self._follower = _SideBySide(is_steady=is_steady) if follows else None
        self._predictor = Predictor(engine, threshold=lambda: threshold, follower=self._follower)
        self._records: dict[float, list[FrameRecord]] = {
            rule: [] for rule in (RULES_S if follows else (0.0,))
        }

    def add(self, frame: Frame, known: FrameTruth, fps: float | None) -> None:
        """Predict a frame and compare it with its truth."""
        polyps = self._predictor.predict(frame).polyps
        judged = _Judged(frame, known, polyps, fps)
        for rule, kept in self._records.items():
            kept.append(judged.record(self._follower.polyps[rule] if self._follower else polyps))

    def result(self, info: SourceInfo) -> ClipRun:
        """All of it."""
        frames = {rule: tuple(kept) for rule, kept in self._records.items()}
        return ClipRun(info, frames, self._follower.qualities if self._follower else {})


def run_clip(
    clip: str, truth: Truth, watch: Watch, *, fps: float | None = None, progress: Progress | None = None
) -> ClipRun:
    """Show every frame of a clip to a watch of its own.

    fps: of a folder of pictures; None: what its truth says, or 25.
    """
    count = 0
    with _open(clip, truth, fps) as source:
        info = source.info
        for frame in source:
            watch.add(frame, truth.at(frame.index), info.fps)
            count += 1
            if progress is not None:
                progress(count, max(count, info.frame_count or 0))
    truth.check_end(count)
    return watch.result(info)


def _open(clip: str, truth: Truth, fps: float | None) -> VideoSource:
    known = truth.fps if isinstance(truth, FileTruth) else None
    return open_source(clip, SourceOptions(fps=known if fps is None else fps))


class _Judged:
    """The regions of a frame against its truth; under each rule they differ in nothing but their tracks."""

    def __init__(self, frame: Frame, known: FrameTruth, polyps: tuple[Polyp, ...], fps: float | None) -> None:
        self._time_s = frame.index / (fps or USUAL_FPS) if frame.pts_s is None else frame.pts_s
        self._truth = frozenset(known.areas)
        areas = [_filled(polyp.contour, frame.image.shape) for polyp in polyps]
        self._hits = [known.touched_by(area) for area in areas]
        self._dice = _dice(areas, known.mask) if known.areas and known.mask is not None else None

    def record(self, polyps: tuple[Polyp, ...]) -> FrameRecord:
        regions = tuple(
            Region(hits, polyp.track_id, polyp.age_s, polyp.score, polyp.announced)
            for polyp, hits in zip(polyps, self._hits, strict=True)
        )
        return FrameRecord(self._time_s, regions, self._truth, self._dice)


def _filled(contour: Contour, shape: Sequence[int]) -> Pixels:
    """Return the (h, w) pixels inside a contour."""
    area = np.zeros((shape[0], shape[1]), np.uint8)
    cv2.fillPoly(area, [np.round(contour).astype(np.int32)], 1)
    return area > 0


def _dice(areas: list[Pixels], mask: Pixels) -> float:
    marked = np.zeros_like(mask)
    for area in areas:
        marked |= area
    return pixel_score(confusion(marked, mask)).dice
