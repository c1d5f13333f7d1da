"""One file of packets as they came in: their times made to fit, their codec to the container."""

import time
from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import av

from scr_live.sinks.encoding import TICKS_PER_S
from scr_live.sinks.muxing import INDEX_ENTRY, LAST_WORDS, MUXERS, SafeMuxer, made_by
from scr_live.sinks.options import RecorderOptions

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

_UNCOMPRESSED: Final = ("rawvideo", "wrapped_avframe")
_BACK_S: Final = 0.5
_AHEAD_S: Final = 10.0
_REORDERED_S: Final = 0.2
"""So much earlier than shown a packet is decoded if its source does not say: room for five B-frames."""
_KEPT_BYTES: Final = 64_000_000
"""Of packets that the disk has not confirmed."""
_ROOMIEST: Final = ".mkv"
_USUAL_INTERVAL: Final = TICKS_PER_S // 25


class Template:
    """The codec of a stream, kept apart from the stream, which may be closed at any moment."""

    def __init__(self, stream: "VideoStream") -> None:
        """Reads memory only. ValueError: not even mkv holds this codec."""
        self.codec = stream.codec_context.name
        self._container, self.stream = _copied(stream, MUXERS[_ROOMIEST])

    @property
    def is_compressed(self) -> bool:
        """False: copying it would fill any disk."""
        return self.codec not in _UNCOMPRESSED

    def suffix_for(self, wanted: str) -> str:
        """Return `wanted` where that container holds this codec, else .mkv."""
        try:
            _copied(self.stream, MUXERS[wanted.lower()])
        except ValueError:
            return _ROOMIEST
        return wanted


@dataclass(frozen=True, slots=True)
class Arrival:
    """A packet that shares nothing with its source, and its times in seconds."""

    packet: "Packet[Any]"
    pts_s: float | None
    dts_s: float | None
    arrived_s: float
    """Of time.perf_counter()."""

    @classmethod
    def of(cls, packet: "Packet[Any]") -> Self:
        """Copy a packet that came now."""
        copy: Packet[Any] = av.Packet(bytes(packet))
        copy.is_keyframe = packet.is_keyframe
        return cls(copy, _seconds(packet.pts, packet), _seconds(packet.dts, packet), time.perf_counter())


@dataclass(slots=True)
class _Group:
    """A key frame and what follows it, kept until the disk has confirmed it."""

    first: int
    """How many packets of the file are before it."""
    begins_at: int | None = None
    """Bytes before it, if the container keeps them apart."""
    arrivals: list[Arrival] = field(default_factory=list)


class RawPart:
    """An open file that begins with a key frame at time 0. One thread at a time.

    Every method but `abandon()` may raise OSError or av.FFmpegError.
    """

    def __init__(self, path: Path, template: Template, options: RecorderOptions, *, force: bool) -> None:
        self.path = path
        self._clock = PacketClock()
        self._group_began_at = 0
        self._largest_group = 0
        self._keeps = options.fallback not in (None, path.parent)
        self._groups: deque[_Group] = deque()
        self._kept_bytes = 0
        self.muxer = SafeMuxer(path, safety=options.safety, force=force, note=made_by("Recorded"))
        try:
            self._stream = self.muxer.container.add_stream_from_template(template.stream, opaque=True)
            self._stream.time_base = Fraction(1, TICKS_PER_S)
            self.muxer.start()
        except BaseException:
            self.muxer.abandon()
            raise

    @property
    def duration_s(self) -> float:
        """How long the file is."""
        return self._clock.end / TICKS_PER_S

    @property
    def size_with_next_group(self) -> int:
        """Bytes that the file would have if it ended before the key frame after the next: an estimate."""
        index = 2 * self.muxer.packets * INDEX_ENTRY + LAST_WORDS
        return self.muxer.file.size + self._largest_group + index

    def put(self, arrival: Arrival) -> None:
        """Write a packet."""
        packet = arrival.packet
        packet.time_base = Fraction(1, TICKS_PER_S)
        packet.pts, packet.dts = self._clock.place(arrival)
        packet.duration = self._clock.interval
        packet.stream = self._stream
        if packet.is_keyframe:
            size = self.muxer.file.size
            self._largest_group = max(self._largest_group, size - self._group_began_at)
            self._group_began_at = size
        if self._keeps:
            self._keep(arrival)
        self.muxer.put(packet)
        if self._keeps:
            self._forget_confirmed()

    def finish(self) -> None:
        """Make an ordinary video of it. This waits for the disk."""
        self.muxer.end()
        self.muxer.seal()

    def abandon(self) -> None:
        """After an error: keep what is safe and release everything. Raises nothing."""
        self.muxer.abandon()
        self._forget_confirmed()

    @property
    def unsafe(self) -> list[Arrival]:
        """What the disk has not confirmed, from the key frame before it on; with a fallback only."""
        return [arrival for group in self._groups for arrival in group.arrivals]

    @property
    def safe_packets(self) -> int:
        """How many can be read, without those that are to be saved elsewhere."""
        first = self._groups[0] if self._groups else None
        is_cut = first is not None and first.begins_at is not None
        return min(self.muxer.packets_safe, first.first) if first and is_cut else self.muxer.packets_safe

    def keep_only_safe(self) -> None:
        """Once abandoned: cut off what is elsewhere now."""
        if self._groups and self._groups[0].begins_at is not None:
            self.muxer.file.cut(self._groups[0].begins_at)

    def _keep(self, arrival: Arrival) -> None:
        if arrival.packet.is_keyframe:
            self._groups.append(_Group(self.muxer.packets, None if self.muxer.packets else 0))
        if self._groups:  # else too much had come since the last key frame
            self._groups[-1].arrivals.append(arrival)
            self._kept_bytes += arrival.packet.size

    def _forget_confirmed(self) -> None:
        muxer = self.muxer
        if self._groups and self._groups[-1].first == muxer.packets_safe and muxer.packets_safe:
            self._groups[-1].begins_at = muxer.file.size
        ends = [*(group.first for group in self._groups), muxer.packets][1:]
        for end in ends:
            if end > muxer.packets_synced and self._kept_bytes <= _KEPT_BYTES:
                break
            gone = self._groups.popleft()
            self._kept_bytes -= sum(arrival.packet.size for arrival in gone.arrivals)


class PacketClock:
    """Places packets in ticks since the first, decoding times always increasing, whatever the source says.

    A clock that jumps (a camera that began anew) goes on after as long as really passed.
    """

    def __init__(self) -> None:
        self._offset_s = 0.0
        self._last_s: float | None = None
        self._last_ticks = -1
        self._last_arrived_s = 0.0
        self.interval = _USUAL_INTERVAL
        """How long a packet lasts whose successor is not known, in ticks."""

    @property
    def end(self) -> int:
        """When the last packet is over."""
        return self._last_ticks + self.interval

    def place(self, arrival: Arrival) -> tuple[int, int]:
        """Return when to show and when to decode the next packet; call it once for each, in order."""
        pts_s, arrived_s = arrival.pts_s, arrival.arrived_s
        time_s = arrived_s
        if arrival.dts_s is not None:
            time_s = arrival.dts_s
        elif pts_s is not None:
            time_s = pts_s - _REORDERED_S
        if self._last_s is None:
            self._offset_s = -time_s
        elif not -_BACK_S <= time_s - self._last_s <= _AHEAD_S:
            passed = round((arrived_s - self._last_arrived_s) * TICKS_PER_S)
            self._offset_s = (self._last_ticks + max(passed, self.interval)) / TICKS_PER_S - time_s
        dts = round((time_s + self._offset_s) * TICKS_PER_S)
        dts = max(dts, self._last_ticks + 1)
        if self._last_s is not None and dts > self._last_ticks + 1:
            self.interval = dts - self._last_ticks
        self._last_s, self._last_ticks, self._last_arrived_s = time_s, dts, arrived_s
        pts = dts if pts_s is None else max(dts, round((pts_s + self._offset_s) * TICKS_PER_S))
        return pts, dts


class _Nowhere:
    """A file for a container that is never written."""

    def write(self, data: bytes) -> int:
        return len(data)


def _copied(stream: "VideoStream", muxer: str) -> tuple[object, "VideoStream"]:
    """Return a container that holds nothing but the codec of `stream`, and its stream."""
    container = av.open(_Nowhere(), "w", format=muxer)
    return container, container.add_stream_from_template(stream, opaque=True)


def _seconds(ticks: int | None, packet: "Packet[Any]") -> float | None:
    return None if ticks is None or packet.time_base is None else float(ticks * packet.time_base)
