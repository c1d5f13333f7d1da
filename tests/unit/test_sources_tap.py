"""Packets on their way to a recording: all of them, each the tap's own, connection by connection."""

from itertools import islice

import av
import pytest

from scr_live.errors import SourceError
from scr_live.sources.opening import SourceOptions, open_source
from scr_live.sources.tap import Tapped, own_packet

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
