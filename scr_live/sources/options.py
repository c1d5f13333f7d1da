"""What may be asked of a source, and the words that name one."""

import re
from dataclasses import dataclass
from typing import Final, Literal

from scr_live.errors import OptionError

STREAM_SCHEMES = ("rtsp", "rtsps", "http", "https", "udp", "srt", "tcp")

LONGEST_WAIT_S: Final = 3600
UNDECODED_S: Final = 15.0
"""A connection whose packets come is kept for so long without a picture: a new one would not be faster."""
SLOWEST_FPS: Final = 0.01
FASTEST_FPS: Final = 1000

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
    """Camera: rate to ask for. Pictures: rate to play at (default 25). From 0.01 to 1000."""
    pixel_format: str | None = None
    """Camera: such as mjpeg or yuyv422."""
    open_timeout_s: float = 10.0
    """At most an hour, as read_timeout_s: what waits for longer is stuck."""
    read_timeout_s: float = 0.9
    """Without a picture for so long, a camera or stream has no signal: noticed within a second, so that no
    frozen picture passes for a living one. Where the source announces a slow rate: three of its intervals."""
    connect_timeout_s: float | None = None
    """Streams: how long the other side may be silent while it is opened; None: as long as that takes."""
    on_loss: Literal["wait", "exit"] = "wait"
    """Cameras and streams: go on without a signal and open it again, or end with an error."""
    transport: Literal["tcp", "udp"] = "tcp"
    """RTSP only."""
    decoder: str = "software"
    """Files and streams: software, auto (a device if one works here), or a device such as cuda."""

    def __post_init__(self) -> None:
        if self.size is not None and not _SIZE.fullmatch(self.size):
            raise OptionError(
                f"Expected a camera size as WIDTHxHEIGHT, such as 1280x720, found {self.size!r}."
            )
        if self.fps is not None and not SLOWEST_FPS <= self.fps <= FASTEST_FPS:
            raise OptionError(f"--fps must be from {SLOWEST_FPS} to {FASTEST_FPS}; found {self.fps}.")
        waits = {
            "--open-timeout": self.open_timeout_s,
            "--read-timeout": self.read_timeout_s,
            "connect_timeout_s": self.connect_timeout_s,
        }
        for option, value in waits.items():
            if value is not None and not 0 < value <= LONGEST_WAIT_S:
                raise OptionError(
                    f"{option} must be more than 0 and at most {LONGEST_WAIT_S} seconds; found {value}."
                )
        if self.on_loss not in ("wait", "exit"):
            raise OptionError(f"--on-loss must be wait or exit; found {self.on_loss!r}.")
        if self.transport not in ("tcp", "udp"):
            raise OptionError(f"Expected the transport tcp or udp, found {self.transport!r}.")

    @property
    def undecoded_timeout_s(self) -> float:
        """How long packets may come without a picture. What ends on a loss cannot tell it meanwhile."""
        return self.read_timeout_s if self.on_loss == "exit" else max(UNDECODED_S, self.read_timeout_s)
