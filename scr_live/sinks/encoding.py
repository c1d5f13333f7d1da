"""H.264 through FFmpeg: which encoder works here, how it is set, and RGB to BT.709 video levels."""

import os
from fractions import Fraction
from functools import cache
from typing import Final

import av
import numpy as np
from av.codec import Codec
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from scr_live.errors import OptionError
from scr_live.frames import Image, Picture, Planes
from scr_live.planes import copied, draw_changes, in_one
from scr_live.sinks.options import RecorderOptions

TICKS_PER_S: Final = 90_000
"""Every usual frame interval (24 to 60 fps, and the NTSC ones) is a whole number of these."""

BITS_A_PIXEL: Final = 0.15
"""Generous for endoscopy in H.264 of the default quality."""

_BT709: Final = 1  # the same number in H.273 for primaries, transfer and matrix, and in swscale
_LIMITED: Final = 1
_FULL: Final = 2
_PYAV_ROWS: Final = 4
"""PyAV takes planes of so many rows, and of a multiple; of others it would leave out the last two."""
_PAGE: Final = 4096  # or larger
_READ_PAST_END: Final = 16
_HARDWARE: Final = (
    "h264_nvenc",
    "h264_qsv",
    "h264_amf",
    "h264_videotoolbox",
    "h264_v4l2m2m",
    "h264_mf",
)


def choose_encoder(name: str) -> str:
    """Return the encoder that `name` means; an OptionError names what works here if it does not."""
    encoder = "libx264" if name == "auto" else name
    if not encoder_works(encoder):
        works = ", ".join(working_encoders()) or "none"
        raise OptionError(
            f"The video encoder {name!r} does not work on this machine. Encoders of H.264 that do: {works}."
        )
    return encoder


def working_encoders() -> tuple[str, ...]:
    """Name the H.264 encoders that really encode a picture here."""
    return tuple(name for name in ("libx264", *_HARDWARE) if encoder_works(name))


@cache
def encoder_works(name: str) -> bool:
    """Whether `name` is an H.264 encoder and really encodes: a build may list one that has no device here."""
    try:
        codec = Codec(name, "w")
        if codec.name != name or codec.canonical_name != "h264":  # FFmpeg takes "h264" for its first encoder
            return False
        context = codec.create("video")
        configure(context, name, RecorderOptions(), size=(320, 240))
        context.encode(Converter(pixel_format(codec)).convert(np.zeros((240, 320, 3), np.uint8)))
    except (av.FFmpegError, ValueError, OSError):
        return False
    return True


def pixel_format(codec: Codec) -> str:
    """4:2:0 in eight bits as the encoder likes its planes; players expect nothing else."""
    names = [each.name for each in codec.video_formats or []]
    return "yuv420p" if "yuv420p" in names or "nv12" not in names else "nv12"


def configure(
    context: VideoCodecContext, encoder: str, options: RecorderOptions, *, size: tuple[int, int]
) -> None:
    """Set up an unopened encoder for `size` (width, height), both even."""
    context.width, context.height = size
    context.pix_fmt = pixel_format(context.codec)
    context.time_base = Fraction(1, TICKS_PER_S)
    context.framerate = Fraction(options.fps).limit_denominator(1001)
    context.gop_size = max(1, round(options.fps))
    context.color_primaries = context.color_trc = context.colorspace = _BT709
    context.color_range = _LIMITED
    context.options = _encoder_options(encoder, options, size=size)


class Converter:
    """RGB to 4:2:0, BT.709 limited range, tagged so. One thread at a time (it keeps swscale's context)."""

    def __init__(self, pixel_format_name: str) -> None:
        self._format = pixel_format_name
        self._reformatter = VideoReformatter()

    def convert_picture(self, picture: Picture) -> VideoFrame:
        """Of the samples that were decoded, where there are any; an odd side gets its last line twice."""
        planes = _planes_of(picture) if self._format == "yuv420p" else None
        if planes is None or planes[0].shape[0] % _PYAV_ROWS:
            return self.convert(padded_to_even(picture.image))
        return _tagged(VideoFrame.from_numpy_buffer(in_one(planes), format=self._format))

    def convert(self, image: Image) -> VideoFrame:
        """`image` (h, w, 3) RGB with even h and w."""
        frame = self._reformatter.reformat(
            _in_place(image),
            format=self._format,
            src_colorspace=_BT709,
            dst_colorspace=_BT709,  # swscale would take BT.601
            src_color_range=_FULL,
            dst_color_range=_LIMITED,
            threads=1,  # several wait for one another, at twice the cost
        )
        return _tagged(frame)


def _planes_of(picture: Picture) -> Planes | None:
    """Return planes that nobody changes; None if neither picture nor frame has any."""
    if picture.planes is not None:
        return picture.planes
    decoded, below = picture.frame.planes, picture.frame.image
    if decoded is None:
        return None
    planes = copied(decoded)
    if picture.image is not below:
        draw_changes(planes, below, picture.image, picture.image)
    return planes


def _tagged(frame: VideoFrame) -> VideoFrame:
    frame.colorspace = _BT709
    frame.color_range = _LIMITED
    return frame


def _in_place(image: Image) -> VideoFrame:
    """Return a frame in the image's own memory, which is not to be changed; in a copy where that is not safe.

    swscale reads a little past the end of a picture: the page that this lies in must go on.
    """
    end = image.ctypes.data + image.nbytes
    if image.flags.c_contiguous and -end % _PAGE >= _READ_PAST_END:
        return VideoFrame.from_numpy_buffer(image, format="rgb24")
    return VideoFrame.from_ndarray(image, format="rgb24")


def padded_to_even(image: Image) -> Image:
    """4:2:0 halves both sides, so an odd picture gets its last row or column twice."""
    height, width = image.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return image
    return np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _encoder_options(encoder: str, options: RecorderOptions, *, size: tuple[int, int]) -> dict[str, str]:
    """No B-frames anywhere: times stay simple for every player, and little is lost when the process dies."""
    quality = str(options.quality)
    at_once = options.safety == "frame"
    match encoder:
        case "libx264":
            preset = x264_preset(options, size)
            rate = "qp" if preset in _WITHOUT_TREE else "crf"
            common = {"preset": preset, rate: quality, "forced-idr": "1"}
            return common | (_nothing_held_back() if at_once else _little_held_back(options.fps))
        case "h264_nvenc":
            common = {"preset": "p4", "rc": "vbr", "cq": quality, "b:v": "0", "bf": "0", "forced-idr": "1"}
            return common | ({"delay": "0", "zerolatency": "1"} if at_once else {})
        case "h264_qsv":
            common = {"global_quality": quality, "bf": "0", "forced_idr": "1"}
            return common | ({"async_depth": "1"} if at_once else {})
        case "h264_amf":
            return {"rc": "cqp", "qp_i": quality, "qp_p": quality, "bf": "0"}
        case _:  # no common quality scale: about 0.15 bit a pixel is generous for endoscopy
            return {"b": str(round(BITS_A_PIXEL * size[0] * size[1] * options.fps)), "bf": "0"}


def x264_preset(options: RecorderOptions, size: tuple[int, int], *, cores: int | None = None) -> str:
    """Return the preset to use for pictures of `size` (width, height); `cores`: those of this machine.

    A live source does not wait, and what the encoder cannot take is lost: so it gets the best preset that
    leaves most of the processor to the video and the model, at the price of larger files.
    """
    if options.preset != "auto":
        return options.preset
    if not options.is_live:
        return next(iter(_MS_A_MEGAPIXEL))
    budget_ms = 1000 * _LIVE_SHARE * (cores or os.cpu_count() or 1)
    megapixels_a_second = size[0] * size[1] * options.fps / 1e6
    fitting = [name for name, ms in _MS_A_MEGAPIXEL.items() if ms * megapixels_a_second <= budget_ms]
    return fitting[0] if fitting else list(_MS_A_MEGAPIXEL)[-1]


_MS_A_MEGAPIXEL: Final = {"veryfast": 37.0, "superfast": 28.0, "ultrafast": 17.0}
"""Of one core, conversion from RGB included: measured at 480p and 1080p on the phantom, best preset first."""
_WITHOUT_TREE: Final = ("ultrafast", "superfast")
"""Presets whose look-ahead does nothing but guess at the rate: a fixed quantiser is as good a picture for a
quarter less of the processor (1080p: 14.8 ms for 19.3, at the same 49.5 dB and 5 % fewer bytes)."""
_LIVE_SHARE: Final = 0.4
"""Of all cores, for encoding live video."""


def _little_held_back(fps: float) -> dict[str, str]:
    """Frames inside libx264 die with the process: two at most, for a look-ahead that saves bytes.

    A camera that has become slow (in the dark, say) loses no second by them either.
    """
    return {"bf": "0", "rc-lookahead": str(min(2, int(fps / 5))), "x264-params": "force-cfr=1", **_threads()}


def _nothing_held_back() -> dict[str, str]:
    """Every frame leaves libx264 before the next comes in."""
    return {"tune": "zerolatency", **_threads()}


def _threads() -> dict[str, str]:
    """PyAV lets an encoder's threads share a picture in slices, so that none holds one of its own."""
    return {"threads": str(min(4, os.cpu_count() or 1))}
