"""Stages end by themselves in both directions, errors reach the caller, stuck stages are named."""

import sys
import threading
from pathlib import Path

import pytest

from scr_live.errors import StageStuckError
from scr_live.pipeline.channel import Channel
from scr_live.pipeline.crew import Crew, StarvedError, pump


class Items:
    """An inlet over a list that knows whether it was abandoned."""

    def __init__(self, items):
        self.items = items
        self.abandoned = False

    def __iter__(self):
        return iter(self.items)

    def abandon(self):
        self.abandoned = True


def explode(item):
    raise ValueError(f"cannot take {item}")


def notes(error):
    return "\n".join(getattr(error, "__notes__", []))


def test_pump_carries_everything_and_closes_both_ends():
    inlet, out = Items([1, 2, 3]), Channel("out", 9)
    pump(inlet, lambda n: n * 10, out)
    assert list(out) == [10, 20, 30]
    assert inlet.abandoned


def test_pump_passes_nothing_on_for_none():
    out = Channel("out", 9)
    pump(Items([1, 2, 3]), lambda n: n if n % 2 else None, out)
    assert list(out) == [1, 3]


def test_pump_closes_both_ends_when_its_step_fails():
    inlet, out = Items([1]), Channel("out", 9)
    with pytest.raises(ValueError, match="cannot take 1"):
        pump(inlet, explode, out)
    assert list(out) == []
    assert inlet.abandoned


def test_pump_ends_quietly_when_nobody_reads():
    inlet, read, unread = Items([1, 2]), Channel("read", 9), Channel("unread", 9)
    unread.abandon()
    pump(inlet, lambda n: n, read, unread)
    assert list(read) == [1]
    assert inlet.abandoned


def chain(crew, items, steps):
    """Start one stage for each step, linked by channels of capacity 1; return what the last one took."""
    took = []
    inlet = Items(items)
    for name, step in steps.items():
        out = Channel(name, 1)
        crew.start(name, inlet, step, out)
        inlet = out
    crew.start("last", inlet, took.append)
    return took


def test_crew_waits_for_all_stages():
    with Crew() as crew:
        took = chain(crew, range(50), {"a": lambda n: n + 1, "b": lambda n: n * 2})
    assert took == [(n + 1) * 2 for n in range(50)]
    assert crew.wait(0)


@pytest.mark.parametrize("broken", ["a", "b", "c"])
@pytest.mark.parametrize("at", [0, 3])
def test_a_failing_stage_ends_all_and_is_named(broken, at):
    def step(name):
        return lambda n: explode(n) if name == broken and n == at else n

    crew = Crew()
    with pytest.raises(ValueError, match=f"cannot take {at}") as caught, crew:
        took = chain(crew, range(1000), {name: step(name) for name in "abc"})
    assert notes(caught.value) == f"Pipeline stage: {broken}"
    assert took == list(range(at))


def test_a_later_error_becomes_a_note_of_the_first():
    first_failed = threading.Event()
    crew = Crew()

    def fail_first(item):
        raise KeyError("the first")

    def fail_second(item):
        first_failed.wait()
        raise ValueError("the second")

    with pytest.raises(KeyError, match="the first") as caught, crew:  # noqa: PT012  leaving the crew is what raises
        crew.start("second", Items([1]), fail_second)
        crew.start("first", Items([1]), fail_first)
        crew._stages[1].thread.join()
        first_failed.set()
    assert notes(caught.value).splitlines() == [
        "Pipeline stage: first",
        "Then pipeline stage second: ValueError: the second",
    ]


@pytest.mark.parametrize("cause_first", [True, False])
def test_a_starved_stage_does_not_hide_what_starved_it(cause_first):
    def starve(item):
        raise StarvedError("no prediction")

    stages = [("cause", explode), ("starved", starve)]
    crew = Crew()
    with pytest.raises(ValueError, match="cannot take 1") as caught, crew:  # noqa: PT012  leaving raises
        for name, step in stages if cause_first else reversed(stages):
            crew.start(name, Items([1]), step)
            crew._stages[-1].thread.join()
    assert notes(caught.value) == "Pipeline stage: cause"


def test_starvation_without_a_cause_is_an_error():
    def starve(item):
        raise StarvedError("no prediction")

    crew = Crew()
    with pytest.raises(StarvedError), crew:
        crew.start("starved", Items([1]), starve)


def test_an_error_in_the_body_stops_the_crew_and_is_raised_as_it_is():
    class Ticks(Items):
        def __iter__(self):
            while not crew.stop.is_set():
                yield 1

    crew = Crew(main="screen")
    with pytest.raises(OSError, match="display gone") as caught, crew:  # noqa: PT012  leaving the crew is what raises
        crew.start("head", Ticks([]), lambda n: None)
        raise OSError("display gone")
    assert notes(caught.value) == "Pipeline stage: screen"
    assert crew.wait(0)


def test_a_stuck_stage_is_named_and_the_rest_is_finished():
    release, entered = threading.Event(), threading.Event()
    took = []

    def hang(item):
        if item == 2:
            entered.set()
            release.wait()
        return item

    crew = Crew(grace_s=0.1)
    into, out = Channel("in", 1), Channel("out", 9)
    with pytest.raises(StageStuckError, match=r"'middle'.*working") as caught, crew:  # noqa: PT012  leaving the crew is what raises
        crew.start("head", Items(range(9)), lambda n: n, into)
        crew.start("middle", into, hang, out)
        crew.start("last", out, took.append)
        entered.wait()
        crew.stop.set()
    assert took == [0, 1]
    assert notes(caught.value) == "Pipeline stage: middle"
    middle = crew._stages[1].thread
    assert middle.is_alive()
    assert middle.daemon
    release.set()
    middle.join()


def test_a_head_that_is_blocked_in_a_read_is_interrupted_when_the_run_stops():
    class Silent(Items):
        closed = threading.Event()

        def __iter__(self):
            yield 0
            self.closed.wait()

        def abandon(self):
            self.closed.set()

    took = []
    with Crew(grace_s=1.0) as crew:
        out = Channel("out", 1)
        crew.start("head", Silent([]), lambda n: n, out)
        crew.start("last", out, took.append)
        crew.stop.set()
    assert took == [0]


def test_an_error_before_a_stuck_stage_stays_the_first():
    release = threading.Event()
    crew = Crew(grace_s=0.1)
    with pytest.raises(ValueError, match="cannot take 1") as caught, crew:  # noqa: PT012  leaving the crew is what raises
        crew.start("head", Items([1]), explode)
        crew.start("stuck", Items([1]), lambda n: release.wait() and None)
    assert "Then pipeline stage stuck: StageStuckError" in notes(caught.value)
    release.set()
    crew._stages[1].thread.join()


@pytest.mark.skipif(sys.platform != "linux", reason="the names of threads are looked up in /proc")
def test_the_system_knows_a_stage_by_its_name():
    def told(_):
        return Path(f"/proc/self/task/{threading.get_native_id()}/comm").read_text().strip()

    out = Channel("out", 9)
    with Crew() as crew:
        crew.start("a-name-beyond-fifteen", Items([0]), told, out)
        assert list(out) == ["a-name-beyond-f"]
