"""A video file, decoded by FFmpeg through PyAV, never touching the network."""

import stat
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from threading import Lock

import av
import av.error
from av.container import InputContainer
from av.video.stream import VideoStream

from scr_live.errors import DecoderFailedError, SourceLostError, SourceNotFoundError, SourceUnreadableError
from scr_live.frames import Frame
from scr_live.sources import SourceInfo, VideoSource
from scr_live.sources.decode import (
    FrameBuilder,
    PacketDecoder,
    Troubles,
    assumed_fps,
    nominal_fps,
    video_stream,
)
from scr_live.sources.hardware import SOFTWARE, accelerator, decoder_for

DEMUXERS = (
    "mov,mp4,matroska,webm,avi,mpegts,mpeg,mpegvideo,h264,hevc,av1,obu,ivf,m4v,flv,asf,ogg,mxf,dv,nut,"
    "mjpeg,yuv4mpegpipe,gif,vc1,wtv,dhav,mp3,wav,flac,aac"
)
"""Containers that are one self-contained file. Playlists (HLS, concat, SDP) are not: they lead elsewhere.

The audio ones are here so that a sound file is called a sound file.
"""

MAX_DEMUX_ERRORS_IN_A_ROW = 20
"""Unreadable places in a row after which the rest of a file is given up."""


class FileSource(VideoSource):
    """Every frame of a file, in order, as fast as it is taken.

    `warnings` and `decode_errors` say what was skipped or missing. With `loop` it never ends: times and
    indices go on. decoder: as in SourceOptions; if a device fails, the file goes on in software, at the same
    frame.
    """

    def __init__(self, path: Path, *, loop: bool = False, decoder: str = SOFTWARE) -> None:
        _refuse_what_is_no_file(path)
        self._path = path
        self._loop = loop
        self._device = decoder_for(decoder)
        self._troubles = Troubles()
        self._lock = Lock()  # held while FFmpeg works on the container, which close() must not free then
        self._closed = False
        self._decoded = 0
        self._has_ended = False
        self._decoder = PacketDecoder(path.name, self._troubles, device=self._device)
        self._container = _open(path, self._device)
        try:
            stream = video_stream(self._container, str(path))
            self._builder = FrameBuilder(stream, path.name, troubles=self._troubles)
            decoded = self._decode_all()
            first_frame = self._builder.build(_first(decoded, path))
            self._info = _info(path, self._container, first_frame)
        except BaseException:
            self._container.close()
            raise
        self._frames = chain([first_frame], map(self._builder.build, decoded))

    @property
    def info(self) -> SourceInfo:
        """What is known of the file; the frame count is what its index announces."""
        return self._info

    @property
    def warnings(self) -> list[str]:
        """Sentences for the person who runs this, complete once the iteration has ended."""
        return [*self._troubles.warnings, *self._damage()]

    @property
    def decode_errors(self) -> int:
        """Packets that could not be decoded, and frames that were decoded with visible damage."""
        return self._troubles.decode_errors

    def __iter__(self) -> Iterator[Frame]:
        while True:
            with self._lock:
                frame = None if self._closed else next(self._frames, None)
            if frame is None:
                return
            yield frame

    def close(self) -> None:
        """End the iteration, from any thread; waits for the frame that is being decoded."""
        with self._lock:
            self._closed = True
            self._container.close()

    def _decode_all(self) -> Iterator[av.VideoFrame]:
        while True:
            count = 0
            for count, frame in enumerate(self._decode_once(), 1):  # noqa: B007  it is wanted afterwards
                self._decoded += 1
                yield frame
            if not self._loop or not count:  # not one: the file was replaced, and would be opened for ever
                self._has_ended = not self._loop
                return
            self._open_again()
            self._builder.restart()

    def _decode_once(self) -> Iterator[av.VideoFrame]:
        """Decode what is open; if a device fails, once more in software, from the first picture it owes."""
        given = 0
        errors_before = self._troubles.decode_errors
        try:
            for given, frame in enumerate(self._decode_opened(), 1):  # noqa: B007
                yield frame
        except DecoderFailedError as error:
            self._troubles.warn(str(error))
        else:
            return
        self._device = None
        self._decoder = PacketDecoder(self._path.name, self._troubles)
        self._troubles.decode_errors = errors_before  # damage is met again
        self._open_again()
        yield from islice(self._decode_opened(), given, None)

    def _open_again(self) -> None:
        """Begin anew: that works for every container; seeking does not (raw streams, broken indexes)."""
        self._container.close()
        self._container = _open(self._path, self._device)

    def _decode_opened(self) -> Iterator[av.VideoFrame]:
        stream = video_stream(self._container, str(self._path))
        stream.thread_type = "AUTO"
        packets = 0
        end_s = 0.0
        for packet in self._packets(stream):
            packets += bool(packet.size)
            for frame in self._decoder.decode(packet):
                end_s = max(end_s, frame.time or 0.0)
                yield frame
        self._note_an_early_end(stream, packets, end_s)

    def _packets(self, stream: VideoStream) -> "Iterator[av.Packet[VideoStream]]":
        """Demux to the end, over unreadable places."""
        failures = 0
        while True:
            try:
                for packet in self._container.demux(stream):
                    failures = 0
                    yield packet
            except av.error.InvalidDataError:
                failures += 1
                self._troubles.decode_errors += 1
                if failures >= MAX_DEMUX_ERRORS_IN_A_ROW:
                    self._troubles.warn(f"{self._path.name} is unreadable from some place on.")
                    return
            except av.error.FFmpegError as error:
                raise SourceLostError(
                    f"Expected to read {self._path} to its end, but reading failed: {error.strerror}. Check "
                    "the disk or the network drive it lies on."
                ) from error
            else:
                return

    def _damage(self) -> Iterator[str]:
        """Say how much was damaged: what is skipped or concealed leaves no other trace."""
        errors, announced = self.decode_errors, self._info.frame_count or 0
        if not errors:
            return
        broken = "1 damaged packet or frame" if errors == 1 else f"{errors} damaged packets or frames"
        text = f"{self._path.name} has {broken}"
        if self._has_ended and self._decoded < announced:
            text += f"; {self._decoded} of about {announced} announced frames could be decoded"
        yield f"{text}. Copy it again from where it was recorded."

    def _note_an_early_end(self, stream: VideoStream, packets: int, end_s: float) -> None:
        """Warn if index and clock agree that something is missing; one alone may be an edit list or audio."""
        announced_s = (self._container.duration or 0) / av.time_base
        start_s = float((stream.start_time or 0) * (stream.time_base or 0))
        missing_s = announced_s - (end_s - start_s)
        interval_s = 1 / assumed_fps(stream)
        by_index = packets < stream.frames and missing_s > 2 * interval_s
        by_clock = not stream.frames and len(self._container.streams) == 1 and missing_s > 1 + 2 * interval_s
        if by_index or by_clock:
            self._troubles.warn(
                f"{self._path.name} is cut short: it announces {announced_s:.1f} s of video, and ends after "
                f"{max(announced_s - missing_s, 0.0):.1f} s."
            )


def _refuse_what_is_no_file(path: Path) -> None:
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise SourceNotFoundError(
            f"Expected a video file at {path}, found nothing there. Check the path."
        ) from error
    except OSError as error:
        raise SourceUnreadableError(
            f"Expected a readable video file at {path}, but it cannot be looked at: {error.strerror}."
        ) from error
    if not stat.S_ISREG(status.st_mode):
        # Opening a pipe or a device like a file could block for ever.
        raise SourceUnreadableError(
            f"Expected a video file at {path}, found a {'directory' if path.is_dir() else 'pipe or device'}. "
            "Give a file, a folder of pictures, a camera or a stream address."
        )
    if status.st_size == 0:
        raise SourceUnreadableError(
            f"Expected a video file at {path}, found an empty file. Copy it again from where it was recorded."
        )


def _first(decoded: Iterator[av.VideoFrame], path: Path) -> av.VideoFrame:
    for frame in decoded:
        return frame
    raise SourceUnreadableError(
        f"Expected video in {path}, but not one frame of it can be decoded. The file is damaged or cut "
        "short; copy it again from where it was recorded."
    )


def _open(path: Path, device: str | None) -> InputContainer:
    hwaccel = accelerator(device)
    try:
        return av.open(
            f"file:{path.resolve()}",  # the prefix keeps a name with a colon from being taken for an address
            options={"protocol_whitelist": "file", "format_whitelist": DEMUXERS},
            hwaccel=hwaccel,
        )
    except av.error.PermissionError as error:
        raise SourceUnreadableError(
            f"Expected to read {path}, but permission is denied. Change the file's permissions or its owner."
        ) from error
    except (av.error.FFmpegError, ValueError) as error:
        raise SourceUnreadableError(
            f"Expected a video file (such as MP4, MKV, AVI or MPEG-TS) at {path}, found something that is "
            f"none, or one whose index is missing because the recording was broken off ({_reason(error)}). "
            "Copy it again, or repair it: a recording of scr-live (MP4, MOV or MKV) with `scr-live repair`, "
            "another with its recorder's own tool; playlists are not followed."
        ) from error


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, av.error.FFmpegError) else None) or type(error).__name__


def _info(path: Path, container: InputContainer, first: Frame) -> SourceInfo:
    stream = video_stream(container, str(path))
    duration_s = container.duration / av.time_base if container.duration else None
    count = stream.frames
    if not count and duration_s:
        count = round(duration_s * assumed_fps(stream))
    height, width = first.image.shape[:2]
    return SourceInfo(
        kind="file",
        name=str(path),
        width=width,
        height=height,
        fps=nominal_fps(stream),
        is_live=False,
        frame_count=count or None,
        duration_s=duration_s,
    )
