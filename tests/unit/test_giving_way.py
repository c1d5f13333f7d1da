import os

import pytest

from scr_live.processes import giving_way

RUN = 4711


class Proc:
    """The system's files about sessions, the own of which refuses as often as it is told."""

    def __init__(self, of_run, refusals):
        self.of_run = of_run
        self.refusals = list(refusals)
        self.written = []
        self._process = ""

    def __truediv__(self, name):
        if name != "autogroup":
            self._process = name
        return self

    def read_text(self, *, encoding):
        assert (self._process, encoding) == (str(RUN), "ascii")
        if isinstance(self.of_run, OSError):
            raise self.of_run
        return self.of_run

    def write_text(self, text, *, encoding):
        assert (self._process, encoding) == ("self", "ascii")
        if self.refusals:
            raise self.refusals.pop(0)
        self.written.append(int(text))


@pytest.fixture
def session(monkeypatch):
    def with_autogroup(*refusals, of_run="/autogroup-25 nice 0\n", own=10, leader=None):
        proc = Proc(of_run, refusals)
        monkeypatch.setattr(giving_way, "_PROC", proc)
        monkeypatch.setattr(giving_way, "_TRY_EVERY_S", 0.0)
        monkeypatch.setattr(os, "getpriority", lambda *_: own)
        monkeypatch.setattr(os, "getsid", lambda _: leader or os.getpid())
        giving_way._let_session_give_way(RUN)
        return proc

    return with_autogroup


def test_the_session_gets_the_share_of_the_process(session):
    assert session(own=10).written == [10]


@pytest.mark.parametrize(
    ("of_run", "own", "niceness"), [(7, 10, 17), (10, 10, 19), (10, 0, 10), (19, 15, 19), (-5, 10, 10)]
)
def test_the_session_gives_way_to_that_of_a_run_which_was_made_nice(of_run, own, niceness, session):
    assert session(of_run=f"/autogroup-25 nice {of_run}\n", own=own).written == [niceness]


@pytest.mark.parametrize("of_run", ["", "/autogroup-25 nice\n", PermissionError(), FileNotFoundError()])
def test_a_run_whose_session_says_nothing_counts_as_not_nice(of_run, session):
    assert session(of_run=of_run, own=10).written == [10]


def test_a_session_that_others_live_in_stays_as_it_is(session):
    assert not session(leader=os.getppid()).written


def test_where_another_one_was_quicker_it_tries_again(session):
    assert len(session(BlockingIOError(), BlockingIOError()).written) == 1


def test_a_system_that_never_lets_it_is_no_reason_to_wait_for_ever(session):
    proc = session(*[BlockingIOError()] * 100)
    assert not proc.written
    assert proc.refusals


@pytest.mark.parametrize("refusal", [FileNotFoundError(), PermissionError()])
def test_a_system_without_sessions_as_groups_is_none_to_complain_about(session, refusal):
    assert not session(refusal, refusal).written
