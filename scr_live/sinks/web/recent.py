"""The delays of the last seconds: those of the whole run hide what is now."""

import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from scr_live.pipeline.stats import Progress
    from scr_live.pipeline.timing import Histogram, Latency, Stand

SPAN_S: Final = 5.0
_STEPS: Final = 10


class Recent:
    """The latest seconds of a histogram that grows. One thread notes, any may ask; memory is bounded."""

    def __init__(self, span_s: float = SPAN_S, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._span_s = span_s
        self._clock = clock
        self._stands: deque[tuple[float, Stand | None]] = deque([(clock(), None)], _STEPS + 1)

    def note(self, grown: "Histogram") -> None:
        """Remember how it stands; call it often, it copies once in a while."""
        now = self._clock()
        if now - self._stands[-1][0] >= self._span_s / _STEPS:
            self._stands.append((now, grown.stand()))

    def of(self, grown: "Histogram") -> "Latency":
        """Summarise what was recorded within the span, of which up to a tenth may be missing."""
        oldest = self._clock() - self._span_s
        stands = list(self._stands)
        base = next((stand for at, stand in stands if at >= oldest), stands[-1][1])
        return grown.latency() if base is None else grown.since(base)


class RecentDelays:
    """Both delays of a run as its status tells them."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._video, self._annotation = Recent(clock=clock), Recent(clock=clock)

    def note(self, now: "Progress") -> None:
        """Remember how they stand; call it a few times a second."""
        self._video.note(now.video_delay)
        self._annotation.note(now.annotation_delay)

    def of(self, now: "Progress") -> dict[str, float | None] | None:
        """Return them in milliseconds. None: the run has measured none at all so far."""
        if not now.video_delay.count:
            return None
        video, annotation = self._video.of(now.video_delay), self._annotation.of(now.annotation_delay)
        return {
            f"{name}_{share}": round(getattr(delay, share), 2) if delay.count else None
            for name, delay in (("video", video), ("annotation", annotation))
            for share in ("p50", "p99")
        }
