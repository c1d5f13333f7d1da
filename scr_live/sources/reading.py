"""The two threads behind a live source: one receives packets, one decodes them.

Nobody else touches FFmpeg's container, and nobody waits for it: the consumer waits at `frames`. FFmpeg's own
time-outs end the receiving thread. Where they do not reach (a name look-up, a driver that hangs in a system
call) it is left behind as a daemon.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from threading import Thread
from threading import enumerate as enumerate_threads
from time import monotonic

import av
import av.error
from av.codec.context import Flags
from av.container import InputContainer
from av.video.stream import VideoStream

from scr_live.errors import SourceError, SourceLostError, SourceTimeoutError
from scr_live.sources.backlog import Backlog
from scr_live.sources.decode import FrameBuilder, PacketDecoder, Troubles, nominal_fps, video_stream
from scr_live.sources.handoff import Handoff
from scr_live.sources.tap import PacketTap, Tapped

CAPACITY = 4
"""Decoded pictures that may wait for the consumer; a live source then drops the oldest."""

POLL_S = 0.002
"""Pause before a device that has no picture yet (EAGAIN) is asked again."""

PATIENCE_INTERVALS = 3
"""A source that announces a slow rate may be silent for so many of its intervals."""


@dataclass(frozen=True, slots=True)
class LiveTarget:
    """What to open and how long to wait for it."""

    kind: str
    """camera or stream."""
    name: str
    """For people: without passwords."""
    open_container: Callable[[float], InputContainer]
    """Called in the receiving thread with the seconds that a read may take; raises a SourceError."""
    open_timeout_s: float
    read_timeout_s: float
    tap: PacketTap | None = None


class _Thread(Thread):
    """A thread that knows whether its reader was closed."""

    is_unwanted = False


def readers_left_behind() -> int:
    """Count the readers of this process that were closed and have not ended: soon they will, or they hang."""
    return sum(isinstance(thread, _Thread) and thread.is_unwanted for thread in enumerate_threads())


class Reader:
    """Opens a target and puts its decoded pictures into `frames` until the end, a failure or `close`.

    Once a first picture is in `frames`, the facts of the video (`builder`, `fps`, `duration_s`) are known.
    """

    builder: FrameBuilder
    fps: float | None
    duration_s: float | None

    def __init__(self, target: LiveTarget) -> None:
        self._target = target
        self.troubles = Troubles()
        self.frames: Handoff[av.VideoFrame] = Handoff(CAPACITY)
        self._packets: Backlog[av.Packet[VideoStream]] = Backlog()
        self._tapped = Tapped(target.tap, self.troubles.warn)
        self.silence_s = target.read_timeout_s
        self._thread = _Thread(target=self._run, name=f"{target.kind}-reader", daemon=True)
        self._thread.start()

    @property
    def is_live(self) -> bool:
        """Whether the video has no known length: what is not taken in time is dropped."""
        return self.duration_s is None

    @property
    def dropped(self) -> int:
        """Pictures that nobody took in time, decoded or not."""
        return self.frames.dropped + self._packets.dropped

    def close(self) -> None:
        """End it, from any thread, at once; the threads end when FFmpeg lets them."""
        self._thread.is_unwanted = True
        self.frames.close()
        self._packets.close()
        self._tapped.end()

    def wait_gone(self, timeout_s: float) -> bool:
        """Wait for the threads to end and the device to be free."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        """Body of the receiving thread."""
        try:
            with self._open() as container:
                stream = video_stream(container, self._target.name)
                self._prepare(container, stream)
                self._tapped.begin(stream)
                decoding = Thread(target=self._decode, name=f"{self._target.kind}-decoder", daemon=True)
                decoding.start()
                try:
                    self._receive(container, stream)
                finally:
                    self._tapped.end()
                    decoding.join()  # it uses what the container owns
        except BaseException as error:  # noqa: BLE001  it is raised again in the thread that iterates
            self.frames.end(error)

    def _open(self) -> InputContainer:
        """Open; once more with a longer time-out if the video turns out to be slower than it."""
        container = self._target.open_container(self._target.read_timeout_s)
        try:
            fps = nominal_fps(video_stream(container, self._target.name))
        except BaseException:
            container.close()
            raise
        if fps is None or PATIENCE_INTERVALS / fps <= self.silence_s:
            return container
        container.close()
        self.silence_s = PATIENCE_INTERVALS / fps
        return self._target.open_container(self.silence_s)

    def _prepare(self, container: InputContainer, stream: VideoStream) -> None:
        self.duration_s = container.duration / av.time_base if container.duration else None
        self.fps = nominal_fps(stream)
        self.builder = FrameBuilder(
            stream,
            self._target.name,
            troubles=self.troubles,
            longest_gap_s=self.silence_s if self.is_live else inf,
        )
        if self.is_live:
            # Frame threads and waiting for reordered frames that never come each add frames of delay.
            stream.thread_type = "SLICE"
            stream.codec_context.flags |= int(Flags.low_delay)
        else:
            stream.thread_type = "AUTO"

    def _receive(self, container: InputContainer, stream: VideoStream) -> None:
        try:
            for packet in self._demux(container, stream):
                self._tapped.packet(packet)
                if not self._packets.add(packet, is_key=packet.is_keyframe, lossy=self.is_live):
                    break
                if self._packets.dropped:
                    self._say_that_it_is_too_much()
        except BaseException as error:  # noqa: BLE001  the decoder passes it on after what came before it
            self._packets.end(error)
        else:
            self._packets.end(_ended(self._target.name) if self.is_live else None)

    def _demux(self, container: InputContainer, stream: VideoStream) -> "Iterator[av.Packet[VideoStream]]":
        heard_at = monotonic()
        while not self.frames.is_closed():
            try:
                for packet in container.demux(stream):
                    heard_at = monotonic()
                    yield packet
            except BlockingIOError:  # nothing yet: devices are read without blocking
                if monotonic() - heard_at > self.silence_s:
                    raise silent(self._target.name, self.silence_s) from None
                self.frames.wait_closed(POLL_S)
            except av.error.FFmpegError as error:
                raise self._broken(error) from None  # its text has the address, password and all
            else:
                return

    def _decode(self) -> None:
        """Body of the decoding thread."""
        decoder = PacketDecoder(self._target.name, self.troubles, is_live=self.is_live)
        try:
            while (waiting := self._packets.take()) is not None:
                if waiting.after_gap:
                    decoder.skip(waiting.packet)
                for frame in decoder.decode(waiting.packet):
                    if not self.frames.put(frame, lossy=self.is_live):
                        return
            self.frames.end()
        except BaseException as error:  # noqa: BLE001  it is raised again in the thread that iterates
            self.frames.end(error)
        finally:
            self._packets.close()

    def _say_that_it_is_too_much(self) -> None:
        self.troubles.warn(
            f"{self._target.name} sends more than this machine can decode: pictures were left out to stay "
            "with the newest. Ask the sender for a smaller size or rate."
        )

    def _broken(self, error: av.error.FFmpegError) -> SourceError:
        if isinstance(error, av.error.ExitError | TimeoutError):  # ExitError: our time-out interrupted FFmpeg
            return silent(self._target.name, self.silence_s)
        return SourceLostError(
            f"Expected {self._target.name} to go on, but reading failed: {error.strerror}. Check the device, "
            "its cable or the network, and start again."
        )


def _ended(name: str) -> SourceLostError:
    return SourceLostError(
        f"Expected {name} to go on, but the other side ended it. Check the device or the server, and start "
        "again."
    )


def silent(name: str, timeout_s: float) -> SourceTimeoutError:
    """Return the error for a source from which nothing comes."""
    return SourceTimeoutError(
        f"Expected pictures from {name}, but none came for {timeout_s:g} s. Check that it is sending, its "
        "cable and the network."
    )
