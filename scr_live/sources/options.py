"""What may be asked of a source, and the words that name one."""

import re
from dataclasses import dataclass
from math import isfinite
from typing import Literal

from scr_live.errors import OptionError

STREAM_SCHEMES = ("rtsp", "rtsps", "http", "https", "udp", "srt", "tcp")

_SIZE = re.compile(r"[1-9]\d{0,4}x[1-9]\d{0,4}")


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """What may be asked of a source; each kind heeds what concerns it."""

    loop: bool = False
    """Files and pictures: start over at the end, for ever."""
    realtime: bool = False
    """Files and pictures: play as if live, at the video's own pace."""
    size: str | None = None
    """Camera: WIDTHxHEIGHT, such as 1280x720."""
    fps: float | None = None
    """Camera: rate to ask for. Pictures: rate to play at (default 25)."""
    pixel_format: str | None = None
    """Camera: such as mjpeg or yuyv422."""
    open_timeout_s: float = 10.0
    read_timeout_s: float = 5.0
    transport: Literal["tcp", "udp"] = "tcp"
    """RTSP only."""

    def __post_init__(self) -> None:
        if self.size is not None and not _SIZE.fullmatch(self.size):
            raise OptionError(
                f"Expected a camera size as WIDTHxHEIGHT, such as 1280x720, found {self.size!r}."
            )
        for name in ("fps", "open_timeout_s", "read_timeout_s"):
            value = getattr(self, name)
            if value is not None and not (isfinite(value) and value > 0):
                raise OptionError(f"Expected {name} to be a number above 0, found {value}.")
        if self.transport not in ("tcp", "udp"):
            raise OptionError(f"Expected the transport tcp or udp, found {self.transport!r}.")
