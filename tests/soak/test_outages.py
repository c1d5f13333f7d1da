"""How long the model was away after a failure, less what the fault, the signal and the back-off explain."""

from datetime import UTC, datetime, timedelta

import pytest

from scr_live.events import Event, EventKind
from scr_live.faults.schedule import EngineFault, SourceFault
from scr_live.faults.source import Injection
from scr_live.soak.outages import Failures, outages

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
FAULT = Injection(EngineFault.RAISE, 9.9, 2.1)


def test_failures_in_a_row_are_one():
    failures = Failures(NOON)
    for kind, at_s in (
        (EventKind.AI_BACK, 1.0),
        (EventKind.AI_FAILED, 10.0),
        (EventKind.SIGNAL_LOST, 10.1),
        (EventKind.AI_FAILED, 10.5),
        (EventKind.AI_BACK, 12.5),
        (EventKind.AI_FAILED, 20.0),
    ):
        failures(Event(kind, NOON + timedelta(seconds=at_s), None))
    assert failures.spans == [(10.0, 12.5), (20.0, None)]


@pytest.mark.parametrize(
    ("span", "losses", "could_at_s", "overdue_s"),
    [
        ((10.0, 13.0), [], 12.0, 0.0),  # within the wait that was going on
        ((10.0, 17.0), [], 12.0, 2.8),
        ((10.0, None), [], 12.0, 25.8),  # 40 is the end
        ((10.0, 30.0), [(11.0, 28.0)], 28.0, 0.0),
        ((10.0, None), [(11.0, None)], 40.0, 0.0),
        ((10.0, 11.0), [], 11.0, 0.0),  # back before its fault was over
        ((20.0, 25.0), [], 20.0, 4.8),  # no fault is to blame
        ((5.0, 6.0), [], 5.0, 0.8),  # one that comes later is not
    ],
)
def test_an_answer_is_due_after_fault_loss_and_wait(span, losses, could_at_s, overdue_s):
    silent = Injection(SourceFault.HANG, 9.9, 20.0)  # of the source: it has the same word
    (found,) = outages([span], [FAULT, silent], losses, ended_at_s=40.0)
    assert (found.failed_at_s, found.back_at_s) == span
    assert found.could_at_s == pytest.approx(could_at_s)
    assert found.overdue_s == pytest.approx(overdue_s)


def test_the_back_off_has_a_longest_wait():
    (found,) = outages([(0.0, 140.0)], [Injection(EngineFault.EXIT, 0.0, 100.0)], [], ended_at_s=140.0)
    assert found.overdue_s == pytest.approx(10.0)
