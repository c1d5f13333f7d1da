"""Stretches of a procedure: when something was so, in seconds of the stream."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from scr_live.report.told import Told

StateOf: TypeAlias = Callable[[Told], str | None]
"""What is so from an event on; None: no longer."""


@dataclass(frozen=True, slots=True)
class Span:
    """From `first_s` to `last_s` something was so."""

    first_s: float
    last_s: float
    what: str
    """In words; perhaps empty."""
    is_open: bool = False
    """Its end was not told: it went on to the end of the log."""

    @property
    def length_s(self) -> float:
        """How long it was."""
        return self.last_s - self.first_s


def spans(events: Sequence[Told], state_of: StateOf, end_s: float, *, splits: bool = True) -> list[Span]:
    """Stretches in which events said that something is so; the same told again goes on.

    splits: another state begins another stretch; else the first goes on until nothing is so any longer.
    """
    found: list[Span] = []
    begun: Span | None = None
    for told in events:
        state, at_s = state_of(told), min(told.place_s, end_s)
        if begun is not None and (state is None or (splits and state != begun.what)):
            found.append(replace(begun, last_s=max(begun.first_s, at_s), is_open=False))
            begun = None
        if begun is None and state is not None:
            begun = Span(at_s, end_s, state, is_open=True)
    return found if begun is None else [*found, begun]


def covered_s(stretches: Sequence[Span], first_s: float, last_s: float) -> float:
    """How much of first_s..last_s is in any of the stretches; what overlaps counts once."""
    total, reached = 0.0, first_s
    for span in sorted(stretches, key=lambda span: span.first_s):
        begin, end = max(span.first_s, reached), min(span.last_s, last_s)
        if end > begin:
            total += end - begin
            reached = end
    return total
