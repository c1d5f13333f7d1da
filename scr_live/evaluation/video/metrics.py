"""What is measured of a video under one alert rule; pure functions of its frames."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from statistics import fmean, median

from scr_live.evaluation.video.alarms import Rate, false_alarm_rate, false_mark_share
from scr_live.evaluation.video.records import FrameRecord


@dataclass(frozen=True, slots=True)
class PolypScore:
    """One polyp."""

    polyp: str
    first_visible_s: float
    visible_frames: int
    region_after_s: float | None
    """From its first frame in view to the first region on it, before any rule; None: there is none."""
    mark_after_s: float | None
    """The same to the first mark under the rule."""
    persistence: float
    """Share of its frames in view in which it is marked."""
    identities: int
    """Tracks that touch it."""


@dataclass(frozen=True, slots=True)
class VideoScore:
    """One alert rule; None: the video has nothing of which it could be said."""

    rule_s: float
    frames: int
    frame_sensitivity: float | None
    """Of the frames with a polyp in view, the share with a mark on one."""
    frame_specificity: float | None
    """Of the frames without, the share without any mark."""
    false_alarms: Rate
    false_mark_share: float | None
    """Share of the frames with a mark on no polyp."""
    polyps: tuple[PolypScore, ...]
    polyp_sensitivity: float | None
    """Share of the polyps that are marked at least once."""
    mark_after_median_s: float | None
    """Of the polyps that are marked."""
    mark_after_max_s: float | None
    flips_per_1000: float | None
    """How often "any mark" comes or goes."""
    polyp_flips_per_1000: float | None
    """The same of each polyp while it is in view, for 1,000 of its frames."""
    mean_dice: float | None
    """Of all regions, whatever the rule; over the frames with a polyp of which masks are known."""
    polyps_per_identity: float | None
    """Mean over the tracks that touch one; above 1: tracks jump from polyp to polyp."""

    @property
    def missed_share(self) -> float | None:
        """Share of the polyps that are never marked."""
        return None if self.polyp_sensitivity is None else 1 - self.polyp_sensitivity

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {**asdict(self), "missed_share": self.missed_share}


def score(frames: Sequence[FrameRecord], rule_s: float) -> VideoScore:
    """Measure a video under the rule of so many seconds."""
    with_polyp = [bool(frame.marked(rule_s)) for frame in frames if frame.truth]
    without = [not frame.marks(rule_s) for frame in frames if not frame.truth]
    names = sorted(frozenset().union(*(frame.truth for frame in frames)))
    polyps = tuple(_polyp_score(name, frames, rule_s) for name in names)
    found = [one.mark_after_s for one in polyps if one.mark_after_s is not None]
    dices = [frame.dice for frame in frames if frame.dice is not None]
    return VideoScore(
        rule_s=rule_s,
        frames=len(frames),
        frame_sensitivity=_mean(with_polyp),
        frame_specificity=_mean(without),
        false_alarms=false_alarm_rate(frames, rule_s),
        false_mark_share=false_mark_share(frames, rule_s),
        polyps=polyps,
        polyp_sensitivity=_mean(one.mark_after_s is not None for one in polyps),
        mark_after_median_s=median(found) if found else None,
        mark_after_max_s=max(found, default=None),
        flips_per_1000=_flips(frames, rule_s),
        polyp_flips_per_1000=_polyp_flips(names, frames, rule_s),
        mean_dice=_mean(dices),
        polyps_per_identity=_polyps_per_identity(frames),
    )


def _polyp_score(name: str, frames: Sequence[FrameRecord], rule_s: float) -> PolypScore:
    visible = [frame for frame in frames if name in frame.truth]
    first_s = visible[0].time_s
    marked = [frame for frame in visible if name in frame.marked(rule_s)]
    on_it = [(frame, region) for frame in visible for region in frame.regions if name in region.hits]
    return PolypScore(
        polyp=name,
        first_visible_s=first_s,
        visible_frames=len(visible),
        region_after_s=on_it[0][0].time_s - first_s if on_it else None,
        mark_after_s=marked[0].time_s - first_s if marked else None,
        persistence=len(marked) / len(visible),
        identities=len({region.track_id for _, region in on_it} - {None}),
    )


def _flips(frames: Sequence[FrameRecord], rule_s: float) -> float | None:
    if not frames:
        return None
    flips = sum(bool(one.marks(rule_s)) != bool(other.marks(rule_s)) for one, other in pairwise(frames))
    return 1000 * flips / len(frames)


def _polyp_flips(names: Sequence[str], frames: Sequence[FrameRecord], rule_s: float) -> float | None:
    count = sum(len(frame.truth) for frame in frames)
    if not count:
        return None
    flips = sum(
        (name in one.marked(rule_s)) != (name in other.marked(rule_s))
        for one, other in pairwise(frames)
        for name in names
        if name in one.truth & other.truth
    )
    return 1000 * flips / count


def _polyps_per_identity(frames: Sequence[FrameRecord]) -> float | None:
    met: dict[int, set[str]] = {}
    for frame in frames:
        for region in frame.regions:
            if region.track_id is not None and region.hits:
                met.setdefault(region.track_id, set()).update(region.hits)
    return _mean(len(polyps) for polyps in met.values())


def _mean(values: Iterable[float]) -> float | None:
    known = list(values)
    return fmean(known) if known else None
