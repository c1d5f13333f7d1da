"""Where each millisecond of a core goes: processor time by what it was spent on, adding up to all of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from scr_live.bench.threads import HELPER, OBSERVER, OPENING, Usage
from scr_live.pipeline.live import RECORDER
from scr_live.pipeline.stats import RunStats
from scr_live.pipeline.timing import Latency

_INFER_PARTS: Final = ("prepare", "engine", "follow", "contours")
_REST: Final = "rest of the model's thread"
_ROWS: Final = {
    "decode": "capture",
    "field and resize": "prepare",
    "engine": "engine",
    "following": "follow",
    "contours": "contours",
    "compose and draw": "compose",
    "margins, encode, write": RECORDER,
}
"""What it is called, and the stage that counts it."""
_OWNERS: Final = (
    ("av:", "capture"),  # as FFmpeg calls the threads of a decoder; those of an encoder inherit their name
    ("capture", "capture"),
    (OPENING, "engine"),
    ("infer" + HELPER, "engine"),
    ("engine", "engine"),
    ("compose", "compose"),
    (RECORDER, RECORDER),
)
"""How the names of threads begin, and the stage that their time goes to."""


@dataclass(frozen=True, slots=True)
class Share:
    """One row of the table."""

    name: str
    wall: Latency | None
    """Of single frames; None: it is no stage."""
    cpu_s: float | None
    """In all; None: the system does not tell."""
    frames: int
    wall_s: float
    """Of the whole run."""

    @property
    def ms_a_frame(self) -> float | None:
        """Milliseconds of a core for each composed picture."""
        return None if self.cpu_s is None or not self.frames else 1000 * self.cpu_s / self.frames

    @property
    def of_a_core(self) -> float | None:
        """How much of one core it kept busy over the whole run."""
        return None if self.cpu_s is None or self.wall_s <= 0 else self.cpu_s / self.wall_s

    def as_dict(self) -> dict[str, object]:
        """Return it for a JSON file."""
        return {
            "name": self.name,
            "wall_ms": None if self.wall is None else self.wall.as_dict(),
            "cpu_s": None if self.cpu_s is None else round(self.cpu_s, 4),
            "cpu_ms_a_frame": None if self.ms_a_frame is None else round(self.ms_a_frame, 4),
            "of_a_core": None if self.of_a_core is None else round(self.of_a_core, 4),
        }


def shares_of(stats: RunStats, usage: Usage | None, *, wall_s: float) -> tuple[Share, ...]:
    """Attribute all of it: stages, their helpers, what is left. The rows add up to the total of `usage`."""

    def share(name: str, cpu_s: float | None) -> Share:
        stage = _ROWS.get(name)
        return Share(name, stats.stages.get(stage) if stage else None, cpu_s, stats.composed, wall_s)

    if usage is None:
        return tuple(share(name, None) for name in _ROWS)
    found = _by_stage(usage, {part: stats.stage_cpu_s.get(part, 0.0) for part in _INFER_PARTS})
    rows = [share(name, found.pop(stage, 0.0)) for name, stage in _ROWS.items()]
    rows += [share(name, cpu_s) for name, cpu_s in found.items()]
    told_s = sum(row.cpu_s or 0.0 for row in rows)
    return (*rows, share("ended unseen", usage.total_s - told_s))


def _by_stage(usage: Usage, parts_s: Mapping[str, float]) -> dict[str, float]:
    """Processor seconds by stage, and by the names of what is none. parts_s: of the model's thread."""
    found = {"engine": usage.children_s, _REST: 0.0, "other threads": 0.0, "this measurement": 0.0}
    for name, cpu_s in usage.by_name.items():
        if name == "infer":  # its parts count themselves, and what is left is checks and waking up
            found[_REST] += max(0.0, cpu_s - sum(parts_s.values()))
            continue
        owner = next((stage for start, stage in _OWNERS if name.startswith(start)), "other threads")
        owner = "this measurement" if name == OBSERVER else owner
        found[owner] = found.get(owner, 0.0) + cpu_s
    for part, cpu_s in parts_s.items():
        found[part] = found.get(part, 0.0) + cpu_s
    return found
