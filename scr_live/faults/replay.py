"""A live source out of memory: pictures rendered before, handed out at a camera's pace."""

import time
from collections.abc import Iterator, Sequence
from threading import Event

from scr_live.frames import Frame, Image
from scr_live.sources import SourceInfo, VideoSource


class ReplaySource(VideoSource):
    """Shows `images` in turn, for ever, and costs nothing: for measuring what the rest costs.

    A picture exists from its time on, on the clock of the first one, whoever is ready for it: `captured_at`
    is that time. When the next one's has come too it is lost, and counted in `dropped`. Give at least two
    pictures, or it looks frozen.
    """

    def __init__(
        self,
        images: Sequence[Image],
        *,
        fps: float = 30.0,
        frame_count: int | None = None,
        name: str = "replay",
    ) -> None:
        self._images = images
        self._fps = fps
        self._frame_count = frame_count
        height, width = images[0].shape[:2]
        self._info = SourceInfo("replay", name, width=width, height=height, fps=fps, is_live=True)
        self._closed = Event()
        self.dropped = 0

    @property
    def info(self) -> SourceInfo:
        """What is known beforehand."""
        return self._info

    def __iter__(self) -> Iterator[Frame]:
        began_at = time.perf_counter()
        number = index = 0
        while self._frame_count is None or number < self._frame_count:
            newest = int((time.perf_counter() - began_at) * self._fps)
            if newest > number:
                self.dropped += newest - number
                number = newest
            due_at = began_at + number / self._fps
            if self._closed.wait(max(0.0, due_at - time.perf_counter())):
                return
            yield Frame(self._images[number % len(self._images)], index, number / self._fps, due_at)
            number, index = number + 1, index + 1

    def close(self) -> None:
        """End the iteration, and a wait for the next picture."""
        self._closed.set()
