"""What waits for a slow sink is thinned as the time for it runs out; a clock by hand."""

from dataclasses import dataclass

import pytest

from scr_live.pipeline.channel import Channel, Overflow
from scr_live.pipeline.ending import Ending


@dataclass
class Sink:
    pace_s: float


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def backlog(count=64):
    channel = Channel("to-disk", count, Overflow.DROP_OLDEST)
    for item in range(count):
        channel.put(item)
    return channel


@pytest.mark.parametrize(("pace_s", "left"), [(0.0, 64), (0.01, 64), (0.05, 20), (0.3, 3), (4.0, 1)])
def test_as_much_is_kept_as_can_be_written_in_time(pace_s, left):
    channel = backlog()
    Ending([(channel, Sink(pace_s))], limit_s=1.0, clock=Clock()).hasten()
    assert channel.counts().waiting == left
    assert channel.counts().dropped == 64 - left


def test_time_that_passes_thins_what_is_left_and_the_last_picture_stays():
    channel, clock = backlog(), Clock()
    ending = Ending([(channel, Sink(0.05))], limit_s=1.0, clock=clock)
    left = []
    for passed_s in (0.0, 0.49, 0.88, 1.0, 5.0):
        clock.now = 100.0 + passed_s
        ending.hasten()
        left.append(channel.counts().waiting)
    assert left == [20, 10, 2, 1, 1]
    assert channel.get() == 63


def test_each_sink_has_its_own_pace():
    slow, quick = backlog(), backlog()
    Ending([(slow, Sink(0.1)), (quick, Sink(0.001))], limit_s=1.0, clock=Clock()).hasten()
    assert (slow.counts().waiting, quick.counts().waiting) == (10, 64)
