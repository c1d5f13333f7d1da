"""The same faults from the same seed, and an agenda that keeps to the clock."""

from itertools import islice, pairwise

import pytest

from scr_live.faults.schedule import Agenda, EngineFault, FaultSchedule, SourceFault

ALL = tuple(SourceFault)


def test_a_seed_gives_the_same_faults_again_and_another_gives_others():
    first = list(islice(FaultSchedule(7, ALL), 40))
    assert first == list(islice(FaultSchedule(7, ALL), 40))
    assert first != list(islice(FaultSchedule(8, ALL), 40))


def test_faults_do_not_overlap_and_last_as_long_as_told():
    schedule = FaultSchedule(3, ALL, mean_interval_s=2.0, shortest_s=0.5, longest_s=1.5, quiet_s=10.0)
    faults = list(islice(schedule, 100))
    assert faults[0].at_s > 10.0
    assert all(before.until_s < after.at_s for before, after in pairwise(faults))
    assert all(0.5 <= fault.duration_s <= 1.5 for fault in faults)
    pauses = [after.at_s - before.until_s for before, after in pairwise(faults)]
    assert 1.2 < sum(pauses) / len(pauses) < 3.0


def test_every_kind_comes_once_a_round():
    faults = list(islice(FaultSchedule(1, ALL), 3 * len(ALL)))
    for start in range(0, len(faults), len(ALL)):
        assert {fault.kind for fault in faults[start : start + len(ALL)]} == set(ALL)


def test_those_of_a_time_are_those_that_begin_in_it():
    schedule = FaultSchedule(5, ALL)
    faults = schedule.until(60.0)
    assert faults == tuple(islice(schedule, len(faults)))
    assert faults[-1].at_s < 60.0 <= list(islice(schedule, len(faults) + 1))[-1].at_s


def test_no_kinds_are_no_faults():
    assert list(FaultSchedule(1, ())) == []
    assert Agenda(FaultSchedule(1, ())).due(99.0) is None


@pytest.mark.parametrize("kinds", [tuple(SourceFault), tuple(EngineFault)])
def test_an_agenda_gives_the_fault_of_the_moment(kinds):
    schedule = FaultSchedule(2, kinds)
    faults = schedule.until(60.0)
    agenda = Agenda(schedule)
    for fault in faults:
        assert agenda.due(fault.at_s - 0.01) is None
        assert agenda.due(fault.at_s) == fault
        assert agenda.due(fault.until_s - 0.001) == fault
        assert agenda.due(fault.until_s) is None


def test_what_passed_unnoticed_does_not_happen():
    schedule = FaultSchedule(2, ALL)
    faults = schedule.until(60.0)
    agenda = Agenda(schedule)
    assert agenda.due(faults[3].at_s) == faults[3]
