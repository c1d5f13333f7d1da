"""The limits of a soak."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

from scr_live.faults.schedule import SourceFault
from scr_live.soak.process import Usage
from scr_live.soak.slopes import FEWEST, Slope

if TYPE_CHECKING:
    from scr_live.soak.report import Report

MEMORY_SHARE_PER_H: Final = 0.05
"""Of the memory after the warm-up."""
DELAY_MS_PER_H: Final = 1.0
LOST_SHARE: Final = 0.001
"""Of the captured frames: those that a loaded machine may drop before they are composed."""
JUDGED_FROM_S: Final = 900.0
"""After the warm-up: a slope over less says nothing of an hour."""
PAUSE_S: Final = 1.25
"""A loss is noticed after a second at most; then pictures come that say so."""
RECOVERED_S: Final = 2.0
MORE_ALLOWED: Final = 2
"""Threads, files: the difference that a fault which is going on makes."""


@dataclass(frozen=True, slots=True)
class Check:
    """One limit, what was found, and whether it was kept."""

    name: str
    limit: str
    found: str
    passed: bool

    def as_dict(self) -> dict[str, object]:
        """Return what stands in the report."""
        return {"name": self.name, "limit": self.limit, "found": self.found, "passed": self.passed}


def checks(report: "Report") -> list[Check]:
    """Hold a report to every limit that it has figures for."""
    return [
        Check("errors of the run", "none", report.failure or "none", not report.failure),
        *_video(report),
        *_signal(report),
        *_growth(report, "memory", unit="MB", found=report.memory, limit=_memory_limit_mb(report)),
        *_growth(report, "median video delay", unit="ms", found=report.delay, limit=DELAY_MS_PER_H),
        *_constant(report, "threads", lambda use: use.threads),
        *_constant(report, "open files", lambda use: use.files),
        *_constant(report, "processes", lambda use: use.children),
        *_recording(report),
    ]


def _video(report: "Report") -> list[Check]:
    captured = report.stats.captured + report.stats.placeholders
    # Of a burst a live run keeps the newest pictures: to compose them all would be to fall behind.
    bursts = sum(one.frames for one in report.injected if one.kind is SourceFault.BURST)
    lost, most = report.not_composed, bursts + int(LOST_SHARE * captured)
    pause_s = max((one.seen.longest_pause_s for one in report.samples), default=0.0)
    return [
        Check("frames not composed", f"at most {most}", f"{lost} of {captured}", lost <= most),
        Check("frames out of order", "none", str(report.out_of_order), report.out_of_order == 0),
        Check("longest pause of the picture", f"{PAUSE_S:g} s", f"{pause_s:.2f} s", pause_s <= PAUSE_S),
    ]


def _signal(report: "Report") -> list[Check]:
    """The last loss may still go on when the soak ends."""
    losses = report.recoveries
    if not losses:
        return []
    away = [one for one in losses[:-1] if one.back_at_s is None]
    longest_s = max((one.recovered_s for one in losses if one.recovered_s is not None), default=0.0)
    back = f"{len(losses) - len(away)} of {len(losses)}"
    return [
        Check("losses of the signal that ended", "all", back, not away),
        Check("longest return", f"{RECOVERED_S:g} s", f"{longest_s:.2f} s", longest_s <= RECOVERED_S),
    ]


def _memory_limit_mb(report: "Report") -> float:
    used = [one.usage.memory_mb for one in report.warm if one.usage is not None]
    return MEMORY_SHARE_PER_H * median(used) if used else 0.0


def _growth(report: "Report", name: str, *, unit: str, found: Slope | None, limit: float) -> list[Check]:
    """Growth fails if all of its 95 % interval is above the limit."""
    if found is None or not report.is_long:
        return []
    told = f"{found.per_h:+.2f} {unit} an hour ({found.low_per_h:+.2f} to {found.high_per_h:+.2f})"
    return [Check(f"growth of {name}", f"{limit:.1f} {unit} an hour", told, found.low_per_h <= limit)]


def _constant(report: "Report", name: str, what: Callable[[Usage], int]) -> list[Check]:
    """By the medians of the first and the last third: a fault that is going on is no growth."""
    counts = [what(one.usage) for one in report.warm if one.usage is not None]
    if len(counts) < FEWEST:
        return []
    first, last = _thirds(counts)
    told = f"{first:g}, later {last:g} (from {min(counts)} to {max(counts)})"
    return [Check(name, f"at most {MORE_ALLOWED} more", told, last - first <= MORE_ALLOWED)]


def _thirds(counts: Sequence[int]) -> tuple[float, float]:
    third = len(counts) // 3
    return median(counts[:third]), median(counts[-third:])


def _recording(report: "Report") -> list[Check]:
    if report.readable is None:
        return []
    told = f"{report.readable} of {report.stats.recorded}"
    return [
        Check(
            "recorded pictures that are in the files", "all", told, report.readable == report.stats.recorded
        )
    ]
