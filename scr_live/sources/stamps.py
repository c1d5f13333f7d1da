"""One run's indices and times for the frames of connections that come and go."""

from collections.abc import Callable
from dataclasses import replace

from scr_live.frames import Frame, Image, Signal
from scr_live.sources.timeline import MIN_STEP_S


class Stamps:
    """Numbers frames without a gap and dates them on one timeline, strictly increasing.

    Within a connection times are the container's. From one connection to the next, and for what is shown
    between them, they go on as the clock does, from the last living frame.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._index = 0
        self._offset_s: float | None = None
        self._last_s = -MIN_STEP_S
        self._living_s = 0.0
        self.living_at: float | None = None
        """When the last living frame was captured."""

    def connect(self) -> None:
        """Say that the next frame is the first of a new connection."""
        self._offset_s = None

    def living(self, frame: Frame) -> Frame:
        """Return the frame as one of this run."""
        clock_s = self.at(frame.captured_at)
        if frame.pts_s is None:
            pts_s = clock_s
        else:
            if self._offset_s is None:
                self._offset_s = clock_s - frame.pts_s
            pts_s = frame.pts_s + self._offset_s
        stamped = replace(frame, index=self._index, pts_s=self._advance(pts_s))
        self._living_s, self.living_at = self._last_s, frame.captured_at
        return stamped

    def placeholder(self, image: Image) -> Frame:
        """Return what is shown now in place of a living frame."""
        now = self._clock()
        index, pts_s = self._index, self._advance(self.at(now))
        return Frame(image, index, pts_s, now, Signal.LOST)

    def at(self, time: float) -> float:
        """Return the position in the video at a time of the clock."""
        return 0.0 if self.living_at is None else self._living_s + time - self.living_at

    def _advance(self, pts_s: float) -> float:
        self._index += 1
        self._last_s = max(pts_s, self._last_s + MIN_STEP_S)
        return self._last_s
