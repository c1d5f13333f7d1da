"""Real stream servers in processes of their own, killed and frozen in the middle of the video."""

import time
from contextlib import ExitStack
from functools import partial
from itertools import islice, pairwise

import pytest
from peers.live_pictures import BITS, age_s, number_in
from peers.process import Peer

from scr_live.events import EventKind, Journal
from scr_live.frames import Signal
from scr_live.sources import reading
from scr_live.sources.decode import PacketDecoder
from scr_live.sources.opening import SourceOptions, open_lasting_source, open_source

SERVERS = {
    "ts over tcp": (Peer, "ts_server.py", "tcp://127.0.0.1:{}", "tcp"),
    "ts over http": (partial(Peer, http=True), "ts_server.py", "http://127.0.0.1:{}/scope.ts", "tcp"),
    "ts over udp": (Peer, "ts_sender.py", "udp://127.0.0.1:{}", "tcp"),
    "rtsp over tcp": (Peer, "rtsp_server.py", "rtsp://127.0.0.1:{}/scope", "tcp"),
    "rtsp over udp": (Peer, "rtsp_server.py", "rtsp://127.0.0.1:{}/scope", "udp"),
}


@pytest.fixture
def serve(free_port):
    """Start a server by its name; returns it, its address, and options that suit it."""
    with ExitStack() as stack:

        def start(name):
            peer, script, address, transport = SERVERS[name]
            options = SourceOptions(transport=transport, read_timeout_s=0.5)
            return stack.enter_context(peer(script, port=free_port)), address.format(free_port), options

        yield start


def ahead(number, of):
    """How many pictures later a number is; negative: it is an earlier one."""
    return (number - of + 2 ** (BITS - 1)) % 2**BITS - 2 ** (BITS - 1)


def living_numbers(frames):
    return [number_in(frame.image) for frame in frames if frame.signal is Signal.OK]


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("ts over tcp", "killed"),
        ("ts over udp", "killed"),
        ("rtsp over tcp", "killed"),
        ("rtsp over udp", "killed"),
        ("ts over tcp", "frozen"),
        ("rtsp over udp", "frozen"),
    ],
)
def test_a_server_that_goes_and_comes_back(serve, name, how):
    peer, address, options = serve(name)
    journal = Journal()
    go, come = (peer.kill, peer.start) if how == "killed" else (peer.freeze, peer.thaw)
    taken, placeholders, after = [], 0, 0
    with open_lasting_source(address, options, journal=journal) as source:
        for frame in source:
            taken.append(frame)
            if frame.signal is Signal.LOST:
                placeholders += 1
                if placeholders == 1:
                    gone_until = time.monotonic() * 25
                    come()
            elif placeholders:
                after += 1
            elif len(taken) == 5:
                go()
            if after == 5:
                break
    numbers = living_numbers(taken)
    assert all(
        ahead(later, earlier) > 0 for earlier, later in pairwise(numbers)
    )  # none twice, none of before
    first_new = numbers[-after]
    if how == "killed":
        assert ahead(first_new, int(gone_until) % 2**BITS) >= 0
    assert [frame.index for frame in taken] == list(range(len(taken)))
    assert all(later.pts_s > earlier.pts_s for earlier, later in pairwise(taken))
    assert [event.kind for event in journal.events] == [EventKind.SIGNAL_LOST, EventKind.SIGNAL_BACK]
    assert source.reconnects == 1
    assert source.warnings == []


class SlowDecoder(PacketDecoder):
    """Needs three intervals of the stream for each packet."""

    def decode(self, packet):
        time.sleep(0.12)
        yield from super().decode(packet)


def read_slowly(address, options, *, count, pause_s=0.0):
    with open_source(address, options) as source:
        frames = []
        for frame in islice(source, count):
            frames.append((number_in(frame.image), age_s(frame.image, 25)))
            time.sleep(pause_s)
    return source, frames


@pytest.mark.parametrize("name", ["ts over udp", "rtsp over tcp"])
def test_a_decoder_that_is_too_slow_skips_and_stays_with_the_newest(serve, name, monkeypatch):
    _, address, options = serve(name)
    monkeypatch.setattr(reading, "PacketDecoder", SlowDecoder)
    source, frames = read_slowly(address, options, count=15)
    numbers = [number for number, _ in frames]
    assert all(ahead(later, earlier) > 0 for earlier, later in pairwise(numbers))
    assert ahead(numbers[-1], numbers[0]) > 2 * len(numbers)  # 15 without skipping
    assert source.dropped > 0
    assert any("more than this machine can decode" in warning for warning in source.warnings)
    assert source.decode_errors == 0
    assert frames[-1][1] < frames[0][1] + 0.9  # without skipping, every picture is 0.08 s older than the last


@pytest.mark.parametrize("name", ["ts over http", "rtsp over udp"])
def test_a_consumer_that_is_too_slow_gets_the_newest(serve, name):
    _, address, options = serve(name)
    source, frames = read_slowly(address, options, count=6, pause_s=0.2)
    numbers = [number for number, _ in frames]
    assert ahead(numbers[-1], numbers[0]) > 2 * len(numbers)
    assert source.dropped > 0
    assert source.warnings == []
