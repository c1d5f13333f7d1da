"""What may be asked of a source, and the words that name one."""

from dataclasses import dataclass
from typing import Literal

STREAM_SCHEMES = ("rtsp", "rtsps", "http", "https", "udp", "srt", "tcp")
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


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
