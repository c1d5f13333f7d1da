"""Which fault a loss belongs to, how soon it was noticed, and how soon the video was back."""

from datetime import UTC, datetime, timedelta

import pytest

from scr_live.events import Event, EventKind
from scr_live.faults.schedule import EngineFault, SourceFault
from scr_live.faults.source import Injection
from scr_live.soak.recoveries import Losses, recoveries

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def heard(*events):
    losses = Losses(NOON)
    for kind, at_s in events:
        losses(Event(kind, NOON + timedelta(seconds=at_s), None))
    return losses.spans


def test_losses_are_remembered_as_spans():
    spans = heard(
        (EventKind.SIGNAL_LOST, 10.0),
        (EventKind.AI_FAILED, 11.0),
        (EventKind.SIGNAL_BACK, 12.5),
        (EventKind.SIGNAL_LOST, 20.0),
    )
    assert spans == [(10.0, 12.5), (20.0, None)]


def test_a_return_without_a_loss_is_none():
    assert heard((EventKind.SIGNAL_BACK, 1.0)) == []


@pytest.mark.parametrize(
    ("fault", "span", "noticed_s", "recovered_s"),
    [
        (Injection(SourceFault.DISCONNECT, 10.0, 3.0), (10.1, 13.5), 0.1, 0.5),
        (Injection(SourceFault.STALL, 10.0, 3.0), (10.9, 13.2), 0.9, 0.2),
        (Injection(SourceFault.HANG, 10.0, 0.0), (10.9, 11.4), 0.9, 0.5),
        (Injection(SourceFault.SIZE, 10.0, 3.0), (10.0, 10.2), 0.0, 0.0),
        (Injection(SourceFault.SIZE, 10.0, 3.0), (13.05, 13.25), 0.05, 0.2),
        (Injection(SourceFault.STALL, 10.0, 3.0), (10.9, None), 0.9, None),
    ],
)
def test_a_loss_is_measured_from_its_fault(fault, span, noticed_s, recovered_s):
    (found,) = recoveries([span], [fault])
    assert found.kind is fault.kind
    assert found.noticed_s == pytest.approx(noticed_s)
    assert found.recovered_s == (None if recovered_s is None else pytest.approx(recovered_s))


def test_the_latest_silent_fault_before_it_is_to_blame():
    faults = [
        Injection(SourceFault.STALL, 1.0, 2.0),
        Injection(SourceFault.DISCONNECT, 10.0, 2.0),
        Injection(SourceFault.BLACK, 10.5, 2.0),
        Injection(EngineFault.HANG, 10.6, 2.0),
        Injection(SourceFault.STALL, 11.0, 2.0),
    ]
    (found,) = recoveries([(10.8, 13.0)], faults)
    assert found.kind is SourceFault.DISCONNECT


def test_a_fault_that_strikes_before_it_is_back_counts_too():
    faults = [Injection(SourceFault.DISCONNECT, 10.0, 2.0), Injection(SourceFault.HANG, 12.5, 0.0)]
    (found,) = recoveries([(10.1, 14.0)], faults)
    assert found.kind is SourceFault.DISCONNECT
    assert found.recovered_s == pytest.approx(1.5)


@pytest.mark.parametrize("lost_s", [5.0, 99.0])
def test_a_loss_without_a_fault_has_no_cause(lost_s):
    (found,) = recoveries([(lost_s, None)], [Injection(SourceFault.STALL, 10.0, 2.0)])
    assert found.as_dict() == {
        "cause": None,
        "lost_at_s": lost_s,
        "back_at_s": None,
        "noticed_s": None,
        "recovered_s": None,
    }
