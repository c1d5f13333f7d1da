"""Where the packets of a camera or stream can be taken, as they came: for recording without encoding anew."""

import logging
from collections.abc import Callable
from threading import Lock
from typing import Protocol, cast

import av
from av.video.stream import VideoStream

_log = logging.getLogger(__name__)


class PacketTap(Protocol):
    """Gets the packets of a video stream before they are decoded; all of them, those not decoded included.

    For every connection `begin`, packets, `end`; calls never overlap, and those of two connections never mix.
    They come from the thread that receives (`end` also from the one that closes the source): they must not
    block and do not raise. What raises all the same is named in the source's warnings and left alone until
    the next connection.
    """

    def begin(self, stream: VideoStream) -> None:
        """A connection was opened. `stream` is alive only during this call: copy what is needed of it."""
        ...

    def packet(self, packet: "av.Packet[VideoStream]") -> None:
        """The next packet. It is the tap's own: to keep, to change and to mux."""
        ...

    def end(self) -> None:
        """No more comes from this connection."""
        ...


class Tapped:
    """One connection's line to a tap: keeps the order, whichever thread ends it, and nothing comes after."""

    def __init__(self, tap: PacketTap | None, complain: Callable[[str], None]) -> None:
        self._tap = tap
        self._complain = complain
        self._lock = Lock()
        self._is_open = False

    def begin(self, stream: VideoStream) -> None:
        """Tell the tap of the connection."""
        with self._lock:
            if self._tap is not None:
                self._is_open = True
                self._attempt(lambda tap: tap.begin(stream))

    def packet(self, packet: "av.Packet[VideoStream]") -> None:
        """Hand over a packet of one's own; the empty one at the end of a stream is none."""
        with self._lock:
            if self._is_open and packet.size:
                self._attempt(lambda tap: tap.packet(own_packet(packet)))

    def end(self) -> None:
        """Tell the tap, once, that nothing more comes: and nothing does, even if a packet is on its way."""
        with self._lock:
            if self._is_open:
                self._attempt(lambda tap: tap.end())
            self._is_open = False
            self._tap = None

    def _attempt(self, call: Callable[[PacketTap], None]) -> None:
        assert self._tap is not None  # noqa: S101  nothing is open without one
        try:
            call(self._tap)
        except Exception as error:  # noqa: BLE001  a broken recording must not cost the video
            self._is_open = False
            self._complain(f"Taking the packets as they came failed: {type(error).__name__}: {error}.")


class TapSwitch:
    """Lets one connection at a time through to a tap, that with the newest line; after `close` none.

    So a connection that was given up while it was being opened cannot come back into the recording, and after
    `close` no call is running and none comes, whatever is still on its way.
    """

    def __init__(self, tap: PacketTap) -> None:
        self._tap = tap
        self._lock = Lock()
        self._line: _Line | None = None
        self._has_begun = False
        self._is_closed = False

    def line(self) -> PacketTap:
        """Return what the next connection is to be given as its tap; the one before it is cut off."""
        with self._lock:
            self._cut()
            line = _Line(self)
            self._line = None if self._is_closed else line
            return line

    def close(self) -> None:
        """Cut off whoever is connected."""
        with self._lock:
            self._is_closed = True
            self._cut()

    def pass_on(self, line: "_Line", call: Callable[[PacketTap], None], *, begins: bool) -> None:
        """Call the tap, if the line is the one that leads to it."""
        with self._lock:
            if line is self._line:
                self._has_begun = False  # what raises is left alone until the next connection
                call(self._tap)
                self._has_begun = begins

    def _cut(self) -> None:
        if self._has_begun:
            try:
                self._tap.end()
            except Exception:  # noqa: BLE001  nobody is left to hear of it
                _log.exception("ending the recording of packets failed")
        self._has_begun, self._line = False, None


class _Line(PacketTap):
    """A tap that leads through a switch."""

    def __init__(self, switch: TapSwitch) -> None:
        self._switch = switch

    def begin(self, stream: VideoStream) -> None:
        self._switch.pass_on(self, lambda tap: tap.begin(stream), begins=True)

    def packet(self, packet: "av.Packet[VideoStream]") -> None:
        self._switch.pass_on(self, lambda tap: tap.packet(packet), begins=True)

    def end(self) -> None:
        self._switch.pass_on(self, lambda tap: tap.end(), begins=False)


def own_packet(packet: "av.Packet[VideoStream]") -> "av.Packet[VideoStream]":
    """Return a packet that shares the bytes, which nobody changes, alone: muxing changes all else."""
    own = cast("av.Packet[VideoStream]", av.Packet(cast("bytes", packet)))  # it takes any buffer
    own.pts, own.dts, own.time_base = packet.pts, packet.dts, packet.time_base
    own.duration = packet.duration
    own.is_keyframe, own.is_corrupt = packet.is_keyframe, packet.is_corrupt
    for data in packet.iter_sidedata():
        own.set_sidedata(data, move=True)
    return own
