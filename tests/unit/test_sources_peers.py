"""Real stream servers in processes of their own, killed and frozen in the middle of the video."""

import time
from contextlib import ExitStack
from functools import partial
from itertools import count, islice, pairwise

import pytest
from peers.live_pictures import BITS, age_s, number_in
from peers.process import Peer

from scr_live.errors import SourceTimeoutError
from scr_live.events import EventKind, Journal
from scr_live.frames import Signal
from scr_live.sources import options as source_options
from scr_live.sources import reading, reconnect
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

        def start(name, **video):
            peer, script, address, transport = SERVERS[name]
            options = SourceOptions(transport=transport, read_timeout_s=0.5)
            started = stack.enter_context(peer(script, port=free_port, **video))
            return started, address.format(free_port), options

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
    assert journal.events[-1].facts["attempts"] >= 1
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
    assert any("as fast as it came" in warning for warning in source.warnings)
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


LONG_GROUP = 100
"""Pictures from key frame to key frame: four seconds."""


def counting_decoder(step):
    """A decoder that calls step(n) before its n-th packet, and decodes it unless that is False."""

    class Counting(PacketDecoder):
        made = 0

        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            self._numbers = count()
            type(self).made += 1

        def decode(self, packet):
            if step(self.made, next(self._numbers)) is not False:
                yield from super().decode(packet)

    return Counting


def watch(source, until):
    """Take frames to the first for which `until(frames)` holds; each with its age, living or not."""
    taken = []
    for frame in source:
        taken.append((frame, age_s(frame.image, 25)))
        if until([frame for frame, _ in taken]):
            return taken
    raise AssertionError("it ended before")


def is_back(after):
    """Whether there was a loss, and then so many living frames."""

    def hold(frames):
        lost = [frame.signal is Signal.LOST for frame in frames]
        return any(lost) and lost[-after:] == [False] * after

    return hold


def assert_honest(taken, *, longest_s):
    """Living pictures are new, in order, and young; their times go as the clock does."""
    living = [(frame, age) for frame, age in taken if frame.signal is Signal.OK]
    usual_s = min(age for _, age in living)
    assert max(age for _, age in living) <= usual_s + longest_s
    numbers = [number_in(frame.image) for frame, _ in living]
    assert all(ahead(later, earlier) > 0 for earlier, later in pairwise(numbers))
    passed_s = living[-1][0].captured_at - living[0][0].captured_at
    assert living[-1][0].pts_s - living[0][0].pts_s == pytest.approx(passed_s, abs=longest_s)


def test_a_decoder_that_is_too_slow_for_a_long_group_keeps_its_connection(serve, monkeypatch):
    _, address, options = serve("ts over tcp", gop=LONG_GROUP)
    decoder = counting_decoder(lambda *_: time.sleep(0.12))
    monkeypatch.setattr(reading, "PacketDecoder", decoder)
    journal = Journal()
    with open_lasting_source(address, options, journal=journal) as source:
        taken = watch(source, is_back(after=4))
    assert_honest(taken, longest_s=reading.LONGEST_DELAY_S + 0.3)
    lost, back = journal.events[:2]
    assert "could be decoded in time for 0.5 s, although packets come" in lost.facts["cause"]
    assert back.facts["attempts"] == 0
    assert decoder.made == 1
    assert any("as fast as it came" in warning for warning in source.warnings)


def test_times_go_as_the_clock_does_although_pictures_are_left_out(serve, monkeypatch):
    _, address, options = serve("ts over tcp", gop=25)
    monkeypatch.setattr(reading, "PacketDecoder", counting_decoder(lambda *_: time.sleep(0.12)))
    journal = Journal()
    with open_lasting_source(address, options, journal=journal) as source:
        taken = watch(source, lambda frames: len(frames) == 28)
    assert source.dropped > 40
    assert journal.events == []
    assert_honest(taken, longest_s=reading.LONGEST_DELAY_S + 0.3)


def test_after_a_stall_the_decoder_catches_up_long_before_the_next_key_frame(serve, monkeypatch):
    _, address, options = serve("ts over tcp", gop=LONG_GROUP)
    stall_s = 1.5

    def stall(_, number):
        if number == 20:
            time.sleep(stall_s)

    decoder = counting_decoder(stall)
    monkeypatch.setattr(reading, "PacketDecoder", decoder)
    journal = Journal()
    with open_lasting_source(address, options, journal=journal) as source:
        taken = watch(source, is_back(after=5))
    assert_honest(taken, longest_s=reading.LONGEST_DELAY_S + 0.3)
    assert [event.kind for event in journal.events] == [EventKind.SIGNAL_LOST, EventKind.SIGNAL_BACK]
    assert journal.events[1].facts["lost_s"] < stall_s + 0.7  # the key frame comes a second later than this
    assert decoder.made == 1


def test_what_cannot_be_decoded_for_long_is_opened_again(serve, monkeypatch):
    _, address, options = serve("ts over tcp")
    decoder = counting_decoder(lambda made, number: made > 1 or number < 10)
    monkeypatch.setattr(reading, "PacketDecoder", decoder)
    for module in (source_options, reconnect):
        monkeypatch.setattr(module, "UNDECODED_S", 1.2)
    journal = Journal()
    with open_lasting_source(address, options, journal=journal) as source:
        taken = watch(source, is_back(after=3))
    assert len([frame for frame, _ in taken if frame.signal is Signal.LOST]) >= 3
    assert "although packets come" in journal.events[0].facts["cause"]
    assert journal.events[1].facts["attempts"] == 1
    assert decoder.made == 2


def test_where_a_loss_ends_the_run_an_old_picture_does_not_stay(serve, monkeypatch):
    _, address, _ = serve("ts over tcp")
    monkeypatch.setattr(reading, "PacketDecoder", counting_decoder(lambda _, number: number < 5))
    options = SourceOptions(read_timeout_s=0.5, on_loss="exit")
    with (
        open_lasting_source(address, options, journal=Journal()) as source,
        pytest.raises(SourceTimeoutError, match=r"0\.5 s, although packets come"),
    ):
        list(source)
