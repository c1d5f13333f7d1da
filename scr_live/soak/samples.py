"""How a run stands, every few seconds: what must not grow."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from scr_live.pipeline.stats import Progress
from scr_live.soak.probe import Probe, Seen
from scr_live.soak.process import Usage, usage


@dataclass(frozen=True, slots=True)
class Sample:
    """At one moment."""

    at_s: float
    """Since the beginning."""
    usage: Usage | None
    seen: Seen
    """What came out since the sample before."""
    captured: int
    inferred: int
    composed: int
    recorded: int
    dropped: int
    ai: str

    def as_row(self) -> list[float | int | str | None]:
        """Return what COLUMNS names."""
        use, seen = self.usage, self.seen
        return [
            round(self.at_s, 1),
            *(
                (None,) * 5
                if use is None
                else (
                    round(use.memory_mb, 1),
                    use.threads,
                    use.files,
                    use.children,
                    round(use.children_mb, 1),
                )
            ),
            *((round(seen.delay.p50, 2), round(seen.delay.p99, 2)) if seen.delay.count else (None, None)),
            round(seen.longest_pause_s, 3),
            seen.pictures,
            seen.placeholders,
            *(self.captured, self.inferred, self.composed, self.recorded, self.dropped),
            self.ai,
        ]


COLUMNS = (
    "at_s",
    "memory_mb",
    "threads",
    "files",
    "children",
    "children_mb",
    "delay_p50_ms",
    "delay_p99_ms",
    "longest_pause_s",
    "pictures",
    "placeholders",
    "captured",
    "inferred",
    "composed",
    "recorded",
    "dropped",
    "ai",
)
"""Of Sample.as_row()."""


class Sampler:
    """Takes a sample when one is due; called often, by one thread."""

    def __init__(
        self, probe: Probe, *, every_s: float, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._probe = probe
        self._every_s = every_s
        self._clock = clock
        self._began_at = clock()
        self._due_at = self._began_at + every_s
        self.samples: list[Sample] = []

    def progress(self, now: Progress) -> Sample | None:
        """Take a sample if it is time to."""
        at = self._clock()
        if at < self._due_at:
            return None
        self._due_at = at + self._every_s
        sample = Sample(
            at_s=at - self._began_at,
            usage=usage(),
            seen=self._probe.look(),
            captured=now.captured,
            inferred=now.inferred,
            composed=now.composed,
            recorded=now.recorded,
            dropped=now.dropped,
            ai=str(now.ai),
        )
        self.samples.append(sample)
        return sample
