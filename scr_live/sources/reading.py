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
from typing import Final, cast

import av
import av.error
from av.codec.context import Flags
from av.container import InputContainer
from av.video.stream import VideoStream

from scr_live.errors import SourceError, SourceLostError, SourceTimeoutError
from scr_live.sources.decode import FrameBuilder, PacketDecoder, Troubles, nominal_fps, video_stream
from scr_live.sources.handoff import Handoff
from scr_live.sources.packet_queue import JUMP_AFTER_S, PacketQueue, Waiting
from scr_live.sources.tap import PacketTap, Tapped

CAPACITY = 4
"""Decoded pictures that may wait for the consumer; a live source then drops the oldest."""

POLL_S = 0.002
"""Pause before a device that has no picture yet (EAGAIN) is asked again."""

PATIENCE_INTERVALS = 3
"""A source that announces a slow rate may be silent for so many of its intervals."""

LONGEST_DELAY_S: Final = 1.0
"""A live picture that is decoded later than this after its packet came is not handed out."""


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
    undecoded_timeout_s: float = 0.0
    """Without a picture for so long although packets come, it fails; not earlier than in silence."""
    tap: PacketTap | None = None
    device: str | None = None
    """What decodes, if it can be had; None for software."""


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
        self._packets: PacketQueue[av.Packet[VideoStream]] = PacketQueue()
        self._tapped = Tapped(target.tap, self.troubles.warn)
        self._too_late = 0
        self._skipped = 0
        self._has_packets = False
        self.silence_s = target.read_timeout_s
        self.due_at = monotonic() + target.open_timeout_s
        """By when FFmpeg's time-outs end what it is doing, unless it hangs."""
        self._thread = _Thread(target=self._run, name=f"{target.kind}-reader", daemon=True)
        self._thread.start()

    @property
    def is_live(self) -> bool:
        """Whether the video has no known length: what is not taken in time is dropped."""
        return self.duration_s is None

    @property
    def dropped(self) -> int:
        """Pictures that nobody took in time, decoded or not."""
        return self.frames.dropped + self._packets.dropped + self._too_late + self._skipped

    @property
    def is_overdue(self) -> bool:
        """Whether nothing has come for as long as may be: the other side is silent, or FFmpeg hangs."""
        return monotonic() >= self.due_at

    @property
    def receives(self) -> bool:
        """Whether packets come; pictures may not."""
        return self._has_packets and not self.is_overdue

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
        container = self._opened()
        try:
            fps = nominal_fps(video_stream(container, self._target.name))
        except BaseException:
            container.close()
            raise
        if fps is None or PATIENCE_INTERVALS / fps <= self.silence_s:
            return container
        container.close()
        self.silence_s = PATIENCE_INTERVALS / fps
        return self._opened()

    def _opened(self) -> InputContainer:
        self.due_at = monotonic() + self._target.open_timeout_s
        container = self._target.open_container(self.silence_s)
        self.due_at = monotonic() + self.silence_s
        return container

    def _prepare(self, container: InputContainer, stream: VideoStream) -> None:
        self.duration_s = container.duration / av.time_base if container.duration else None
        self.fps = nominal_fps(stream)
        self.builder = FrameBuilder(
            stream,
            self._target.name,
            troubles=self.troubles,
            # Apart by more than a silence: pictures between them were too late.
            longest_gap_s=self.silence_s + LONGEST_DELAY_S if self.is_live else inf,
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
                if not self._packets.add(
                    packet, is_key=packet.is_keyframe, lossy=self.is_live, size=packet.size
                ):
                    break
                if self._packets.dropped:
                    self._say_that_it_is_too_much()
        except BaseException as error:  # noqa: BLE001  the decoder passes it on after what came before it
            self._packets.end(error)
        else:
            self._packets.end(_ended(self._target.name) if self.is_live else None)

    def _demux(self, container: InputContainer, stream: VideoStream) -> "Iterator[av.Packet[VideoStream]]":
        while not self.frames.is_closed():
            try:
                for packet in container.demux():  # of all streams: else sound could keep this thread for ever
                    if self.is_live:  # if late: FFmpeg's time-out struck, and it gives out what it still had
                        self._check_silence()
                    if packet.stream_index == stream.index:
                        self._hear()
                        yield cast("av.Packet[VideoStream]", packet)
                        self._hear()  # a recording may have had to wait for room
                    elif self.frames.is_closed():
                        return
            except BlockingIOError:  # nothing yet: devices are read without blocking
                self._check_silence()
                self.frames.wait_closed(POLL_S)
            except av.error.FFmpegError as error:
                raise self._broken(error) from None  # its text has the address, password and all
            else:
                return

    def _hear(self) -> None:
        self.due_at = monotonic() + self.silence_s
        self._has_packets = True

    def _check_silence(self) -> None:
        if self.is_overdue:
            raise silent(self._target.name, self.silence_s)

    def _decode(self) -> None:
        """Body of the decoding thread."""
        decoder = PacketDecoder(
            self._target.name, self.troubles, is_live=self.is_live, device=self._target.device
        )
        try:
            while (waiting := self._packets.take()) is not None:
                if not self._decode_one(decoder, waiting):
                    return
            self.frames.end()
        except BaseException as error:  # noqa: BLE001  it is raised again in the thread that iterates
            self.frames.end(error)
        finally:
            self._packets.close()

    def _decode_one(self, decoder: PacketDecoder, waiting: "Waiting[av.Packet[VideoStream]]") -> bool:
        """Hand over what is decoded in time; False once nobody wants more."""
        if waiting.after_gap:
            decoder.skip(waiting.packet)
        decoder.hurries = self.is_live and monotonic() - waiting.arrived_at > JUMP_AFTER_S
        for frame in decoder.decode(waiting.packet):
            if self.is_live and monotonic() - waiting.arrived_at > LONGEST_DELAY_S:
                self._too_late += 1  # it was wanted for those after it; shown, it would pass for living
                self._say_that_it_is_too_much()
            elif not self.frames.put(frame, lossy=self.is_live):
                return False
        self._skipped = decoder.skipped
        return True

    def _say_that_it_is_too_much(self) -> None:
        self.troubles.warn(
            f"This machine could not decode {self._target.name} as fast as it came: pictures were left out "
            "to stay with the newest. If that goes on, ask the sender for a smaller size or rate, or for a "
            "key frame every second."
        )

    def _broken(self, error: av.error.FFmpegError) -> SourceError:
        if isinstance(error, av.error.ExitError | TimeoutError):  # ExitError: our time-out interrupted FFmpeg
            return silent(self._target.name, self.silence_s)
        return SourceLostError(
            f"Expected {self._target.name} to go on, but reading failed: {error.strerror}. Check the device, "
            "its cable or the network."
        )


def _ended(name: str) -> SourceLostError:
    return SourceLostError(
        f"Expected {name} to go on, but the other side ended it. Check the device or the server."
    )


def silent(name: str, timeout_s: float) -> SourceTimeoutError:
    """Return the error for a source from which nothing comes."""
    return SourceTimeoutError(
        f"Expected pictures from {name}, but none came for {timeout_s:g} s. Check that it is sending, its "
        "cable and the network."
    )


def undecoded(name: str, timeout_s: float) -> SourceTimeoutError:
    """Return the error for a source of whose packets no picture could be made."""
    return SourceTimeoutError(
        f"Expected pictures from {name}, but none could be decoded in time for {timeout_s:g} s, although "
        "packets come. Either this machine is too slow for it, or what it sends is damaged: close other "
        "programs, ask the sender for a smaller size and a key frame every second, and check the network."
    )
