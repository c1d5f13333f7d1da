"""Which stretch of the video each file of a recording holds."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Final, TypeAlias

Begun: TypeAlias = tuple[Path, float, str]
"""A file, where in the video it begins, and why: all three as events tell them."""

_NUMBER: Final = re.compile(r"-\d{4,5}$")
"""What `targets.Names` gives the further files of a recording."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one file holds of the video."""

    path: Path
    first_s: float
    """What stands at its time 0."""
    last_s: float = inf

    def holds(self, first_s: float, last_s: float) -> bool:
        """Whether anything of first_s..last_s is in it."""
        return last_s >= self.first_s and first_s < self.last_s


def stretches(begun: Iterable[Begun], ended: Mapping[Path, float] | None = None) -> list[Stretch]:
    """By their beginning, each until a further file of the same recording begins: two may run at once.

    begun: in the order in which they were told. What is rescued of a file is told late. ended: where the last
    picture is of those that have ended, as events tell it: the video may go on without a recording.
    """
    ended = ended or {}
    ends: dict[str, float] = {}
    found = []
    ordered = sorted(begun, key=lambda one: one[1])
    for path, first_s, cause in reversed(ordered):  # the later told first, where two begin at once
        plain = _NUMBER.sub("", path.stem)
        last_s = min(ends.get(plain, inf), ends.get(path.stem, inf))
        found.append(Stretch(path, first_s, ended.get(path, inf) if last_s == inf else last_s))
        if cause != "start":
            ends[plain] = first_s
    return found[::-1]
