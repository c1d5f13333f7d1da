"""What waits for a decoder that is too slow: bounded, counted, and decodable."""

import pytest

from scr_live.sources.backlog import JUMP_AFTER_S, LONGEST_WAIT_S, Backlog


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def backlog(clock):
    return Backlog(clock)


def add(backlog, *packets):
    for packet in packets:
        assert backlog.add(packet, is_key=packet.startswith("K"), lossy=True)


def taken(backlog):
    backlog.end()
    result = []
    while (waiting := backlog.take(0)) is not None:
        result.append(("after a gap: " if waiting.after_gap else "") + waiting.packet)
    return result


def test_a_decoder_that_keeps_up_gets_everything(backlog, clock):
    for packet in ("K0", "p1", "p2", "K3"):
        add(backlog, packet)
        clock.now += 0.04
    assert taken(backlog) == ["K0", "p1", "p2", "K3"]
    assert backlog.dropped == 0


def test_a_burst_is_kept_whole(backlog):
    packets = [f"p{i}" for i in range(200)]
    add(backlog, "K", *packets, "K")
    assert taken(backlog) == ["K", *packets, "K"]


def test_a_key_frame_replaces_what_has_waited_too_long(backlog, clock):
    add(backlog, "K0", "p1")
    clock.now += JUMP_AFTER_S + 0.01
    add(backlog, "p2", "K3", "p4")
    assert taken(backlog) == ["after a gap: K3", "p4"]
    assert backlog.dropped == 3


def test_without_a_key_frame_nothing_waits_for_ever(backlog, clock):
    add(backlog, "K0", "p1")
    clock.now += LONGEST_WAIT_S + 0.01
    add(backlog, "p2", "p3")
    clock.now += 5
    add(backlog, "p4", "K5", "p6")
    assert taken(backlog) == ["after a gap: K5", "p6"]
    assert backlog.dropped == 5


@pytest.mark.parametrize("every", [1, 10, 250])
def test_an_hour_of_a_decoder_that_is_too_slow_keeps_the_delay_of_its_first_minute(backlog, clock, every):
    ages = []
    for number in range(90_000):  # 25 a second; one in two can be decoded
        clock.now += 0.04
        add(backlog, f"K{number}" if number % every == 0 else f"p{number}")
        if number % 2 and backlog._items:
            ages.append(clock.now - backlog.take(0).arrived_at)
    first_minute, last_minute = ages[: len(ages) // 60], ages[-len(ages) // 60 :]
    assert max(ages) <= LONGEST_WAIT_S + 0.05
    assert max(last_minute) <= max(first_minute) + 0.05


def test_where_nothing_may_be_left_out_it_waits_for_room(backlog):
    assert backlog.add("p", is_key=False, lossy=False)
    assert taken(backlog) == ["p"]


@pytest.mark.parametrize("lossy", [True, False])
def test_after_closing_nothing_is_taken(backlog, lossy):
    backlog.close()
    assert not backlog.add("K", is_key=True, lossy=lossy)
