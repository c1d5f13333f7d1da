"""Decoders in hardware: which ones work here, tried before they are believed, and what is left if one fails.

FFmpeg itself falls back to software for a stream that the hardware cannot decode. A device that fails later
is not tried again in this process: the video goes on in software.
"""

import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Final, cast

import av
import av.error
import numpy as np
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from scr_live.errors import OptionError

if TYPE_CHECKING:
    from av.container import InputContainer

SOFTWARE: Final = "software"
AUTO: Final = "auto"

_PROBE_SIZE: Final = (320, 240)
_PROBE_PICTURES: Final = 12
_PROBE_CODEC: Final = "h264"
LONGEST_TRIAL_S: Final = 20.0
"""A driver that needs longer for twelve small pictures hangs."""

_TRIAL: Final = (
    "import sys; kind, *sys.path[:] = sys.argv[1:]; from scr_live.sources import hardware; "
    "sys.exit(not hardware.shows_what_software_shows(kind))"
)

_PLANAR: Final = {"nv12": "yuv420p", "p010le": "yuv420p10le"}
_REFUSALS = (av.error.FFmpegError, NotImplementedError, RuntimeError, ValueError, OSError)

_given_up: Final[set[str]] = set()


def decoder_for(name: str) -> str | None:
    """Return the kind of device that `name` means, None for software; OptionError if it does not work here.

    auto: the first kind that works, software if none does.
    """
    if name == SOFTWARE:
        return None
    if name == AUTO:
        return next((kind for kind in hwdevices_available() if decoder_works(kind)), None)
    if name in hwdevices_available() and decoder_works(name):
        return name
    works = ", ".join((SOFTWARE, *working_decoders()))
    raise OptionError(f"--decoder {name} does not work on this machine. Decoders that do: {works}.")


def working_decoders() -> tuple[str, ...]:
    """Name the kinds of devices that really decode H.264 here."""
    return tuple(kind for kind in hwdevices_available() if decoder_works(kind))


@cache
def decoder_works(kind: str) -> bool:
    """Whether this device decodes a small clip to the very pictures that software does.

    A build lists devices that are not there, and H.264 leaves no room for other pictures than these. Tried in
    a process of its own: what a driver does, crash or hang, it does there.
    """
    trial = [sys.executable, "-c", _TRIAL, kind, *sys.path]
    try:
        done = subprocess.run(  # noqa: S603 - this very program
            trial, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=LONGEST_TRIAL_S
        )
    except (subprocess.TimeoutExpired, OSError):
        return False
    return done.returncode == 0


def shows_what_software_shows(kind: str) -> bool:
    """Decode the clip on the device and in software. Raises what FFmpeg or the driver does."""
    clip = _clip()
    pictures = list(_pictures(clip, HWAccel(kind, allow_software_fallback=False)))
    expected = list(_pictures(clip, None))
    return len(pictures) == len(expected) and all(map(np.array_equal, pictures, expected))


def give_up(kind: str | None) -> None:
    """Say that the device failed on a video."""
    if kind is not None:
        _given_up.add(kind)


def accelerator(kind: str | None) -> HWAccel | None:
    """What `av.open` takes as `hwaccel`; None, which is software, if the device failed or cannot be had."""
    if kind is None or kind in _given_up:
        return None
    try:
        av.CodecContext.create(_PROBE_CODEC, "r", hwaccel=HWAccel(kind))
    except _REFUSALS:
        return None
    return HWAccel(kind)


class Planar:
    """Turns what devices hand out into the planes of software decoders. One thread at a time."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def planes(self, frame: VideoFrame) -> VideoFrame:
        """Return the frame with planes of its own for U and V: the same samples, at the same time."""
        planar = _PLANAR.get(frame.format.name)
        return frame if planar is None else self._reformatter.reformat(frame, format=planar, threads=1)


def _clip() -> BytesIO:
    """H.264 in MPEG-TS: a square that moves over noise, so that there is something to predict and to add."""
    file = BytesIO()
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (_PROBE_SIZE[1], _PROBE_SIZE[0], 3), np.uint8)
    with av.open(file, "w", format="mpegts") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "medium", "bf": "2", "g": "6"})
        stream.width, stream.height = _PROBE_SIZE
        stream.pix_fmt = "yuv420p"
        for number in range(_PROBE_PICTURES):
            picture = noise.copy()
            picture[40:120, 8 * number : 8 * number + 80] = 20 * number
            frame = VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file


def _pictures(clip: BytesIO, hwaccel: HWAccel | None) -> Iterator[NDArray[np.uint8]]:
    clip.seek(0)
    planar = Planar()
    with cast("InputContainer", av.open(clip, format="mpegts", hwaccel=hwaccel)) as container:
        for frame in container.decode(video=0):
            yield np.asarray(planar.planes(frame).to_ndarray(), np.uint8)
