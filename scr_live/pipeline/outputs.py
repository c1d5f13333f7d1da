"""All sinks of one run, each behind its channel and in a thread of its own."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from scr_live.pipeline.crew import Crew
from scr_live.pipeline.ending import Ending
from scr_live.pipeline.stages import NamedSink, Output
from scr_live.pipeline.timing import Timings

if TYPE_CHECKING:
    from scr_live.frames import Picture
    from scr_live.pipeline.channel import Channel


class Outputs:
    """What becomes of the composed pictures besides the screen."""

    def __init__(
        self,
        sinks: Sequence[NamedSink],
        channels: Mapping[str, "Channel[Picture]"],
        timings: Timings,
        *,
        are_all: bool,
    ) -> None:
        """channels: by the name of the sink that reads. are_all: there is no screen that people look at."""
        self._channels = channels
        self._all = [
            Output(named, timings, ends_video_delay=are_all and index == 0)
            for index, named in enumerate(sinks)
        ]
        self._ending = Ending([(channels[output.name], output) for output in self._all])

    def start(self, crew: Crew) -> None:
        """Let each begin to read."""
        for output in self._all:
            crew.start(output.name, self._channels[output.name], output)

    def hasten(self) -> None:
        """Call it often from a stop on: what waits is thinned to what can still be written."""
        self._ending.hasten()

    @property
    def written(self) -> dict[str, int]:
        """Pictures that each took, by its name."""
        return {output.name: output.written for output in self._all}

    @property
    def failed(self) -> list[str]:
        """Those that take no more, or not until they are switched on again."""
        return [
            output.name for output in self._all if output.has_failed or self._channels[output.name].abandoned
        ]

    @property
    def have_all_failed(self) -> bool:
        """Whether none is left; true where there never was one."""
        return len(self.failed) == len(self._all)
