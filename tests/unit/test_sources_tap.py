"""Packets on their way to a recording: all of them, each the tap's own, connection by connection."""

import socket
import threading
from contextlib import suppress
from itertools import islice

import av
import pytest

from scr_live.errors import SourceError
from scr_live.events import Journal
from scr_live.sources.opening import SourceOptions, open_lasting_source, open_source
from scr_live.sources.tap import Tapped, TapSwitch, own_packet

IMPATIENT = SourceOptions(open_timeout_s=8, read_timeout_s=0.3)


class Collecting:
    """Keeps packets, and muxes them at once if it is given a container."""

    def __init__(self, path=None):
        self.calls = []
        self.kept = []
        self._path = path

    def begin(self, stream):
        self.calls.append("begin")
        if self._path:
            self._container = av.open(self._path, "w")
            self._copy = self._container.add_stream_from_template(stream)

    def packet(self, packet):
        self.calls.append("packet")
        if self._path:
            packet.stream = self._copy
            self._container.mux(packet)
        else:
            self.kept.append(packet)

    def end(self):
        self.calls.append("end")
        if self._path:
            self._container.close()


class Raising(Collecting):
    def packet(self, packet):
        super().packet(packet)
        raise RuntimeError("disk full")


@pytest.fixture
def clip(tmp_path, make_clip):
    return make_clip(tmp_path / "s.ts", 30, options={"g": "5", "bf": "0", "preset": "ultrafast"})


def play(loopback, clip, tap):
    """Take the clip to its end as a live stream; the numbers of the pictures cannot all be asked for."""
    with (
        loopback(clip.read_bytes(), hang_up=True) as server,
        open_source(f"tcp://127.0.0.1:{server.port}", IMPATIENT, tap=tap) as source,
    ):
        frames = []
        with pytest.raises(SourceError):
            frames.extend(source)
        return source


def test_every_packet_comes_once_between_begin_and_end(loopback, clip):
    tap = Collecting()
    play(loopback, clip, tap)
    assert tap.calls == ["begin", *["packet"] * 30, "end"]


def test_packets_that_were_muxed_as_they_came_are_the_video(loopback, clip, tmp_path, number_in):
    path = tmp_path / "raw.mkv"
    play(loopback, clip, Collecting(path))
    with av.open(path) as container:
        numbers = [number_in(f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]
    assert numbers == list(range(30))


def test_packets_that_were_kept_outlive_their_connection(loopback, clip):
    tap = Collecting()
    play(loopback, clip, tap)
    with av.open(clip) as container:
        originals = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    assert [bytes(packet) for packet in tap.kept] == originals
    assert tap.kept[0].is_keyframe
    assert not tap.kept[1].is_keyframe


def test_a_packet_of_ones_own_may_be_changed(clip):
    with av.open(clip) as container:
        packet = next(container.demux(video=0))
        before = (packet.pts, packet.dts, packet.time_base, packet.duration)
        own = own_packet(packet)
        assert (own.pts, own.dts, own.time_base, own.duration) == before
        assert (bytes(own), own.is_keyframe) == (bytes(packet), packet.is_keyframe)
        own.pts, own.time_base, own.is_keyframe = 5, before[2] / 2, False
        assert (packet.pts, packet.dts, packet.time_base, packet.duration) == before
        assert packet.is_keyframe


def test_a_tap_that_raises_costs_the_tap_alone(loopback, clip):
    tap = Raising()
    source = play(loopback, clip, tap)
    assert tap.calls == ["begin", "packet"]
    assert any("RuntimeError: disk full" in warning for warning in source.warnings)


def test_closing_ends_the_tap_at_once(loopback, clip):
    tap = Collecting()
    with (
        loopback(clip.read_bytes()) as server,
        open_source(f"tcp://127.0.0.1:{server.port}", SourceOptions(), tap=tap) as source,
    ):
        assert list(islice(source, 1))
        source.close()
        assert tap.calls[-1] == "end"
    assert tap.calls.count("end") == 1


class Blocking(Collecting):
    """Its second packet takes until it is let go."""

    def __init__(self):
        super().__init__()
        self.is_in, self.let_go = threading.Event(), threading.Event()

    def packet(self, packet):
        if self.calls[-1] == "packet":
            self.is_in.set()
            self.let_go.wait(10)
        super().packet(packet)


@pytest.mark.parametrize("on_loss", ["exit", "wait"])
def test_close_returns_when_no_call_is_running_and_none_comes_after_it(loopback, clip, on_loss):
    tap = Blocking()
    options = SourceOptions(on_loss=on_loss)
    with (
        loopback(clip.read_bytes()) as server,
        open_lasting_source(f"tcp://127.0.0.1:{server.port}", options, journal=Journal(), tap=tap) as source,
    ):
        assert tap.is_in.wait(10)
        closing = threading.Thread(target=source.close)
        closing.start()
        closing.join(0.1)
        assert closing.is_alive()
        tap.let_go.set()
        closing.join(10)
        calls = list(tap.calls)
    assert calls == ["begin", "packet", "packet", "end"]
    assert tap.calls == calls


class TwiceServed:
    """A server whose first client gets the clip and is hung up on; the second gets it when it may."""

    def __init__(self, payload):
        self._payload = payload
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.second_came, self.may_answer = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.may_answer.set()
        self._thread.join()
        self._listener.close()

    def _serve(self):
        with self._listener.accept()[0] as first:
            first.sendall(self._payload)
        with self._listener.accept()[0] as second, suppress(OSError):
            self.second_came.set()
            self.may_answer.wait(10)
            second.sendall(self._payload)


def test_a_connection_that_is_being_opened_reaches_no_tap_once_the_source_is_closed(clip):
    tap = Collecting()
    with (
        TwiceServed(clip.read_bytes()) as server,
        open_lasting_source(
            f"tcp://127.0.0.1:{server.port}", IMPATIENT, journal=Journal(), tap=tap
        ) as source,
    ):
        frames = iter(source)
        while not server.second_came.is_set():
            next(frames)
        source.close()
        calls = list(tap.calls)
        server.may_answer.set()
    for thread in threading.enumerate():
        if thread.name.startswith("stream-"):
            thread.join(10)
    assert tap.calls == calls == ["begin", *["packet"] * 30, "end"]


def test_a_new_connection_cuts_off_the_one_before_it(clip):
    tap = Collecting()
    switch = TapSwitch(tap)
    with av.open(clip) as container:
        stream = container.streams.video[0]
        packet = next(container.demux(stream))
        first = switch.line()
        first.begin(stream)
        first.packet(packet)
        second = switch.line()
        first.packet(packet)
        first.end()
        second.begin(stream)
        switch.close()
        second.packet(packet)
        second.end()
        switch.line().begin(stream)
    assert tap.calls == ["begin", "packet", "end", "begin", "end"]


def test_a_tap_that_raised_is_left_alone_until_the_next_connection(clip):
    tap = Raising()
    switch = TapSwitch(tap)
    with av.open(clip) as container:
        stream = container.streams.video[0]
        line = switch.line()
        line.begin(stream)
        with pytest.raises(RuntimeError):
            line.packet(next(container.demux(stream)))
        switch.line().begin(stream)
        switch.close()
    assert tap.calls == ["begin", "packet", "begin", "end"]


def test_after_its_end_a_line_carries_nothing_more(clip):
    tap = Collecting()
    line = Tapped(tap, pytest.fail)
    with av.open(clip) as container:
        stream = container.streams.video[0]
        packets = container.demux(stream)
        line.begin(stream)
        line.packet(next(packets))
        line.end()
        line.packet(next(packets))
        line.begin(stream)
        line.end()
    assert tap.calls == ["begin", "packet", "end"]


def test_a_file_leaves_a_tap_alone(clip):
    tap = Collecting()
    with open_source(str(clip), tap=tap) as source:
        assert list(islice(source, 1))
    assert tap.calls == []
