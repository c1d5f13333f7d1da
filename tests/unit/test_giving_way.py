import os

import pytest

from scr_live.processes import giving_way


class Autogroup:
    """The system's file of that name, which refuses as often as it is told."""

    def __init__(self, *refusals):
        self.refusals = list(refusals)
        self.written = []

    def write_text(self, text, *, encoding):
        assert encoding == "ascii"
        if self.refusals:
            raise self.refusals.pop(0)
        self.written.append(text)


@pytest.fixture
def session(monkeypatch):
    def with_autogroup(*refusals):
        autogroup = Autogroup(*refusals)
        monkeypatch.setattr(giving_way, "_AUTOGROUP", autogroup)
        monkeypatch.setattr(giving_way, "_TRY_EVERY_S", 0.0)
        giving_way._let_session_give_way()
        return autogroup

    return with_autogroup


def test_the_session_gets_the_share_of_the_process(session):
    assert session().written == [str(os.getpriority(os.PRIO_PROCESS, 0))]


def test_where_another_one_was_quicker_it_tries_again(session):
    assert len(session(BlockingIOError(), BlockingIOError()).written) == 1


def test_a_system_that_never_lets_it_is_no_reason_to_wait_for_ever(session):
    autogroup = session(*[BlockingIOError()] * 100)
    assert not autogroup.written
    assert autogroup.refusals


@pytest.mark.parametrize("refusal", [FileNotFoundError(), PermissionError()])
def test_a_system_without_sessions_as_groups_is_none_to_complain_about(session, refusal):
    assert not session(refusal, refusal).written
