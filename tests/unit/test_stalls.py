"""Stages that do not move are named as long as they do not, and told once."""

import threading

import pytest

from scr_live.events import EventKind, Journal
from scr_live.pipeline.channel import Channel
from scr_live.pipeline.crew import Crew
from scr_live.pipeline.stalls import StallWatch


@pytest.fixture
def journal():
    return Journal()


def kinds(journal):
    return [(event.kind, event.facts["stage"], event.facts["still_s"]) for event in journal.events]


def test_a_stage_that_stands_still_is_named_until_it_moves(journal):
    still = {}
    watch = StallWatch(lambda: still, limit_s=2.0, journal=journal)
    named = []
    for step in ({"recorder": 1.9}, {"recorder": 2.1, "capture": 0.1}, {"recorder": 7.0}, {}):
        still = step
        watch.look()
        named.append(watch.stalled)
    assert named == [(), ("recorder",), ("recorder",), ()]
    assert kinds(journal) == [
        (EventKind.STAGE_STALLED, "recorder", 2.1),
        (EventKind.STAGE_MOVES, "recorder", 7.0),
    ]


def test_it_looks_by_itself_and_its_thread_ends(journal):
    looked = threading.Event()

    def still_s():
        looked.set()
        return {}

    with StallWatch(still_s, limit_s=1.0, journal=journal):
        assert looked.wait(20)
    assert not any(thread.name == "stall-watch" for thread in threading.enumerate())


class SlowToBegin:
    """An inlet that is not a channel, as a source is one: it gives items when it is told to."""

    def __init__(self):
        self.asked, self.give = threading.Semaphore(0), threading.Semaphore(0)

    def __iter__(self):
        for number in range(2):
            self.asked.release()
            assert self.give.acquire(timeout=20)
            yield number
        self.asked.release()

    def abandon(self):
        pass


def test_a_source_that_has_given_nothing_yet_is_not_stalled_but_one_that_stops_is():
    source = SlowToBegin()
    with Crew() as crew:
        crew.start("capture", source, lambda item: None)
        assert source.asked.acquire(timeout=20)
        assert crew.still_s() == {}
        source.give.release()
        assert source.asked.acquire(timeout=20)
        assert list(crew.still_s()) == ["capture"]
        source.give.release()


def test_a_crew_knows_who_is_busy_and_not_who_waits():
    entered, release = threading.Event(), threading.Event()

    def hang(item):
        entered.set()
        assert release.wait(20)

    first, second = Channel("first", 1), Channel("second", 1)
    with Crew() as crew:
        crew.start("busy", first, hang, second)
        crew.start("waiting", second, lambda item: None)
        assert crew.still_s() == {}
        first.put(1)
        assert entered.wait(20)
        earlier = crew.still_s()
        assert list(earlier) == ["busy"]
        assert crew.still_s()["busy"] >= earlier["busy"] >= 0
        release.set()
        first.close()
