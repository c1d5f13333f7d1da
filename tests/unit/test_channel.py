"""One thread or two at a time: what each verb of a channel promises."""

import gc
import threading
import weakref

import pytest

from scr_live.pipeline.channel import Abandoned, Channel, Closed, FanOut, Overflow


def run_blocked(channel, action):
    """Start `action` in a thread and return (thread, outcome) once it waits inside the channel."""
    outcome = []
    before = len(waiters(channel))

    def body():
        try:
            outcome.append(action())
        except (Abandoned, Closed) as error:
            outcome.append(type(error))

    thread = threading.Thread(target=body)
    thread.start()
    while len(waiters(channel)) == before and thread.is_alive():
        pass
    return thread, outcome


def waiters(channel):
    return [*channel._readable._waiters, *channel._writable._waiters]


def test_items_come_out_in_the_order_they_went_in():
    channel = Channel("c", 3)
    for item in "abc":
        assert channel.put(item)
    channel.close()
    assert list(channel) == ["a", "b", "c"]


def test_close_delivers_the_rest_and_then_ends():
    channel = Channel("c", 2)
    channel.put(1)
    channel.close()
    assert channel.get() == 1
    with pytest.raises(Closed):
        channel.get()


@pytest.mark.parametrize("item", [None, False, 0, Closed, Abandoned])
def test_any_object_can_travel(item):
    channel = Channel("c", 1)
    channel.put(item)
    assert channel.get() is item


def test_drop_oldest_keeps_the_newest_and_counts_the_rest():
    channel = Channel("c", 2, Overflow.DROP_OLDEST)
    assert [channel.put(item) for item in range(5)] == [True, True, False, False, False]
    channel.close()
    assert list(channel) == [3, 4]
    counts = channel.counts()
    assert (counts.put, counts.taken, counts.dropped, counts.discarded) == (5, 2, 3, 0)
    assert counts.peak == 2


def test_a_full_blocking_channel_holds_the_producer_until_there_is_room():
    channel = Channel("c", 1)
    channel.put("first")
    producer, outcome = run_blocked(channel, lambda: channel.put("second"))
    assert outcome == []
    assert channel.get() == "first"
    producer.join()
    assert outcome == [True]
    assert channel.get() == "second"
    assert channel.counts().put_wait_s > 0


@pytest.mark.parametrize(
    ("keep", "kept"),
    [(12, list(range(10))), (10, list(range(10))), (5, [1, 3, 5, 7, 9]), (3, [2, 5, 9]), (1, [9])],
)
def test_thinning_keeps_items_evenly_and_the_newest(keep, kept):
    channel = Channel("c", 10, Overflow.DROP_OLDEST)
    for item in range(10):
        channel.put(item)
    assert channel.thin(keep) == 10 - len(kept)
    counts = channel.counts()
    assert (counts.dropped, counts.waiting) == (10 - len(kept), len(kept))
    channel.close()
    assert list(channel) == kept


def test_thinning_leaves_something():
    with pytest.raises(ValueError, match="at least one"):
        Channel("c", 1).thin(0)


def test_thinning_makes_room_for_a_blocked_producer():
    channel = Channel("c", 2)
    channel.put(1)
    channel.put(2)
    producer, outcome = run_blocked(channel, lambda: channel.put(3))
    assert channel.thin(1) == 1
    producer.join()
    assert outcome == [True]
    channel.close()
    assert list(channel) == [2, 3]


def test_abandon_wakes_a_blocked_producer_and_discards_what_waits():
    channel = Channel("c", 1)
    channel.put("lost")
    producer, outcome = run_blocked(channel, lambda: channel.put("never"))
    channel.abandon()
    producer.join()
    assert outcome == [Abandoned]
    assert channel.abandoned
    assert channel.counts().discarded == 1
    with pytest.raises(Abandoned):
        channel.put("more")


@pytest.mark.parametrize("end", ["close", "abandon"])
def test_an_end_wakes_a_waiting_reader(end):
    channel = Channel("c", 1)
    reader, outcome = run_blocked(channel, channel.get)
    getattr(channel, end)()
    reader.join()
    assert outcome == [Closed]


def test_close_wakes_a_blocked_producer():
    channel = Channel("c", 1)
    channel.put(1)
    producer, outcome = run_blocked(channel, lambda: channel.put(2))
    channel.close()
    producer.join()
    assert outcome == [Closed]
    assert list(channel) == [1]


def test_put_after_close_is_refused_even_when_dropping():
    channel = Channel("c", 1, Overflow.DROP_OLDEST)
    channel.close()
    with pytest.raises(Closed):
        channel.put(1)


def test_get_gives_up_after_its_time_out():
    channel = Channel("quiet", 1)
    with pytest.raises(TimeoutError, match="quiet"):
        channel.get(timeout_s=0.0)
    assert channel.counts().taken == 0


def test_a_channel_without_room_is_refused():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        Channel("c", 0)


def test_a_reader_that_waits_does_not_keep_the_last_item_alive():
    class Item:
        pass

    channel = Channel("c", 1)
    seen = iter(channel)
    item = Item()
    alive = weakref.ref(item)
    channel.put(item)
    del item
    received = next(seen)
    assert alive() is received
    del received
    reader, _ = run_blocked(channel, lambda: next(seen, None))
    gc.collect()
    assert alive() is None
    channel.close()
    reader.join()


def test_fan_out_goes_on_until_too_few_read():
    one, two = Channel("one", 4), Channel("two", 4)
    fan = FanOut(one, two, needed=1)
    fan.put("a")
    one.abandon()
    fan.put("b")
    two.abandon()
    with pytest.raises(Abandoned, match="one, two"):
        fan.put("c")
    assert two.counts().put == 2


def test_an_optional_fan_out_never_ends_its_producer():
    channel = Channel("c", 1)
    fan = FanOut(channel, needed=0)
    channel.abandon()
    assert fan.put("nobody listens")


def test_fan_out_closes_all():
    one, two = Channel("one", 1), Channel("two", 1)
    FanOut(one, two, needed=1).close()
    assert list(one) == list(two) == []
