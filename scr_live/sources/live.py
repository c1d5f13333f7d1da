"""What cameras and streams share: a watched thread that opens, demuxes and decodes.

No read can block for ever, because nobody waits for FFmpeg itself: the consumer waits at the handoff, with a
time-out of its own. FFmpeg's own time-outs then end the reader. Where they do not reach (a name look-up, a
driver that hangs in a system call), `close` waits for the reader a little, says so in `warnings`, and leaves
it behind as a daemon.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from threading import Lock, Thread
from time import monotonic

import av
import av.error
from av.codec.context import Flags
from av.container import InputContainer
from av.video.stream import VideoStream

from scr_live.errors import SourceError, SourceLostError, SourceTimeoutError, SourceUnreadableError
from scr_live.frames import Frame
from scr_live.sources import SourceInfo, VideoSource
from scr_live.sources.decode import FrameBuilder, PacketDecoder, Troubles, nominal_fps, video_stream
from scr_live.sources.handoff import Handoff

CAPACITY = 4
"""Decoded pictures that may wait for the consumer; a live source then drops the oldest."""

POLL_S = 0.002
"""Pause before a device that has no picture yet (EAGAIN) is asked again."""

GRACE_S = 1.0
"""What close() waits for the reader beyond the read time-out."""


@dataclass(frozen=True, slots=True)
class LiveTarget:
    """What to open and how long to wait for it."""

    kind: str
    """camera or stream."""
    name: str
    """For people: without passwords."""
    open_container: Callable[[], InputContainer]
    """Called in the reader thread; raises a SourceError."""
    open_timeout_s: float
    read_timeout_s: float


class LiveSource(VideoSource):
    """Pictures as they arrive; those not taken in time are dropped, counted in `dropped`.

    A source that knows its own length (a recording behind an address) is not live: it drops nothing, and its
    end is an end. The end of a live one is a SourceLostError. Silence is a SourceTimeoutError.
    """

    def __init__(self, target: LiveTarget) -> None:
        self._target = target
        self._troubles = Troubles()
        self._handoff: Handoff[av.VideoFrame] = Handoff(CAPACITY)
        self._lock = Lock()  # of the iteration: one consumer at a time
        self._thread = Thread(target=self._read, name=f"{target.kind}-reader", daemon=True)
        self._thread.start()
        try:
            self._first: Frame | None = self._take_first()
        except BaseException as error:
            self.close()
            for warning in self.warnings:  # there will be no source to ask for them
                error.add_note(warning)
            raise
        height, width = self._first.image.shape[:2]
        self._info = SourceInfo(
            target.kind,
            target.name,
            width=width,
            height=height,
            fps=self._fps,
            is_live=self._duration_s is None,
            frame_count=round(self._duration_s * self._fps) if self._duration_s and self._fps else None,
            duration_s=self._duration_s,
        )

    @property
    def info(self) -> SourceInfo:
        """What is known since the first picture."""
        return self._info

    @property
    def warnings(self) -> list[str]:
        """Sentences for the person who runs this."""
        return self._troubles.warnings

    @property
    def decode_errors(self) -> int:
        """Packets that could not be decoded, and pictures that were decoded with visible damage."""
        return self._troubles.decode_errors

    @property
    def dropped(self) -> int:
        """Decoded pictures that nobody took in time."""
        return self._handoff.dropped

    def __iter__(self) -> Iterator[Frame]:
        while True:
            with self._lock:
                frame = self._next()
            if frame is None:
                return
            yield frame

    def close(self) -> None:
        """End the iteration at once, from any thread; returns when the reader has let go of the device."""
        self._handoff.close()
        self._thread.join(self._target.read_timeout_s + GRACE_S)
        if self._thread.is_alive():
            self._troubles.warn(
                f"{self._target.name} did not let go within {self._target.read_timeout_s + GRACE_S:g} s; its "
                "driver or the name look-up hangs. It is left behind and ends with the program."
            )

    def _next(self) -> Frame | None:
        if self._handoff.is_closed():
            return None
        if self._first is not None:
            frame, self._first = self._first, None
            return frame
        decoded = self._take(self._target.read_timeout_s)
        return None if decoded is None else self._builder.build(decoded)

    def _take_first(self) -> Frame:
        decoded = self._take(self._target.open_timeout_s + self._target.read_timeout_s)
        if decoded is None:
            raise SourceUnreadableError(
                f"Expected video from {self._target.name}, but it ended before one picture could be decoded. "
                "Check what it sends; H.264 over RTSP or MPEG-TS works best."
            )
        return self._builder.build(decoded)

    def _take(self, timeout_s: float) -> av.VideoFrame | None:
        try:
            return self._handoff.take(timeout_s)
        except SourceError:
            raise
        except TimeoutError as error:
            raise _silent(self._target, timeout_s) from error

    def _read(self) -> None:
        """Body of the reader thread: the only one that touches the container."""
        try:
            with self._target.open_container() as container:
                stream = video_stream(container, self._target.name)
                self._prepare(container, stream)
                self._read_all(container, stream)
        except BaseException as error:  # noqa: BLE001  it is raised again in the thread that iterates
            self._handoff.end(error)
        else:
            self._handoff.end()

    def _prepare(self, container: InputContainer, stream: VideoStream) -> None:
        self._duration_s = container.duration / av.time_base if container.duration else None
        self._fps = nominal_fps(stream)
        live = self._duration_s is None
        self._builder = FrameBuilder(
            stream,
            self._target.name,
            troubles=self._troubles,
            longest_gap_s=self._target.read_timeout_s if live else inf,
        )
        if live:
            # Frame threads and waiting for reordered frames that never come each add frames of delay.
            stream.thread_type = "SLICE"
            stream.codec_context.flags |= int(Flags.low_delay)
        else:
            stream.thread_type = "AUTO"

    def _read_all(self, container: InputContainer, stream: VideoStream) -> None:
        live = self._duration_s is None
        decoder = PacketDecoder(self._target.name, self._troubles, is_live=live)
        for packet in self._packets(container, stream):
            if self._handoff.is_closed():
                return
            for frame in decoder.decode(packet):
                if not self._handoff.put(frame, lossy=live):
                    return
        if live and not self._handoff.is_closed():
            raise SourceLostError(
                f"Expected {self._target.name} to go on, but the other side ended it. Check the device or "
                "the server, and start again."
            )

    def _packets(self, container: InputContainer, stream: VideoStream) -> "Iterator[av.Packet[VideoStream]]":
        heard_at = monotonic()
        while not self._handoff.is_closed():
            try:
                for packet in container.demux(stream):
                    heard_at = monotonic()
                    yield packet
            except BlockingIOError:  # nothing yet: devices are read without blocking
                if monotonic() - heard_at > self._target.read_timeout_s:
                    raise _silent(self._target, self._target.read_timeout_s) from None
                self._handoff.wait_closed(POLL_S)
            except av.error.FFmpegError as error:
                raise _broken(self._target, error) from None  # its text has the address, password and all
            else:
                return


def _silent(target: LiveTarget, timeout_s: float) -> SourceTimeoutError:
    return SourceTimeoutError(
        f"Expected pictures from {target.name}, but none came for {timeout_s:g} s. Check that it is sending, "
        "its cable and the network."
    )


def _broken(target: LiveTarget, error: av.error.FFmpegError) -> SourceError:
    if isinstance(error, av.error.ExitError | TimeoutError):  # ExitError: our time-out interrupted FFmpeg
        return _silent(target, target.read_timeout_s)
    return SourceLostError(
        f"Expected {target.name} to go on, but reading failed: {error.strerror}. Check the device, its cable "
        "or the network, and start again."
    )
