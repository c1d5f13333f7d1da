"""How quickly a loss of the source was noticed, and how quickly the video was back after it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from scr_live.events import Event, EventKind
from scr_live.faults.schedule import SourceFault
from scr_live.faults.source import Injection

SILENT: Final = (
    SourceFault.STALL,
    SourceFault.HANG,
    SourceFault.DISCONNECT,
    SourceFault.BURST,
    SourceFault.SIZE,
)
"""Faults in which nothing comes, or that need a new opening."""

_NOTICED_WITHIN_S = 5.0  # a loss that comes later has another cause


@dataclass(slots=True)
class Losses:
    """A listener of a journal that remembers when the signal was lost and when it was back."""

    began_at: datetime
    spans: list[tuple[float, float | None]] = field(default_factory=list)
    """In seconds since the beginning; None: it is not back yet."""

    def __call__(self, event: Event) -> None:
        """Take note of it."""
        at_s = (event.at - self.began_at).total_seconds()
        if event.kind is EventKind.SIGNAL_LOST:
            self.spans.append((at_s, None))
        elif event.kind is EventKind.SIGNAL_BACK and self.spans:
            self.spans[-1] = (self.spans[-1][0], at_s)


@dataclass(frozen=True, slots=True)
class Recovery:
    """One loss with the fault that made it."""

    kind: SourceFault | None
    """None: no fault is to blame."""
    lost_at_s: float
    back_at_s: float | None
    noticed_s: float | None
    """From the beginning of the fault."""
    recovered_s: float | None
    """From the end of the last fault in it: the source was there again."""

    def as_dict(self) -> dict[str, object]:
        """Return what stands in the report."""
        return {
            "cause": None if self.kind is None else str(self.kind),
            "lost_at_s": round(self.lost_at_s, 2),
            "back_at_s": None if self.back_at_s is None else round(self.back_at_s, 2),
            "noticed_s": None if self.noticed_s is None else round(self.noticed_s, 3),
            "recovered_s": None if self.recovered_s is None else round(self.recovered_s, 3),
        }


def recoveries(spans: Sequence[tuple[float, float | None]], injected: Sequence[Injection]) -> list[Recovery]:
    """Pair each loss with the latest silent fault that began before it."""
    # By its kind's own type, too: an engine that hangs has the same word for it.
    silent = [fault for fault in injected if isinstance(fault.kind, SourceFault) and fault.kind in SILENT]
    return [_recovery(lost_s, back_s, silent) for lost_s, back_s in spans]


def _recovery(lost_s: float, back_s: float | None, silent: Sequence[Injection]) -> Recovery:
    before = [one for one in silent if one.at_s <= lost_s < one.at_s + one.duration_s + _NOTICED_WITHIN_S]
    if not before:
        return Recovery(None, lost_s, back_s, noticed_s=None, recovered_s=None)
    fault = before[-1]
    end_s = fault.at_s + fault.duration_s
    # Others may strike before it is back: a source that is opened anew may hang at once.
    later = [one for one in silent if fault.at_s < one.at_s < (math.inf if back_s is None else back_s)]
    # The size changes at both ends of its fault, and is noticed at once at each.
    began_s = end_s if fault.kind is SourceFault.SIZE and lost_s >= end_s else fault.at_s
    # A fault that ended before its loss was noticed leaves nothing to wait for but the noticing.
    there_again_s = max(lost_s, end_s, *(one.at_s + one.duration_s for one in later))
    return Recovery(
        SourceFault(fault.kind),
        lost_s,
        back_s,
        noticed_s=lost_s - began_s,
        recovered_s=None if back_s is None else max(0.0, back_s - there_again_s),
    )
