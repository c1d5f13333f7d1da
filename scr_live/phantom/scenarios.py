"""What the phantom can be made to do: each scenario is a few values over seconds, and nothing else.

The scope stops before each polyp (without polyps: now and then), the courses of the scenario run, and the
flight goes on.
"""

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from typing import TypeAlias

Course: TypeAlias = tuple[tuple[float, float], ...]
"""(second of the stop, value): eased from one to the next, constant before the first and after the last."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """Under what one frame is taken; the defaults change nothing."""

    ahead: float = 0.0
    """How far the scope is past its stop, in tube radii."""
    lean: float = 0.0
    """How far it is shifted towards the polyp's wall, in tube radii."""
    yaw: float = 0.0
    """How far it is turned to the right, in radians."""
    squeeze: float = 0.0
    """0..1: how far the wall has contracted between scope and polyp."""
    smear: float = 0.0
    """How far the picture moves while it is exposed, in half widths of the field."""
    defocus: float = 0.0
    """Standard deviation of the blur, in half widths of the field."""
    stops: float = 0.0
    """Exposure as a power of two."""
    bubbles: float = 0.0
    """0..1: how many of the bubbles are on the lens."""
    liquid: float = 0.0
    """0..1: how much turbid liquid is on the lens."""
    tool: float = 0.0
    """0..1: how far an instrument is pushed out."""
    outside: float = 0.0
    """0..1: from the colon to the room around the patient."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One test of what happens over time."""

    stop_s: float = 0.0
    """How long the scope stays at each stop."""
    before: float = 1.0
    """How far before a polyp it stops, in tube radii."""
    courses: dict[str, Course] = field(default_factory=dict)
    """Fields of Conditions."""
    hops: tuple[tuple[float, float], ...] = ()
    """(second of the stop, stops ahead): from then on another place is seen; halves lie between two."""
    freezes: tuple[tuple[float, float], ...] = ()
    """(first, last) second of the stop: the picture stands still."""
    outside_s: float = 0.0
    """How long it begins and ends outside the body."""
    is_about_polyps: bool = False
    """Senseless without any."""
    has_pairs: bool = False
    """Beside each polyp grows another one."""

    def conditions(self, second: float) -> Conditions:
        """All values at a second of the stop."""
        return replace(USUAL, **{name: value_at(course, second) for name, course in self.courses.items()})

    def hop(self, second: float) -> float:
        """How many stops ahead the place lies that is seen."""
        place = bisect_right([begin for begin, _ in self.hops], second)
        return self.hops[place - 1][1] if place else 0.0


def value_at(course: Course, second: float) -> float:
    """Ease from key to key."""
    place = bisect_right([key for key, _ in course], second)
    if place in (0, len(course)):
        return course[min(place, len(course) - 1)][1]
    (begin, first), (end, last) = course[place - 1 : place + 1]
    way = (second - begin) / (end - begin)
    return first + (last - first) * way * way * (3 - 2 * way)


USUAL = Conditions()

SCENARIOS: dict[str, Scenario] = {
    "pan": Scenario(
        stop_s=5.0,
        courses={"yaw": ((0.6, 0), (1.1, 1.5), (1.4, 1.5), (2.3, -1.5), (2.7, -1.5), (3.3, 1.5), (4.2, 0))},
        is_about_polyps=True,
    ),
    "occlusion": Scenario(
        stop_s=5.0,
        before=1.35,
        courses={
            "squeeze": ((0.8, 0), (1.3, 1), (2.2, 1), (2.9, 0)),
            "lean": ((0.8, 0), (1.3, 0.2), (2.2, 0.2), (2.9, 0)),
        },
        is_about_polyps=True,
    ),
    "two": Scenario(stop_s=4.0, before=1.1, is_about_polyps=True, has_pairs=True),
    "reentry": Scenario(
        stop_s=6.5, courses={"ahead": ((0.8, 0), (2.3, 1.5), (4.1, 1.5), (5.7, 0))}, is_about_polyps=True
    ),
    "blur": Scenario(
        stop_s=6.0,
        courses={
            "defocus": ((0.8, 0), (1.0, 0.09), (2.1, 0.09), (2.4, 0)),
            "smear": ((3.5, 0), (3.6, 0.5), (4.5, 0.5), (4.6, 0)),
        },
    ),
    "bubbles": Scenario(
        stop_s=8.0,
        courses={
            "bubbles": ((0.5, 0), (1.2, 0.3), (3.0, 0.4), (3.6, 1), (5.2, 1), (6.0, 0.2), (7.4, 0)),
            "liquid": ((3.4, 0), (3.8, 1), (5.2, 1), (5.8, 0)),
        },
    ),
    "cut": Scenario(stop_s=6.0, hops=((1.5, 2.5), (3.0, 1), (4.5, 2))),
    "freeze": Scenario(stop_s=7.0, freezes=((1.0, 2.6), (3.6, 6.4))),
    "bright": Scenario(stop_s=5.0, courses={"stops": ((1.0, 0), (1.2, 7), (3.0, 7), (3.3, 0))}),
    "dark": Scenario(stop_s=5.0, courses={"stops": ((1.0, 0), (1.2, -9), (3.0, -9), (3.3, 0))}),
    "outside": Scenario(outside_s=2.5),
    "tool": Scenario(stop_s=6.0, courses={"tool": ((0.5, 0), (1.8, 1), (4.2, 1), (5.4, 0))}),
}
