"""Each fault of a source, on a clock that goes with the pictures."""

import threading

import numpy as np
import pytest

from scr_live.errors import SourceChangedError, SourceLostError, SourceNotFoundError
from scr_live.faults.schedule import FaultSchedule, SourceFault
from scr_live.faults.source import Chaos
from scr_live.frames import Frame
from scr_live.sources import SourceInfo, VideoSource

FPS = 25.0


class Clip(VideoSource):
    """Numbered pictures; the time is that of the latest one."""

    info = SourceInfo("phantom", "clip", 64, 48, FPS, is_live=True)

    def __init__(self, count=200):
        self.now_s = 0.0
        self._count = count
        self.closed = threading.Event()

    def __iter__(self):
        for index in range(self._count):
            if self.closed.is_set():
                return
            self.now_s = index / FPS
            yield Frame(np.full((48, 64, 3), 20 + index, np.uint8), index, index / FPS, 1000.0 + index)

    def close(self):
        self.closed.set()


def one(kind, *, duration_s=1.0):
    """A schedule with that kind only, each fault as long as told."""
    return FaultSchedule(3, (kind,), mean_interval_s=2.0, shortest_s=duration_s, longest_s=duration_s)


def run(kind, count=200):
    """All frames of a clip with one kind of fault, and the chaos."""
    clip = Clip(count)
    chaos = Chaos(lambda: clip, one(kind), clock=lambda: clip.now_s)
    with chaos.open() as source:
        return list(source), chaos


def struck_and_not(frames, chaos):
    """Part the frames by whether a fault was on when they were made."""
    on = [(fault.at_s, fault.at_s + fault.duration_s) for fault in chaos.injected]
    struck = [f for f in frames if any(begin <= (f.captured_at - 1000) / FPS < end for begin, end in on)]
    return struck, [f for f in frames if not any(f is one for one in struck)]


def number_of(frame):
    return int(frame.captured_at - 1000)


def is_whole(frame):
    return bool((frame.image == 20 + number_of(frame)).all())


@pytest.mark.parametrize("kind", [SourceFault.BLACK, SourceFault.WHITE, SourceFault.CORRUPT])
def test_only_the_pictures_of_a_fault_are_spoilt(kind):
    frames, chaos = run(kind)
    struck, others = struck_and_not(frames, chaos)
    assert len(struck) == sum(fault.frames for fault in chaos.injected) > 20
    assert len(others) > 20
    assert all(is_whole(frame) for frame in others)
    assert [frame.index for frame in frames] == list(range(200))
    for frame in struck:
        match kind:
            case SourceFault.BLACK:
                assert not frame.image.any()
            case SourceFault.WHITE:
                assert (frame.image == 255).all()
            case SourceFault.CORRUPT:
                assert not is_whole(frame)
                assert (frame.image == 20 + number_of(frame)).mean() > 0.5


def test_frozen_pictures_are_the_last_one_under_new_numbers():
    frames, chaos = run(SourceFault.FREEZE)
    struck, _ = struck_and_not(frames, chaos)
    assert len(struck) > 20
    assert all(frame.image is frames[frame.index - 1].image for frame in struck)
    assert [frame.index for frame in frames] == list(range(200))


def test_dropped_pictures_are_missing_and_counted():
    frames, chaos = run(SourceFault.DROP)
    missing = sum(fault.frames for fault in chaos.injected)
    assert len(frames) == 200 - missing
    assert missing > 10
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert all(is_whole(frame) for frame in frames)


def test_times_are_wrong_only_while_the_fault_is_on():
    frames, chaos = run(SourceFault.TIMES)
    struck, others = struck_and_not(frames, chaos)
    assert all(frame.pts_s == number_of(frame) / FPS for frame in others)
    assert all(frame.pts_s != number_of(frame) / FPS for frame in struck if number_of(frame))
    assert None in {frame.pts_s for frame in struck}
    assert max(frame.pts_s or 0 for frame in struck) > 999


def test_a_burst_keeps_order_and_comes_after_the_fault():
    frames, chaos = run(SourceFault.BURST)
    assert [int(frame.image[0, 0, 0]) - 20 for frame in frames] == list(range(200))  # nothing is lost
    late = [frame for frame in frames if frame.captured_at < 1000 or frame.captured_at >= 1200]
    assert len(late) == sum(fault.frames for fault in chaos.injected) > 20


def test_a_disconnected_source_is_away_until_the_fault_is_over():
    clip = Clip()
    chaos = Chaos(lambda: clip, one(SourceFault.DISCONNECT), clock=lambda: clip.now_s)
    frames = []
    with chaos.open() as source, pytest.raises(SourceLostError, match="on purpose"):
        frames.extend(source)
    (fault,) = chaos.injected
    assert len(frames) == pytest.approx(fault.at_s * FPS, abs=1)
    for _ in range(2):
        with pytest.raises(SourceNotFoundError, match="on purpose"):
            chaos.open()
    assert chaos.refused == 2
    clip.now_s = fault.at_s + fault.duration_s
    clip.closed.clear()
    chaos.open().close()


@pytest.mark.parametrize("kind", [SourceFault.HANG, SourceFault.STALL])
def test_a_source_that_blocks_lets_go_when_it_is_closed(kind):
    clip = Clip()
    schedule = one(kind, duration_s=600.0)
    chaos = Chaos(lambda: clip, schedule, clock=lambda: clip.now_s)
    source, frames = chaos.open(), []
    reader = threading.Thread(target=lambda: frames.extend(source))
    reader.start()
    while not chaos.injected:
        reader.join(0.005)
        assert reader.is_alive()
    source.close()
    reader.join(20)
    assert not reader.is_alive()
    assert clip.closed.is_set()
    assert frames[-1].index == len(frames) - 1


def test_a_source_that_hung_works_when_it_is_opened_anew():
    chaos = Chaos(Clip, one(SourceFault.HANG, duration_s=5.0), clock=lambda: now)
    now = 0.0
    source = chaos.open()
    reader = threading.Thread(target=lambda: list(source))
    now = 4.0
    reader.start()
    while not chaos.injected:
        reader.join(0.005)
        assert reader.is_alive()
    source.close()
    reader.join(20)
    with chaos.open() as again:
        assert next(iter(again)).index == 0
    assert [(fault.kind, fault.duration_s) for fault in chaos.injected] == [(SourceFault.HANG, 0.0)]


def test_another_size_needs_another_opening_at_both_ends():
    now, fault = 0.0, one(SourceFault.SIZE).until(60.0)[0]
    chaos = Chaos(Clip, one(SourceFault.SIZE), clock=lambda: now)
    with chaos.open() as source:
        frames = iter(source)
        assert next(frames).image.shape == (48, 64, 3)
        now = fault.at_s
        with pytest.raises(SourceChangedError):
            next(frames)
    with chaos.open() as small:
        frames = iter(small)
        assert (small.info.width, small.info.height) == (32, 24)
        assert next(frames).image.shape == (24, 32, 3)
        now = fault.until_s
        with pytest.raises(SourceChangedError):
            next(frames)
    with chaos.open() as whole:
        assert whole.info.width == 64
        assert next(iter(whole)).image.shape == (48, 64, 3)


def test_a_stall_ends_by_itself():
    frames, chaos = run_quickly(SourceFault.STALL)
    missing = sum(fault.frames for fault in chaos.injected)
    assert missing == len(chaos.injected) > 1  # the one that was due; a live source loses the rest itself
    assert len(frames) == 200 - missing


def run_quickly(kind):
    """Waits of no length: the clock stands in the middle of the fault's last instant."""
    clip = Clip()
    schedule = FaultSchedule(3, (kind,), mean_interval_s=1.0, shortest_s=0.04, longest_s=0.04)
    chaos = Chaos(lambda: clip, schedule, clock=lambda: clip.now_s)
    with chaos.open() as source:
        return list(source), chaos


def test_the_same_seed_does_the_same():
    def spoilt():
        clip = Clip()
        chaos = Chaos(
            lambda: clip, FaultSchedule(9, (SourceFault.CORRUPT, SourceFault.DROP)), clock=lambda: clip.now_s
        )
        with chaos.open() as source:
            return [frame.image.tobytes() for frame in source], chaos.injected

    assert spoilt() == spoilt()
