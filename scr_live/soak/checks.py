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
NOTICED_S: Final = 1.0
"""From the beginning of a fault to the event that says so."""
PAUSE_S: Final = 1.25
"""A loss is noticed after a second at most; then pictures come that say so."""
RECOVERED_S: Final = 2.0
AI_OPENED_S: Final = 5.0
"""After the fault and the back-off: a process is started, a model is loaded, a frame is answered."""
AI_LAST_S: Final = 60.0
"""The end of a soak, in which the model must have answered."""
MORE_ALLOWED: Final = 2
"""Threads, files: the difference that a fault which is going on makes."""


@dataclass(frozen=True, slots=True)
class Check:
    """One limit, what was found, and whether it was kept."""

    name: str
    limit: str
    found: str
    passed: bool
    """Whether it was kept, or may have been."""
    is_sure: bool = True
    """False: it was not broken for certain, and not kept for certain either."""

    @property
    def verdict(self) -> str:
        """In a word or two."""
        if not self.passed:
            return "broken"
        return "kept" if self.is_sure else "not settled"

    def as_dict(self) -> dict[str, object]:
        """Return what stands in the report."""
        told = {"name": self.name, "limit": self.limit, "found": self.found}
        return {**told, "passed": self.passed, "verdict": self.verdict}


def checks(report: "Report") -> list[Check]:
    """Hold a report to every limit that it has figures for."""
    return [
        Check("errors of the run", "none", report.failure or "none", not report.failure),
        *_video(report),
        *_signal(report),
        *_model(report),
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
    noticed_s = max((one.noticed_s for one in losses if one.noticed_s is not None), default=0.0)
    strange = [f"at {one.lost_at_s:.1f} s" for one in losses if one.kind is None]
    back = f"{len(losses) - len(away)} of {len(losses)}"
    return [
        Check("losses of the signal without a fault", "none", ", ".join(strange) or "none", not strange),
        Check("longest until noticed", f"{NOTICED_S:g} s", f"{noticed_s:.2f} s", noticed_s <= NOTICED_S),
        Check("losses of the signal that ended", "all", back, not away),
        Check("longest return", f"{RECOVERED_S:g} s", f"{longest_s:.2f} s", longest_s <= RECOVERED_S),
    ]


def _model(report: "Report") -> list[Check]:
    """Every failure is answered after, but for one whose time is not up when the soak ends."""
    return [*_answers(report), *_last_answers(report)]


def _answers(report: "Report") -> list[Check]:
    outages = report.outages
    if not outages:
        return []
    gone = [one for one in outages if one.back_at_s is None and one.overdue_s > AI_OPENED_S]
    longest_s = max((one.overdue_s for one in outages if one.back_at_s is not None), default=0.0)
    back = f"{len(outages) - len(gone)} of {len(outages)}"
    return [
        Check("failures of the model that ended", "all", back, not gone),
        Check(
            "longest return of the model, less its back-off",
            f"{AI_OPENED_S:g} s",
            f"{longest_s:.2f} s",
            longest_s <= AI_OPENED_S,
        ),
    ]


def _last_answers(report: "Report") -> list[Check]:
    if not report.samples:
        return []
    last = report.samples[-1]
    before = [one for one in report.samples if one.at_s <= last.at_s - AI_LAST_S]
    captured, inferred = last.captured, last.inferred
    if before:
        captured, inferred = captured - before[-1].captured, inferred - before[-1].inferred
    told = f"{inferred} of {captured}"
    return [Check("frames inferred in the last minute", "some", told, inferred > 0 or captured == 0)]


def _memory_limit_mb(report: "Report") -> float:
    used = [one.usage.memory_mb for one in report.warm if one.usage is not None]
    return MEMORY_SHARE_PER_H * median(used) if used else 0.0


def _growth(report: "Report", name: str, *, unit: str, found: Slope | None, limit: float) -> list[Check]:
    """Growth fails if all of its 95 % interval is above the limit, and is kept if all of it is below."""
    if found is None or not report.is_long:
        return []
    interval = f"95 %: {found.low_per_h:+.2f} to {found.high_per_h:+.2f}"
    told = f"{found.per_h:+.2f} {unit} an hour ({interval})"
    return [
        Check(
            f"growth of {name}",
            f"not for certain above {limit:.1f} {unit} an hour",
            told,
            found.low_per_h <= limit,
            is_sure=found.low_per_h > limit or found.high_per_h <= limit,
        )
    ]


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
    whole = report.readable == report.stats.recorded
    damaged = "; ".join(report.unreadable)
    return [
        Check("recorded files that cannot be read", "none", damaged or "none", not damaged),
        Check("recorded pictures that are in the files", "all", told, whole),
    ]
