"""What file, stream and camera share: packets become decoded frames, decoded frames become Frames."""

import logging
from collections.abc import Iterator
from fractions import Fraction
from math import inf
from time import perf_counter
from typing import cast

import av
import av.error
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from scr_live.errors import DecoderFailedError, SourceChangedError, SourceUnreadableError
from scr_live.frames import USUAL_FPS, Frame
from scr_live.sources.convert import Deinterlacer, RgbConverter, as_video
from scr_live.sources.hardware import Planar, give_up
from scr_live.sources.timeline import Timeline

MAX_FPS = 1000
"""Above this, what a container calls its frame rate is its clock (DV says 60000)."""

MAX_ERRORS_IN_A_ROW = 500
"""Undecodable packets after which a video counts as unreadable."""

DEVICE_ERRORS_IN_A_ROW = 3
"""Packets that a device cannot decode after which it is left: if they are damaged, that costs little."""

_LENDERS = ("rawvideo", "wrapped_avframe")
"""Decoders whose pictures lie in the packet: of a camera, in the driver's memory, gone when it is closed."""

_VARIABLE_RATE = 0.02  # average and base rate further apart than this: not one constant rate
_log = logging.getLogger(__name__)


class Troubles:
    """What went wrong without ending the video: `warnings` for people, `decode_errors` for statistics."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.decode_errors = 0

    def warn(self, text: str) -> None:
        """Keep a sentence for the summary, once, and log it."""
        if text not in self.warnings:
            self.warnings.append(text)
            _log.info(text)


class PacketDecoder:
    """Decodes the packets of one stream; corrupt ones are counted and skipped. One thread at a time.

    device: what the stream was to be opened with, see `hardware.accelerator`; None for software. If it fails,
    that is a DecoderFailedError, and it is not used again in this process.
    """

    def __init__(
        self, name: str, troubles: Troubles, *, is_live: bool = False, device: str | None = None
    ) -> None:
        self._name = name
        self._troubles = troubles
        self._is_live = is_live
        self._device = device
        self._has_pictures = False
        self._deinterlacer = Deinterlacer()
        self._size: tuple[int, int] | None = None
        self._errors_in_a_row = 0
        self.hurries = False
        """Whether pictures that no other one needs may be left out, to catch up."""
        self.skipped = 0
        """Packets that gave no picture for that."""
        self._skips = False

    def decode(self, packet: "av.Packet[VideoStream]") -> Iterator[av.VideoFrame]:
        """Yield frames in display order; the empty packet at the end of a demuxer drains the decoder."""
        for frame in self._decoded(packet):
            self._check_size(frame)
            yield from self._deinterlacer.push(frame)
        if packet.size == 0:
            yield from self._deinterlacer.flush()

    def skip(self, packet: "av.Packet[VideoStream]") -> None:
        """Forget what came before this packet, a key frame: the packets between were left out."""
        packet.stream.codec_context.flush_buffers()
        self._deinterlacer.flush()

    def _decoded(self, packet: "av.Packet[VideoStream]") -> list[av.VideoFrame]:
        # Half a picture cannot be woven: of interlaced video all fields are wanted.
        skips = self.hurries and not self._deinterlacer.is_on
        if skips != self._skips:
            packet.stream.codec_context.skip_frame = "NONREF" if skips else "DEFAULT"
            self._skips = skips
        if self._device is not None and not self._is_on_device(packet):
            self._troubles.warn(
                f"{self._name} is decoded in software: {self._device} cannot be had, or does not take it."
            )
            self._device = None
        try:
            frames = self._decoded_by_ffmpeg(packet)
        except av.error.FFmpegError as error:
            self._troubles.decode_errors += 1
            self._errors_in_a_row += 1
            self._doubt_the_device(error, is_last=packet.size == 0)
            if self._errors_in_a_row >= MAX_ERRORS_IN_A_ROW:
                raise SourceUnreadableError(
                    f"Expected video in {self._name}, but {self._errors_in_a_row} packets in a row cannot "
                    f"be decoded ({error.strerror}). The data is damaged or encrypted; copy it again."
                ) from error
            return []
        if frames:
            self._errors_in_a_row = 0
            self._has_pictures = True
        elif skips and packet.size:
            self.skipped += 1
        self._troubles.decode_errors += sum(frame.is_corrupt for frame in frames)
        return frames

    def _is_on_device(self, packet: "av.Packet[VideoStream]") -> bool:
        return packet.stream.codec_context.is_hwaccel

    def _decoded_by_ffmpeg(self, packet: "av.Packet[VideoStream]") -> list[av.VideoFrame]:
        return packet.decode()

    def _doubt_the_device(self, error: av.error.FFmpegError, *, is_last: bool) -> None:
        # Who joins a live stream in the middle cannot decode at first, whatever decodes.
        may_be_guilty = self._has_pictures or not self._is_live
        is_enough = is_last or self._errors_in_a_row >= DEVICE_ERRORS_IN_A_ROW
        if self._device is None or not may_be_guilty or not is_enough:
            return
        self._troubles.decode_errors -= self._errors_in_a_row  # the source may be sound
        give_up(self._device)
        raise DecoderFailedError(
            f"{self._device} failed to decode {self._name} ({error.strerror}). It is not used again in this "
            "run; for the next, leave --decoder at software."
        ) from None  # an address may have its password in FFmpeg's text

    def _check_size(self, frame: av.VideoFrame) -> None:
        size = (frame.width, frame.height)
        if self._size is None:
            self._size = size
        elif size != self._size:
            # Everything behind (the field, the tracks, the recording) is of one size: a live source is to be
            # opened again, a file cannot be used as it is.
            kind = SourceChangedError if self._is_live else SourceUnreadableError
            remedy = (
                "It has to be opened anew."
                if self._is_live
                else "Split it there, or re-encode it to one size."
            )
            raise kind(
                f"Expected {self._size[0]}x{self._size[1]} throughout {self._name}, found "
                f"{size[0]}x{size[1]} from some picture on. {remedy}"
            )


class FrameBuilder:
    """Gives decoded frames their index, time and RGB picture."""

    def __init__(
        self, stream: VideoStream, name: str, *, troubles: Troubles, longest_gap_s: float = inf
    ) -> None:
        self._name = name
        self._troubles = troubles
        self._fps = assumed_fps(stream)
        self._planar = Planar()
        self._converter = RgbConverter()
        self._lends = stream.codec_context.name in _LENDERS
        self._timeline = Timeline(1 / self._fps, longest_gap_s)
        self._index = 0
        self._note_pixel_shape(stream)

    def build(self, decoded: av.VideoFrame) -> Frame:
        """Return the next Frame, stamped with the time of this call's end."""
        container_s = cast("float | None", decoded.time)
        if container_s is None and self._index:  # RTP has a time from its second picture on
            self._troubles.warn(
                f"{self._name} carries no time stamps; its frames are taken to be {self._fps:g} a second."
            )
        if not self._lends:
            decoded = self._planar.planes(decoded)
        image = self._converter.convert(decoded)
        frame = Frame(
            image,
            self._index,
            self._timeline.seconds(container_s),
            perf_counter(),
            as_video=None if self._lends else as_video(decoded, image),
        )
        self._index += 1
        return frame

    def restart(self) -> None:
        """Say that the video begins again; indices and times go on."""
        self._timeline.restart()

    def _note_pixel_shape(self, stream: VideoStream) -> None:
        shape = stream.codec_context.sample_aspect_ratio
        if shape and shape != 1:
            self._troubles.warn(
                f"{self._name} has pixels that are not square ({shape.numerator}:{shape.denominator}); its "
                "pictures are taken as they are stored, not stretched."
            )


def video_stream(container: InputContainer, name: str) -> VideoStream:
    """Pick the first real video stream; SourceUnreadableError if there is none or no decoder for it."""
    moving = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not moving:
        kinds = ", ".join(sorted({s.type for s in container.streams})) or "nothing"
        raise SourceUnreadableError(
            f"Expected a video stream in {name}, found only: {kinds}. Give a file or address "
            "that carries video."
        )
    stream = moving[0]
    if cast("object", stream.codec_context) is None:
        raise SourceUnreadableError(
            f"Expected a video codec that FFmpeg can decode in {name}, found one that it has no decoder for. "
            "Re-encode the video as H.264."
        )
    return stream


def nominal_fps(stream: VideoStream) -> float | None:
    """Frames a second as the container has it; None if unknown or variable."""
    average, base = _average(stream), stream.base_rate
    if average is None:
        return None
    if base and min(abs(base / (average * n) - 1) for n in (1, 2)) > _VARIABLE_RATE:  # 2: fields
        return None
    return float(average)


def assumed_fps(stream: VideoStream) -> float:
    """Return the best guess at a rate, for frames that carry no time."""
    return float(_average(stream) or USUAL_FPS)


def _average(stream: VideoStream) -> Fraction | None:
    rates = (stream.average_rate, stream.guessed_rate)
    return next((rate for rate in rates if rate and rate <= MAX_FPS), None)
