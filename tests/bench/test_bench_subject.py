"""One engine at a time: what is counted as what, and how many in flight pay."""

import numpy as np
import pytest
from bench_fakes import Clock, SlowEngine

from scr_live.bench.subject import FEWEST, MOST, Subject
from scr_live.errors import InferenceError

IMAGES = [np.full((48, 64, 3), 100, np.uint8)]


def subject(engine_of, clock, **options):
    settings = {"threads": 0, "cores": 1, "turn_s": 0.1, "with_throughput": False, "clock": clock}
    return Subject(engine_of, IMAGES, **{**settings, **options})


@pytest.mark.parametrize(("ms", "requests"), [(10.0, 10), (1000.0, FEWEST), (0.001, MOST)])
def test_a_turn_holds_as_many_requests_as_fit(ms, requests):
    clock = Clock()
    with subject(lambda _: SlowEngine(clock, ms), clock) as one:
        one.warm_up()
        one.turn()
    assert one.samples.infer == [pytest.approx([ms] * requests)]
    assert one.samples.whole == [pytest.approx([ms] * requests)]
    assert one.samples.prepare == one.samples.finish == [[0.0] * requests]


def test_the_first_request_is_told_apart_and_engines_are_closed():
    clock = Clock()
    engine = SlowEngine(clock, 7.0)
    with subject(lambda _: engine, clock) as one:
        one.warm_up()
    assert one.first_ms == pytest.approx(7.0)
    assert one.samples.infer == []
    assert engine.is_closed


def test_nothing_is_kept_of_a_turn_that_breaks_off():
    clock = Clock()
    with subject(lambda _: SlowEngine(clock, 10.0, fail_after=6 + 1 + 4), clock) as one:
        one.warm_up()  # six requests
        with pytest.raises(InferenceError):
            one.turn()
    assert one.samples.infer == one.samples.prepare == one.samples.whole == []


def test_the_rate_is_answers_a_second():
    clock = Clock()
    with subject(lambda _: SlowEngine(clock, 10.0), clock, with_throughput=True) as one:
        one.warm_up()
        one.turn()
    assert one.in_flight == 1
    assert one.samples.rate == [pytest.approx(100.0)]


@pytest.mark.parametrize(("quicker", "in_flight"), [(1.0, 1), (1.04, 1), (3.0, 2)])
def test_more_in_flight_are_kept_if_they_pay(quicker, in_flight):
    """All engines move one clock, so two at once pay if each is quicker with half the threads."""
    clock, opened = Clock(), []

    def open_engine(threads):
        opened.append((threads, SlowEngine(clock, 12.0 if threads == 4 else 12.0 / quicker)))
        return opened[-1][1]

    with subject(open_engine, clock, cores=4, with_throughput=True, threads=4) as one:
        one.warm_up()
        assert one.in_flight == in_flight
        still_open = [threads for threads, engine in opened if not engine.is_closed]
        assert still_open == ([4] if in_flight == 1 else [4, 2, 2])
        one.turn()
    assert one.samples.rate == [pytest.approx(1000 / 12 * (quicker if in_flight > 1 else 1))]
    assert all(engine.is_closed for _, engine in opened)
