"""Order and count hold under any interleaving of threads."""

import threading
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from scr_live.pipeline.channel import Abandoned, Channel, Closed, Overflow

yields = st.lists(st.booleans(), min_size=1, max_size=8)
"""Where a thread gives up the processor: another interleaving for every list."""


def interleave(pattern, index):
    if pattern[index % len(pattern)]:
        time.sleep(0)  # gives up the processor, waits for nothing


@settings(max_examples=150, deadline=None)
@given(
    count=st.integers(0, 60),
    capacity=st.integers(1, 7),
    overflow=st.sampled_from(Overflow),
    producer_yields=yields,
    reader_yields=yields,
    leave_after=st.none() | st.integers(0, 20),
)
def test_order_and_counts_hold(  # noqa: PLR0913, PLR0917  one argument for each thing that varies
    count, capacity, overflow, producer_yields, reader_yields, leave_after
):
    channel = Channel("c", capacity, overflow)
    received = []

    def produce():
        try:
            for index in range(count):
                interleave(producer_yields, index)
                channel.put(index)
        except Abandoned:
            return
        channel.close()

    producer = threading.Thread(target=produce)
    producer.start()
    for item in channel:
        received.append(item)
        interleave(reader_yields, item)
        if leave_after is not None and len(received) > leave_after:
            break
    channel.abandon()
    producer.join()

    counts = channel.counts()
    assert received == sorted(set(received))
    assert counts.put == counts.taken + counts.dropped + counts.discarded
    assert counts.taken == len(received)
    assert counts.peak <= capacity
    if overflow is Overflow.BLOCK:
        assert received == list(range(len(received)))
        assert counts.dropped == 0
        if leave_after is None:
            assert len(received) == count
    elif leave_after is None and count:
        assert received[-1] == count - 1  # the newest is never the one that is dropped


operations = st.lists(st.sampled_from(["put", "get", "close", "abandon"]), max_size=40)


@settings(max_examples=200, deadline=None)
@given(capacity=st.integers(1, 4), steps=operations)
def test_drop_oldest_behaves_like_its_model(capacity, steps):
    channel = Channel("c", capacity, Overflow.DROP_OLDEST)
    model, closed, abandoned = [], False, False
    for index, step in enumerate(steps):
        match step:
            case "put":
                expected = Abandoned if abandoned else Closed if closed else len(model) < capacity
                assert outcome(lambda item=index: channel.put(item)) == expected
                if not (abandoned or closed):
                    model = [*model, index][-capacity:]
            case "get":
                expected = model.pop(0) if model else Closed if closed or abandoned else TimeoutError
                assert outcome(lambda: channel.get(timeout_s=0)) == expected
            case "close":
                channel.close()
                closed = True
            case "abandon":
                channel.abandon()
                model, abandoned = [], True
        assert channel.counts().waiting == len(model)


def outcome(action):
    try:
        return action()
    except (Abandoned, Closed, TimeoutError) as error:
        return type(error)
