"""One video file being written: the encoder, the muxer, and the time of each picture."""

import contextlib
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import av

from scr_live import __version__
from scr_live.errors import SinkError
from scr_live.frames import USUAL_FPS, Frame, Image, Picture
from scr_live.sinks.crash_safe import CrashSafeFile
from scr_live.sinks.encoding import TICKS_PER_S, Converter, RecorderOptions, configure, padded_to_even

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

MUXERS: Final = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}

_NOTE: Final = f"Annotated by scr-live {__version__}. Research software, not a medical device."
_KEY_FRAME: Final = 1  # AV_PICTURE_TYPE_I
_BREAK_S: Final = 0.5
_FIRST_HYBRID: Final = (61, 7, 100)  # FFmpeg 7.1: fragments while writing, an ordinary mp4 once closed


class Movie:
    """An open recording. One thread at a time; every method may raise OSError or av.FFmpegError."""

    def __init__(self, path: Path, encoder: str, options: RecorderOptions, *, image: Image) -> None:
        self._shape = image.shape
        self._clock = Clock(nominal_fps=options.nominal_fps)
        self._last_key: int | None = None
        self._packets = 0
        self.frames_safe = 0
        """Frames that can be read even if the process dies now."""
        self.file = CrashSafeFile(path, force=options.force)
        try:
            self._container = _open(self.file, MUXERS[path.suffix.lower()])
            self._stream = _add_video(self._container, encoder, options, image=padded_to_even(image))
            self._converter = Converter(self._stream.codec_context.pix_fmt or "yuv420p")
        except BaseException:
            self.file.abandon()
            raise

    def add(self, picture: Picture) -> None:
        """Encode one picture and put on the disk what is ready."""
        if picture.image.shape != self._shape:
            old, new = (f"{shape[1]}x{shape[0]}" for shape in (self._shape, picture.image.shape))
            raise SinkError(
                f"The recording began with {old} pictures and frame {picture.frame.index} is {new}; one file "
                "holds one size. Record again from here to another file."
            )
        for packet in self._stream.encode(self._timed(picture)):
            self._put(packet)

    def finish(self) -> None:
        """Encode what is held back, write the index, and give the file its name."""
        for packet in self._stream.encode(None):
            self._put(packet)
        self._container.close()
        self.file.finish()
        self.frames_safe = self._packets

    def abandon(self) -> None:
        """After an error: keep what is safe and release everything. Raises nothing."""
        self.file.abandon()
        with contextlib.suppress(OSError, ValueError, av.FFmpegError):
            self._container.close()

    def _timed(self, picture: Picture) -> "VideoFrame":
        frame = self._converter.convert(padded_to_even(picture.image))
        frame.time_base = Fraction(1, TICKS_PER_S)
        frame.pts = self._clock.ticks(picture.frame)
        if self._last_key is None or frame.pts - self._last_key >= TICKS_PER_S:
            frame.pict_type = _KEY_FRAME  # by time, so that a slow camera can be searched too
            self._last_key = frame.pts
        return frame

    def _put(self, packet: "Packet[VideoStream]") -> None:
        """Write a packet. Muxers hold each until the next tells how long it lasts: all but one are safe."""
        size = self.file.size
        packet.duration = self._clock.interval  # counts for the last one only; the encoder's is a guess
        self._container.mux_one(packet)
        if self._packets and self.file.size > size:
            self.frames_safe = self._packets
            self.file.mark_safe()
        self._packets += 1


class Clock:
    """Turns frame times into ticks since the first frame, always increasing."""

    def __init__(self, *, nominal_fps: float | None) -> None:
        self._nominal = max(1, round(TICKS_PER_S / nominal_fps)) if nominal_fps and nominal_fps > 0 else None
        self._offset_s = 0.0
        self._last_s = 0.0
        self._last_ticks: int | None = None
        self._by_container = True
        self.interval = self._nominal or round(TICKS_PER_S / USUAL_FPS)
        """How long a frame lasts whose successor is not known."""

    def ticks(self, frame: Frame) -> int:
        """Place the next frame; call it once for each, in order."""
        by_container = frame.pts_s is not None
        time_s = frame.captured_at if frame.pts_s is None else frame.pts_s
        if self._last_ticks is None:
            self._offset_s = -time_s
        elif by_container != self._by_container or time_s < self._last_s - _BREAK_S:
            # Another clock, a looped file or a stream that began anew: go on one interval later.
            self._offset_s = (self._last_ticks + self.interval) / TICKS_PER_S - time_s
        ticks = round((time_s + self._offset_s) * TICKS_PER_S)
        if self._last_ticks is not None:
            ticks = max(ticks, self._last_ticks + 1)
            self._learn_interval(ticks - self._last_ticks)
        self._last_s, self._last_ticks, self._by_container = time_s, ticks, by_container
        return ticks

    def _learn_interval(self, ticks: int) -> None:
        if self._nominal is None and ticks > 1:
            self.interval = ticks


def _open(file: CrashSafeFile, muxer: str) -> "OutputContainer":
    container = av.open(file, "w", format=muxer, container_options=_muxer_options(muxer))
    container.metadata.update(title=_NOTE, comment=_NOTE)
    return container


def _muxer_options(muxer: str) -> dict[str, str]:
    """Every frame is on the disk as soon as the next one is there."""
    if muxer == "matroska":
        return {"flush_packets": "1", "cluster_time_limit": "200"}
    hybrid = av.library_versions["libavformat"] >= _FIRST_HYBRID
    kind = "hybrid_fragmented" if hybrid else "frag_keyframe+empty_moov+default_base_moof"
    return {"movflags": f"{kind}+frag_every_frame", "flush_packets": "1"}


def _add_video(
    container: "OutputContainer", encoder: str, options: RecorderOptions, *, image: Image
) -> "VideoStream":
    stream = cast(
        "VideoStream", container.add_stream(encoder, rate=Fraction(options.fps).limit_denominator(1001))
    )
    height, width = image.shape[:2]
    configure(stream.codec_context, encoder, options, size=(width, height))
    stream.time_base = Fraction(1, TICKS_PER_S)
    container.start_encoding()
    return stream
