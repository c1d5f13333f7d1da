"""What a soak found: what was injected, what was lost, what grew, and whether that is within the limits."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from scr_live.faults.source import Injection
from scr_live.machine import machine_facts
from scr_live.pipeline.stats import RunStats
from scr_live.soak.checks import JUDGED_FROM_S, Check, checks
from scr_live.soak.config import SoakConfig
from scr_live.soak.outages import Outage
from scr_live.soak.recoveries import Recovery
from scr_live.soak.samples import COLUMNS, Sample
from scr_live.soak.slopes import Slope, slope

WARM_UP_SHARE = 0.2
"""Of the samples: caches fill, libraries start their threads."""


@dataclass(frozen=True, slots=True)
class Report:
    """All that a soak leaves."""

    config: SoakConfig
    stats: RunStats
    events: Mapping[str, int]
    """How often each kind of event was told."""
    cut_short: bool
    """It was ended before its time."""
    failure: str
    """What ended the run, or one of its outputs, with an error; empty: nothing."""
    injected: Sequence[Injection]
    """Into the source and into the engine, by time."""
    recoveries: Sequence[Recovery]
    samples: Sequence[Sample]
    out_of_order: int
    readable: int | None
    """Pictures in the files of the recording; None: nothing was recorded."""
    outages: Sequence[Outage] = ()
    """Of the model."""
    unreadable: Sequence[str] = ()
    """Files of the recording that cannot be read, with the reason."""

    @property
    def warm(self) -> Sequence[Sample]:
        """The samples after the warm-up."""
        return self.samples[int(WARM_UP_SHARE * len(self.samples)) :]

    @property
    def is_long(self) -> bool:
        """Whether it went on long enough after the warm-up to judge growth."""
        return bool(self.warm) and self.warm[-1].at_s - self.warm[0].at_s >= JUDGED_FROM_S

    @property
    def not_composed(self) -> int:
        """Frames, with a signal or without, that were captured and never became a picture."""
        return self.stats.captured + self.stats.placeholders - self.stats.composed

    @property
    def memory(self) -> Slope | None:
        """Growth of this process in MB an hour."""
        used = [(one.at_s, one.usage.memory_mb) for one in self.warm if one.usage is not None]
        return slope([at for at, _ in used], [mb for _, mb in used])

    @property
    def delay(self) -> Slope | None:
        """Growth of the median video delay in ms an hour."""
        seen = [(one.at_s, one.seen.delay.p50) for one in self.warm if one.seen.delay.count]
        return slope([at for at, _ in seen], [ms for _, ms in seen])

    @property
    def kinds(self) -> dict[str, int]:
        """How often each fault was injected, by source and engine."""
        names = (
            f"{type(one.kind).__name__.removesuffix('Fault').lower()} {one.kind}" for one in self.injected
        )
        return dict(sorted(Counter(names).items()))

    @property
    def checks(self) -> list[Check]:
        """Each limit, and whether it was kept."""
        return checks(self)

    @property
    def passed(self) -> bool:
        """Whether all limits were kept."""
        return all(check.passed for check in self.checks)

    def as_dict(self) -> dict[str, object]:
        """Return what `--report` writes."""
        return {
            "soak": _told(self.config, cut_short=self.cut_short, failure=self.failure),
            "passed": self.passed,
            "checks": [check.as_dict() for check in self.checks],
            "injected": _injected(self),
            "lost": {
                "captured": self.stats.captured,
                "placeholders": self.stats.placeholders,
                "composed": self.stats.composed,
                "not_composed": self.not_composed,
                "out_of_order": self.out_of_order,
                "dropped": self.stats.dropped,
                "recorded": self.stats.recorded,
                "readable": self.readable,
                "unreadable": list(self.unreadable),
            },
            "recoveries": _recovered(self.recoveries),
            "outages": _answered(self.outages),
            "growth": {
                "memory_mb": None if self.memory is None else self.memory.as_dict(),
                "delay_ms": None if self.delay is None else self.delay.as_dict(),
                "threads": _range(one.usage.threads for one in self.warm if one.usage),
                "files": _range(one.usage.files for one in self.warm if one.usage),
                "children": _range(one.usage.children for one in self.warm if one.usage),
                "children_mb": _range(one.usage.children_mb for one in self.warm if one.usage),
            },
            "events": dict(self.events),
            "stats": self.stats.as_dict(),
            "samples": {"columns": COLUMNS, "rows": [one.as_row() for one in self.samples]},
            "machine": machine_facts(),
        }


def _told(config: SoakConfig, *, cut_short: bool, failure: str) -> dict[str, object]:
    return {
        "minutes": config.minutes,
        "seed": config.seed,
        "fault_every_s": config.fault_every_s,
        "size": f"{config.width}x{config.height}",
        "fps": config.fps,
        "engine": config.engine,
        "cut_short": cut_short,
        "failure": failure,
    }


def _injected(report: Report) -> dict[str, object]:
    injected = report.injected
    columns = ("kind", "at_s", "duration_s", "frames")
    rows = [[str(one.kind), round(one.at_s, 2), round(one.duration_s, 2), one.frames] for one in injected]
    return {"count": len(injected), "kinds": report.kinds, "columns": columns, "rows": rows}


def _recovered(recoveries: Sequence[Recovery]) -> dict[str, object]:
    noticed = [one.noticed_s for one in recoveries if one.noticed_s is not None]
    recovered = [one.recovered_s for one in recoveries if one.recovered_s is not None]
    return {
        "losses": len(recoveries),
        "back": sum(one.back_at_s is not None for one in recoveries),
        "noticed_s": _range(noticed),
        "recovered_s": _range(recovered),
        "each": [one.as_dict() for one in recoveries],
    }


def _answered(outages: Sequence[Outage]) -> dict[str, object]:
    back = [one for one in outages if one.back_at_s is not None]
    return {
        "failures": len(outages),
        "back": len(back),
        "overdue_s": _range(one.overdue_s for one in back),
        "each": [one.as_dict() for one in outages],
    }


def _range(values: Iterable[float]) -> dict[str, float] | None:
    known = list(values)
    if not known:
        return None
    return {"min": round(min(known), 3), "median": round(median(known), 3), "max": round(max(known), 3)}
