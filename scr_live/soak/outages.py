"""How long the model was away after each failure, and how long it should have been."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from scr_live.events import Event, EventKind
from scr_live.faults.schedule import EngineFault
from scr_live.faults.source import Injection
from scr_live.pipeline.options import PipelineOptions

Span = tuple[float, float | None]
"""From and until, in seconds since the beginning; None: it has not ended."""


@dataclass(slots=True)
class Failures:
    """A listener of a journal that remembers when the model failed and when it answered again."""

    began_at: datetime
    spans: list[Span] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        """Take note of it. Failures in a row are one."""
        at_s = (event.at - self.began_at).total_seconds()
        is_away = bool(self.spans) and self.spans[-1][1] is None
        if event.kind is EventKind.AI_FAILED and not is_away:
            self.spans.append((at_s, None))
        elif event.kind is EventKind.AI_BACK and is_away:
            self.spans[-1] = (self.spans[-1][0], at_s)


@dataclass(frozen=True, slots=True)
class Outage:
    """From a first failure to the next answer."""

    failed_at_s: float
    back_at_s: float | None
    could_at_s: float
    """From when on nothing was in its way: no fault of the engine, and a signal."""
    overdue_s: float
    """How much later than the back-off explains the answer came, or is."""

    def as_dict(self) -> dict[str, object]:
        """Return what stands in the report."""
        return {
            "failed_at_s": round(self.failed_at_s, 2),
            "back_at_s": None if self.back_at_s is None else round(self.back_at_s, 2),
            "could_at_s": round(self.could_at_s, 2),
            "overdue_s": round(self.overdue_s, 3),
        }


def outages(
    failures: Sequence[Span], injected: Sequence[Injection], losses: Sequence[Span], *, ended_at_s: float
) -> list[Outage]:
    """Hold each span of the model against the faults of the engine and the losses of the signal in it."""
    faults = [(one.at_s, one.at_s + one.duration_s) for one in injected if isinstance(one.kind, EngineFault)]
    lost = [(lost_s, ended_at_s if back_s is None else back_s) for lost_s, back_s in losses]
    return [_outage(*span, hindrances=[*faults, *lost], ended_at_s=ended_at_s) for span in failures]


def _outage(
    failed_s: float, back_s: float | None, *, hindrances: Sequence[tuple[float, float]], ended_at_s: float
) -> Outage:
    until_s = ended_at_s if back_s is None else back_s
    ends = [end_s for begin_s, end_s in hindrances if begin_s < until_s and end_s > failed_s]
    could_s = min(max([failed_s, *ends]), until_s)
    usual = PipelineOptions()
    # Waits double: the one that is going on is as long as all before it, and the first, at most.
    wait_s = min(could_s - failed_s + usual.retry_first_s, usual.retry_longest_s)
    return Outage(failed_s, back_s, could_s, overdue_s=max(0.0, until_s - could_s - wait_s))
