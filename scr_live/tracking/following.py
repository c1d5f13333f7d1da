"""All of it together: motion, steady maps, quality, identities, alerts and sightings of one video."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scr_live.events import EventKind, Journal
from scr_live.frames import Frame, Mask, Polyp, Quality, Signal
from scr_live.geometry import Box, Placement
from scr_live.tracking.alerts import AlertRule
from scr_live.tracking.motion import Motion, MotionFinder, halved
from scr_live.tracking.quality import QualityJudge
from scr_live.tracking.sightings import SaveSnapshot, Sightings, View
from scr_live.tracking.steady import Steadier
from scr_live.tracking.tracks import Track, Tracks

GAP_S: Final = 1.0
"""After so long without a frame, or with a step back in time, nothing goes on."""


@dataclass(frozen=True, slots=True)
class TrackingOptions:
    """How a video is followed."""

    rule: AlertRule = field(default_factory=AlertRule)
    is_steady: bool = True
    """Whether probabilities are averaged over time."""


class Tracking:
    """A Follower (see `scr_live.predictor`) of one video; used by one thread, frame after frame.

    After a cut, a gap or another place of the field in the picture everything begins anew. In a frame that
    cannot be judged, or that is frozen, tracks do not grow older and none is announced; what was announced
    stays marked.
    """

    def __init__(
        self,
        options: TrackingOptions | None = None,
        *,
        rule: Callable[[], AlertRule] | None = None,
        journal: Journal | None = None,
        save_snapshot: SaveSnapshot | None = None,
    ) -> None:
        """rule: asked for every frame, if it may change; None: that of the options."""
        self._options = options or TrackingOptions()
        self._rule = rule or (lambda: self._options.rule)
        self._journal = journal or Journal()
        self._motion_finder = MotionFinder()
        self._steadier = Steadier()
        self._judge = QualityJudge()
        self._tracks = Tracks()
        self._sightings = Sightings(self._journal, save_snapshot)
        self.motion: Motion | None = None
        """To the latest frame; None: nothing goes on there."""
        self.quality = Quality.GOOD
        """Of the latest frame."""
        self._box: Box | None = None
        self._time_s: float | None = None
        self.qualities: Counter[Quality] = Counter()
        """How many frames were of which quality."""

    @property
    def sightings(self) -> int:
        """How many were opened."""
        return self._sightings.count

    def update(
        self, frame: Frame, network_input: NDArray[np.uint8], probability: Mask, placement: Placement
    ) -> tuple[Mask, Quality]:
        """Return the steadied (s, s) probability of the frame, and whether the frame can be judged."""
        time_s = _time_s(frame)
        before, self._time_s = self._time_s, time_s
        step_s = 0.0 if before is None else time_s - before
        if not 0 <= step_s <= GAP_S or self._box not in (None, placement.box):
            self._motion_finder.reset()
            self._judge.reset()
        self._box = placement.box
        half = halved(network_input)  # what both look at
        self.motion = self._motion_finder.update(half)
        self._note_quality(self._judge.update(half), frame)
        if self._options.is_steady:
            probability = self._steadier.update(probability, self.motion, step_s)
        return probability, self.quality

    def look_like(self, other: "Tracking") -> None:
        """Instead of `update`: take what another has found of this frame, to follow it under another rule."""
        self.motion, self.quality = other.motion, other.quality

    def follow(self, frame: Frame, polyps: tuple[Polyp, ...], placement: Placement) -> tuple[Polyp, ...]:
        """Return the regions of that probability with their identities, ages and announcements."""
        time_s = _time_s(frame)
        can_begin = self.quality is Quality.GOOD and frame.signal is Signal.OK
        tracks, ended = self._tracks.update(polyps, placement, self.motion, time_s=time_s, grows=can_begin)
        self._sightings.close(ended)
        rule = self._rule()
        for track in tracks:
            track.announced |= can_begin and rule.announces(track.age_s)
        return tuple(
            self._told(frame, polyp, track, placement) for polyp, track in zip(polyps, tracks, strict=True)
        )

    def pass_by(self, frame: Frame) -> None:
        """Close the sightings that are over by this frame, which there is no answer for."""
        self._sightings.close(self._tracks.pass_by(_time_s(frame)))

    def close(self) -> None:
        """Close the sightings that are open: the video has ended."""
        self._sightings.close(self._tracks.end_all())

    def _told(self, frame: Frame, polyp: Polyp, track: Track, placement: Placement) -> Polyp:
        if track.announced:
            self._sightings.see(track, View(frame, polyp, placement), time_s=_time_s(frame))
        return replace(polyp, track_id=track.number, age_s=track.age_s, announced=track.announced)

    def _note_quality(self, quality: Quality, frame: Frame) -> None:
        self.qualities[quality] += 1
        if quality is not self.quality:
            self._journal.tell(
                EventKind.QUALITY_CHANGED,
                stream_s=frame.pts_s,
                quality=str(quality),
                before=str(self.quality),
            )
            self.quality = quality


def _time_s(frame: Frame) -> float:
    """When the frame was seen, in seconds of the video; of the clock where the video has no times."""
    return frame.captured_at if frame.pts_s is None else frame.pts_s
