"""Pictures that say when they were made, encoded as they would come from a camera, at the pace of the clock.

Picture number n of a stream at `fps` is made when `time.monotonic()` passes n / fps: that clock is the
machine's, so whoever reads the number knows how old the picture is, in whichever process.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

BITS = 16
"""Numbers begin again after 65,536 pictures: three quarters of an hour at 25 a second."""

TIME_BASE = Fraction(1, 90_000)


@dataclass(frozen=True, slots=True)
class LiveVideo:
    """What a peer sends."""

    width: int = 128
    height: int = 64
    fps: int = 25
    gop: int = 10
    """Pictures from one key frame to the next."""
    limit: int | None = None
    """Pictures after which it falls silent; None: never."""


def numbered(number: int, width: int, height: int) -> NDArray[np.uint8]:
    """(h, w, 3): sixteen upright bars, bright for 1, most significant bit left."""
    bit = BITS - 1 - np.arange(width) * BITS // width
    row = ((number >> bit & 1) * 180 + 40).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(row[None, :, None], (height, width, 3)))


def number_in(image: NDArray[np.uint8]) -> int:
    """Read the number back."""
    height, width = image.shape[:2]
    middles = [(2 * bar + 1) * width // (2 * BITS) for bar in range(BITS)]
    return int("".join(str(int(image[height // 2, x].mean() > 128)) for x in middles), 2)


def age_s(image: NDArray[np.uint8], fps: int) -> float:
    """Seconds since a picture was made, to one frame interval."""
    made, now = number_in(image), time.monotonic() * fps
    return ((now - made) % 2**BITS) / fps


def live_packets(stream: av.VideoStream, video: LiveVideo) -> Iterator[av.Packet]:
    """Encode picture after picture when its time has come; one that is late for its time is left out."""
    number = int(time.monotonic() * video.fps)
    sent = 0
    while video.limit is None or sent < video.limit:
        number = max(number + 1, int(time.monotonic() * video.fps))
        time.sleep(max(0.0, number / video.fps - time.monotonic()))
        picture = numbered(number % 2**BITS, video.width, video.height)
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
        frame.time_base = TIME_BASE
        frame.pts = number * TIME_BASE.denominator // video.fps
        yield from stream.encode(frame)
        sent += 1


def add_live_stream(container: av.container.OutputContainer, video: LiveVideo) -> av.VideoStream:
    """Add H.264 without delay: no B-frames, no look-ahead."""
    options = {"preset": "ultrafast", "tune": "zerolatency", "g": str(video.gop), "bf": "0"}
    options["x264-params"] = "scenecut=0:slices=1"
    stream = container.add_stream("libx264", rate=video.fps, options=options)
    stream.width, stream.height, stream.pix_fmt = video.width, video.height, "yuv420p"
    stream.codec_context.time_base = TIME_BASE
    stream.codec_context.thread_count = 1
    return stream
