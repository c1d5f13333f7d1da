"""What waits for a decoder that is too slow: bounded, counted, and decodable."""

import pytest

from scr_live.sources.packet_queue import JUMP_AFTER_S, LONGEST_WAIT_S, MOST_BYTES, PacketQueue


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def queue(clock):
    return PacketQueue(clock)


def add(queue, *packets):
    for packet in packets:
        assert queue.add(packet, is_key=packet.startswith("K"), lossy=True)


def taken(queue):
    queue.end()
    result = []
    while (waiting := queue.take(0)) is not None:
        result.append(("after a gap: " if waiting.after_gap else "") + waiting.packet)
    return result


def test_a_decoder_that_keeps_up_gets_everything(queue, clock):
    for packet in ("K0", "p1", "p2", "K3"):
        add(queue, packet)
        clock.now += 0.04
    assert taken(queue) == ["K0", "p1", "p2", "K3"]
    assert queue.dropped == 0


def test_a_burst_is_kept_whole(queue):
    packets = [f"p{i}" for i in range(200)]
    add(queue, "K", *packets, "K")
    assert taken(queue) == ["K", *packets, "K"]


def test_a_key_frame_replaces_what_has_waited_too_long(queue, clock):
    add(queue, "K0", "p1")
    clock.now += JUMP_AFTER_S + 0.01
    add(queue, "p2", "K3", "p4")
    assert taken(queue) == ["after a gap: K3", "p4"]
    assert queue.dropped == 3


def test_without_a_key_frame_nothing_waits_for_ever(queue, clock):
    add(queue, "K0", "p1")
    clock.now += LONGEST_WAIT_S + 0.01
    add(queue, "p2", "p3")
    clock.now += 5
    add(queue, "p4", "K5", "p6")
    assert taken(queue) == ["after a gap: K5", "p6"]
    assert queue.dropped == 5


def test_a_stall_shorter_than_the_way_to_the_next_key_frame_costs_no_packet(queue, clock):
    add(queue, "K0", "p1")
    clock.now += 2  # much longer than the decoder is wont to take
    add(queue, "p2", "p3")
    assert taken(queue) == ["K0", "p1", "p2", "p3"]
    assert queue.dropped == 0


def test_a_sender_faster_than_any_decoder_does_not_fill_the_memory(queue):
    third = MOST_BYTES // 3 + 1
    for packet in ("K0", "p1", "p2", "p3", "K4", "p5"):
        assert queue.add(packet, is_key=packet.startswith("K"), lossy=True, size=third)
    assert taken(queue) == ["after a gap: K4", "p5"]
    assert queue.dropped == 4


def test_bytes_that_were_taken_do_not_count(queue):
    for number in range(12):
        assert queue.add(f"p{number}", is_key=False, lossy=True, size=MOST_BYTES // 3)
        assert queue.take(0).packet == f"p{number}"
    assert queue.dropped == 0


@pytest.mark.parametrize("every", [1, 10, 250])
def test_an_hour_of_a_decoder_that_is_too_slow_keeps_the_delay_of_its_first_minute(queue, clock, every):
    ages = []
    for number in range(90_000):  # 25 a second; one in two can be decoded
        clock.now += 0.04
        add(queue, f"K{number}" if number % every == 0 else f"p{number}")
        if number % 2 and queue._items:
            ages.append(clock.now - queue.take(0).arrived_at)
    first_minute, last_minute = ages[: len(ages) // 60], ages[-len(ages) // 60 :]
    assert max(ages) <= LONGEST_WAIT_S + 0.05
    assert max(last_minute) <= max(first_minute) + 0.05


def test_where_nothing_may_be_left_out_it_waits_for_room(queue):
    assert queue.add("p", is_key=False, lossy=False)
    assert taken(queue) == ["p"]


@pytest.mark.parametrize("lossy", [True, False])
def test_after_closing_nothing_is_taken(queue, lossy):
    queue.close()
    assert not queue.add("K", is_key=True, lossy=lossy)
