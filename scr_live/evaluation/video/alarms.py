"""False alarms: how many, how often, and for what share of the time."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, lgamma, log
from typing import Final

from scr_live.evaluation.video.records import FrameRecord, length_s

DEFINITION: Final = (
    "A false alarm is one track that is announced and touches no polyp in any of its frames; without tracks, "
    "a run of marked frames, gaps of up to 0.5 s bridged, of which no mark touches a polyp. Hassan et al. "
    "(2020) likewise count one for each activation that is no polyp, however many frames it lasts; "
    "Holzwanger et al. (2021) show how much the count depends on the least time that a mark has to last, "
    "so it is told for several. Rates have exact Poisson intervals of 95 %."
)
GAP_S: Final = 0.5

_TAIL: Final = 0.025
_EPSILON: Final = 1e-9  # times are sums of floats
_HALVINGS: Final = 80


@dataclass(frozen=True, slots=True)
class Rate:
    """So many a minute."""

    count: int
    per_minute: float
    low: float
    high: float


def false_alarms(frames: Sequence[FrameRecord], rule_s: float) -> int:
    """How many false alarms a rule of so many seconds lets through; see DEFINITION."""
    if any(region.track_id is None for frame in frames for region in frame.regions):
        return _false_runs(frames, rule_s)
    announced = {region.track_id for frame in frames for region in frame.marks(rule_s)}
    true = {region.track_id for frame in frames for region in frame.regions if region.hits}
    return len(announced - true)


def false_alarm_rate(frames: Sequence[FrameRecord], rule_s: float) -> Rate:
    """False alarms a minute of the whole video."""
    return rate(false_alarms(frames, rule_s), length_s(frames) / 60)


def rate(count: int, minutes: float) -> Rate:
    """So many in so many minutes, with the exact interval."""
    if not minutes:
        return Rate(0, 0.0, 0.0, 0.0)
    low, high = poisson_interval(count)
    return Rate(count, count / minutes, low / minutes, high / minutes)


def false_mark_share(frames: Sequence[FrameRecord], rule_s: float) -> float | None:
    """Share of the frames with a mark that touches no polyp; None: there are no frames."""
    if not frames:
        return None
    return sum(any(not mark.hits for mark in frame.marks(rule_s)) for frame in frames) / len(frames)


def poisson_interval(count: int) -> tuple[float, float]:
    """The exact 95 % interval of the mean of which `count` was seen (Garwood 1936)."""
    most = count + 10 * (count + 1) ** 0.5 + 10
    low = 0.0 if count == 0 else _where_falls_to(1 - _TAIL, count - 1, most)
    return low, _where_falls_to(_TAIL, count, most)


def _where_falls_to(level: float, count: int, most: float) -> float:
    """The mean at which at most `count` are seen with the probability `level`: it falls as the mean grows."""
    least = 0.0
    for _ in range(_HALVINGS):
        middle = (least + most) / 2
        if _at_most(count, middle) > level:
            least = middle
        else:
            most = middle
    return (least + most) / 2


def _at_most(count: int, mean: float) -> float:
    if mean <= 0:
        return 1.0
    return sum(exp(k * log(mean) - mean - lgamma(k + 1)) for k in range(count + 1))


def _false_runs(frames: Sequence[FrameRecord], rule_s: float) -> int:
    marked = [frame for frame in frames if frame.marks(rule_s)]
    runs: list[list[FrameRecord]] = []
    for frame in marked:
        if runs and frame.time_s - runs[-1][-1].time_s <= GAP_S + _EPSILON:
            runs[-1].append(frame)
        else:
            runs.append([frame])
    return sum(not any(frame.marked(rule_s) for frame in run) for run in runs)
