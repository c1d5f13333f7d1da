"""What can be said about a recording, and how a segment's length is written."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

from scr_live.errors import OptionError
from scr_live.frames import USUAL_FPS

Safety: TypeAlias = Literal["second", "frame"]

X264_PRESETS: Final = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
)

_HIGHEST_FPS: Final = 1000.0
"""Some containers call their clock a rate."""
_LENGTH: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]+)\s*")
_SECONDS: Final = {"s": 1, "min": 60, "h": 3600}
_BYTES: Final = {"mb": 10**6, "gb": 10**9}
_SHORTEST_S: Final = 1.0
_SMALLEST: Final = 10**6


@dataclass(frozen=True, slots=True)
class Segment:
    """Where a recording goes on in a new file: after so long, or before a file grows past so much."""

    duration_s: float | None = None
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class RecorderOptions:
    """How a recording is made."""

    encoder: str = "auto"
    """auto (libx264), or the name of an H.264 encoder of FFmpeg that works on this machine."""
    quality: int = 20
    """Constant quality, 0 (best) to 51: CRF of libx264, CQ and its like elsewhere."""
    preset: str = "auto"
    """libx264's trade of time for size; auto: veryfast, or a quicker one where a live source needs it. Other
    encoders have their own default."""
    is_live: bool = False
    """The source does not wait for the recorder."""
    force: bool = False
    """Overwrite an existing file."""
    nominal_fps: float | None = None
    """What the source calls its rate: only the length of the last frame and the key frames come from it."""
    safety: Safety = "second"
    """What a killed process or lost power may cost: the last second, or the last frame at a lower rate."""
    segment: Segment | None = None
    """None: one file."""
    fallback: Path | None = None
    """Folder to go on in when recording fails, and to begin in where it cannot begin."""
    made: str = "Annotated"
    """What a file says was done to it."""
    room_s: float = 60.0
    """Refuse to begin where the disk has no room for so long a recording; 0: begin anywhere."""

    def __post_init__(self) -> None:
        if not 0 <= self.quality <= 51:  # noqa: PLR2004 - the range of H.264's quantiser
            raise OptionError(f"The recording quality goes from 0 (best) to 51; it was {self.quality}.")
        if self.preset not in ("auto", *X264_PRESETS):
            raise OptionError(
                f"{self.preset!r} is no preset of libx264. Take auto or one of: {', '.join(X264_PRESETS)}."
            )
        if self.safety not in get_args(Safety):
            raise OptionError(f"A recording is safe to the second or to the frame; found {self.safety!r}.")

    @property
    def fps(self) -> float:
        """The nominal rate, or a usual one where the source has none."""
        known = self.nominal_fps is not None and 1 <= self.nominal_fps <= _HIGHEST_FPS
        return self.nominal_fps if self.nominal_fps and known else USUAL_FPS


def parse_segment(text: str) -> Segment:
    """10min, 90s, 1h; 500MB, 2GB (decimal, as disks are sold). OptionError: anything else, or too short."""
    match = _LENGTH.fullmatch(text)
    unit = match[2].lower() if match else ""
    number = float(match[1]) if match else 0.0
    if unit in _SECONDS and number * _SECONDS[unit] >= _SHORTEST_S:
        return Segment(duration_s=number * _SECONDS[unit])
    if unit in _BYTES and number * _BYTES[unit] >= _SMALLEST:
        return Segment(size_bytes=round(number * _BYTES[unit]))
    raise OptionError(
        f"A segment is a time such as 90s, 10min or 1h (at least 1s), or a size such as 500MB or 2GB (at "
        f"least 1MB); found {text!r}."
    )
