"""From a scenario and the number of a frame to where the scope is and under what it sees."""

from bisect import bisect_right
from dataclasses import dataclass, replace
from math import ceil, cos, sin

import numpy as np

from scr_live.phantom import lens
from scr_live.phantom.flight import LAP_S, Flight, Pose
from scr_live.phantom.growths import Growth
from scr_live.phantom.options import PhantomOptions
from scr_live.phantom.scenarios import SCENARIOS, USUAL, Conditions, Course, Scenario, value_at

EXPOSURE_S = 1 / 250
"""For so long a turn of the scope smears the picture."""
STOPS_WITHOUT_POLYPS = 16
THRESHOLD_S = 0.6
"""How long the scope takes through the anus."""
SHORTEST_SHARE = 4
"""Outside the body at most this part of a short video at either end."""


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One frame as it is to be taken."""

    time_s: float
    """Of the frame that is shown: earlier than the frame's own while the picture stands still."""
    index: int
    pose: Pose
    conditions: Conditions
    growth: Growth | None
    """The polyp of this stop."""
    is_cut: bool


def direct(flight: Flight, options: PhantomOptions, index: int) -> Shot:
    """Say how a frame is taken; without a scenario: from where the flight is, under nothing special."""
    if options.scenario is None:
        time_s = index / options.fps
        return Shot(time_s, index, flight.pose(time_s), USUAL, None, is_cut=False)
    scenario = SCENARIOS[options.scenario]
    if scenario.outside_s:
        return _enter_and_leave(flight, scenario, options, index)
    return _Tour(flight, scenario, options.fps).shot(index)


@dataclass(frozen=True, slots=True)
class _Stop:
    """Where the flight rests: its time on the lap, and the polyp."""

    flight_s: float
    growth: Growth | None


@dataclass(frozen=True, slots=True)
class _Moment:
    """Where a time of the video lies: at a stop (`second` counts there) or, with None, between two."""

    flight_s: float
    stop: int
    second: float | None


class _Tour:
    """A flight that stops."""

    def __init__(self, flight: Flight, scenario: Scenario, fps: float) -> None:
        self._flight, self._scenario, self._fps = flight, scenario, fps
        self._stops = stops_of(flight, scenario)

    def shot(self, index: int) -> Shot:
        shown = self._shown(index)
        time_s = shown / self._fps
        moment = self._moment(time_s)
        is_cut = index > 0 and self._hop(moment) != self._hop(self._moment((shown - 1) / self._fps))
        if moment.second is None:
            pose = self._flight.pose_at(self._flight.depth_at(moment.flight_s), hand_s=time_s)
            return Shot(time_s, shown, pose, USUAL, None, is_cut and shown == index)
        conditions = _smeared(self._scenario, moment.second)
        place = self._place(moment)
        z = self._flight.depth_at(place.flight_s) + conditions.ahead
        pose = _moved(self._flight.pose_at(z, hand_s=time_s), conditions, place.growth)
        return Shot(time_s, shown, pose, conditions, place.growth, is_cut and shown == index)

    def _moment(self, time_s: float) -> _Moment:
        hold = self._scenario.stop_s
        lap, within = divmod(time_s, LAP_S + hold * len(self._stops))
        arrivals = [stop.flight_s + number * hold for number, stop in enumerate(self._stops)]
        stop = bisect_right(arrivals, within) - 1
        if stop >= 0 and within < arrivals[stop] + hold:
            return _Moment(lap * LAP_S + self._stops[stop].flight_s, stop, within - arrivals[stop])
        return _Moment(lap * LAP_S + within - (stop + 1) * hold, stop, None)

    def _shown(self, index: int) -> int:
        """Number of the frame whose picture stands."""
        second = self._moment(index / self._fps).second
        if second is None:
            return index
        for first, last in self._scenario.freezes:
            if first <= second < last:
                return max(0, ceil(index - (second - first) * self._fps - 1e-6))
        return index

    def _hop(self, moment: _Moment) -> float:
        return 0.0 if moment.second is None else self._scenario.hop(moment.second)

    def _place(self, moment: _Moment) -> _Stop:
        """The stop that is seen, or a place half-way between two."""
        whole, part = divmod(self._hop(moment), 1)
        here, following = (self._stops[(moment.stop + int(whole) + n) % len(self._stops)] for n in (0, 1))
        if not part:
            return here
        gap = (following.flight_s - here.flight_s) % LAP_S
        return _Stop(here.flight_s + part * gap, None)


def stops_of(flight: Flight, scenario: Scenario) -> list[_Stop]:
    """In the order of the flight; one of a pair of polyps is enough."""
    if not flight.growths:
        gap = LAP_S / STOPS_WITHOUT_POLYPS
        return [_Stop((number + 0.6) * gap, None) for number in range(STOPS_WITHOUT_POLYPS)]
    chosen = flight.growths[::2] if scenario.has_pairs else flight.growths
    stops = [_Stop(flight.time_at(growth.base[2] - scenario.before), growth) for growth in chosen]
    return sorted(stops, key=lambda stop: stop.flight_s)


def _smeared(scenario: Scenario, second: float) -> Conditions:
    """Conditions with what a turn of the scope adds to the smear."""
    now, later = scenario.conditions(second), scenario.conditions(second + EXPOSURE_S)
    return replace(now, smear=now.smear + abs(later.yaw - now.yaw) / lens.HALF_ANGLE)


def _moved(pose: Pose, conditions: Conditions, growth: Growth | None) -> Pose:
    """Shift the tip towards a polyp's wall, and turn it."""
    position = pose.position.copy()
    if growth is not None and conditions.lean:
        out = -growth.axes[2] * [1, 1, 0]
        position += conditions.lean * out / np.linalg.norm(out)
    right, down, forward = pose.axes
    c, s = cos(conditions.yaw), sin(conditions.yaw)
    return Pose(position, np.stack([c * right - s * forward, down, c * forward + s * right]))


def _enter_and_leave(flight: Flight, scenario: Scenario, options: PhantomOptions, index: int) -> Shot:
    """Outside at both ends; the flight begins when the scope enters."""
    time_s, whole = index / options.fps, options.duration_s
    longest = scenario.outside_s if whole is None else min(scenario.outside_s, whole / SHORTEST_SHARE)
    way: Course = ((longest - THRESHOLD_S, 1), (longest, 0))
    near_end = np.inf if whole is None else whole - 1 / options.fps - time_s
    outside = max(value_at(way, time_s), value_at(way, near_end))
    pose = flight.pose_at(flight.depth_at(max(0.0, time_s - longest)), hand_s=time_s)
    return Shot(time_s, index, pose, replace(USUAL, outside=outside), None, is_cut=False)
