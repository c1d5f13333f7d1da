"""The channels of one run: their names, how much they hold, and what they do when full."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from scr_live.pipeline.channel import Channel, Overflow
from scr_live.pipeline.stages import NamedSink
from scr_live.sources import SourceInfo

if TYPE_CHECKING:
    from scr_live.frames import Frame, Picture

STAGES: Final = (
    "capture",
    "infer",
    "prepare",
    "engine",
    "follow",
    "contours",
    "await-prediction",
    "compose",
)
"""What is timed in every run, and so no name for a sink."""

_ROOM_BYTES = 400_000_000  # of pictures waiting in one channel: 64 at 1080p, 4 at 8K


class Routes:
    """All channels of one run, by what reads them."""

    def __init__(self, info: SourceInfo, sinks: Sequence[NamedSink], *, has_screen: bool) -> None:
        overflow = Overflow.DROP_OLDEST if info.is_live else Overflow.BLOCK
        # Live: the model gets the newest frame; a disk that hesitates for two seconds loses nothing.
        model_room, room, sink_room = (1, 4, 64) if info.is_live else (8, 8, 8)
        self.model: Channel[Frame] = Channel("to-model", _fit(model_room, info), overflow)
        self.compose: Channel[Frame] = Channel("to-compose", _fit(room, info), overflow)
        self.screen: Channel[Picture] = Channel("to-screen", 2, overflow)
        self.sinks: dict[str, Channel[Picture]] = {
            named.name: Channel(named.channel_name, _fit(sink_room, info), overflow) for named in sinks
        }
        self.pictures = [*self.sinks.values(), *([self.screen] if has_screen else [])]
        self.all: list[Channel[Frame] | Channel[Picture]] = [self.model, self.compose, *self.pictures]
        names = [*STAGES, "screen", *(named.name for named in sinks)]
        if len(set(names)) < len(names):
            raise ValueError(f"every sink needs a name of its own, different from the stages': {names}")


def _fit(room: int, info: SourceInfo) -> int:
    """Return how many pictures a channel may hold: `room`, or fewer if they are large."""
    return max(1, min(room, _ROOM_BYTES // (3 * info.width * info.height)))
