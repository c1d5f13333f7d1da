"""The time of each picture in a recording."""

from typing import Final

from scr_live.frames import USUAL_FPS, Frame
from scr_live.sinks.encoding import TICKS_PER_S

_BREAK_S: Final = 0.5


class Clock:
    """Turns frame times into ticks since the first frame, always increasing."""

    def __init__(self, *, nominal_fps: float | None) -> None:
        self._nominal = max(1, round(TICKS_PER_S / nominal_fps)) if nominal_fps and nominal_fps > 0 else None
        self._offset_s = 0.0
        self._last_s = 0.0
        self._last_ticks: int | None = None
        self._by_container = True
        self.origin_s = 0.0
        """Position of the first frame in the video."""
        self.interval = self._nominal or round(TICKS_PER_S / USUAL_FPS)
        """How long a frame lasts whose successor is not known."""

    def ticks(self, frame: Frame) -> int:
        """Place the next frame; call it once for each, in order."""
        by_container = frame.pts_s is not None
        time_s = frame.captured_at if frame.pts_s is None else frame.pts_s
        if self._last_ticks is None:
            self._offset_s = -time_s
            self.origin_s = frame.pts_s or 0.0
        elif by_container != self._by_container or time_s < self._last_s - _BREAK_S:
            # Another clock, a looped file or a stream that began anew: go on one interval later.
            self._offset_s = (self._last_ticks + self.interval) / TICKS_PER_S - time_s
        ticks = round((time_s + self._offset_s) * TICKS_PER_S)
        if self._last_ticks is not None:
            ticks = max(ticks, self._last_ticks + 1)
            self._learn_interval(ticks - self._last_ticks)
        self._last_s, self._last_ticks, self._by_container = time_s, ticks, by_container
        return ticks

    def _learn_interval(self, ticks: int) -> None:
        if self._nominal is None and ticks > 1:
            self.interval = ticks
