"""The screen's loop: it runs in the calling thread, since GUI toolkits allow no other."""

import time
from collections.abc import Callable

from scr_live.frames import Picture
from scr_live.pipeline.channel import Channel, Closed
from scr_live.pipeline.crew import Activity, Watch
from scr_live.pipeline.timing import Timings
from scr_live.sinks import Screen

TICK_S = 0.03
"""How often keys are handled, and the stop is looked at, while no picture comes."""


class Presenter:
    """Shows every picture that comes, and lets the screen handle its keys while none does."""

    def __init__(
        self,
        screen: Screen,
        pictures: Channel[Picture],
        timings: Timings,
        *,
        pause: Callable[[], bool],
    ) -> None:
        """pause: whether nothing is to be taken now; it may sleep for a tick."""
        self._screen = screen
        self._pictures = pictures
        self._timings = timings
        self._pause = pause
        self.watch = Watch()
        self.shown = 0
        self.was_closed = False
        """Whether the user wanted the end."""

    def present(self, *, is_over: Callable[[], bool], tick: Callable[[], None]) -> None:
        """Go on until the pictures end, the user wants to stop, or the run is over.

        A stop is obeyed at once: what is on its way goes to the sinks, not to the screen.
        """
        try:
            while not is_over():
                picture = self._next()
                self.watch.turn_to(Activity.WORKING)
                self.was_closed = not self._show(picture)
                if self.was_closed:
                    return
                tick()
                self.watch.turn_to(Activity.READING)
        except Closed:
            return
        finally:
            self._pictures.abandon()

    def still_s(self) -> dict[str, float]:
        """Return how long the screen has been busy with one picture and its tick, if it is."""
        if self.watch.activity is not Activity.WORKING:
            return {}
        return {"screen": time.monotonic() - self.watch.since}

    def _show(self, picture: Picture | None) -> bool:
        with self._timings.measure("screen"):
            goes_on = self._screen.refresh(picture)
        if picture is not None:
            self.shown += 1
            self._timings.video_delay.record(time.perf_counter() - picture.frame.captured_at)
        return goes_on

    def _next(self) -> Picture | None:
        """Take the next picture; None if none came within a tick, or nothing is to be taken: a pause."""
        if self._pause():
            return None
        try:
            return self._pictures.get(TICK_S)
        except TimeoutError:
            return None
