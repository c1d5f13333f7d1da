"""What a run tells of itself: while it goes on, and at its end."""

import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from scr_live.engines import EngineInfo
from scr_live.frames import Ai
from scr_live.pipeline.channel import Counts
from scr_live.pipeline.timing import Histogram, Latency
from scr_live.sources import SourceInfo

if TYPE_CHECKING:
    from scr_live.sinks.recorder import RecordingState

_REPORT_EVERY_S: Final = 0.25
_RATE_REPORTS: Final = 12  # the rate is that of the last three seconds


@dataclass(frozen=True, slots=True)
class Progress:
    """A few times a second, for a progress bar or a status line."""

    captured: int
    inferred: int
    composed: int
    shown: int
    recorded: int
    placeholders: int
    """Pictures that say that there is no signal; `captured` does not count them, the others do."""
    elapsed_s: float
    fps: float
    """Composed pictures a second, over the last seconds."""
    frame_count: int | None
    """Expected in all, an estimate."""
    marked: int
    """Pictures with at least one region drawn on them."""
    status: str
    """What is written on the picture: empty, "AI late", "recorder failed" ..."""
    ai: Ai
    marks_age_s: float | None
    """How old the marks were when the latest picture was made; None: it has none."""
    ai_failures: int
    recording: "RecordingState | None" = None
    """How the recording does; added by whoever knows."""
    dropped_at: Mapping[str, int] = field(default_factory=dict)
    """How many found no room, by channel."""
    video_delay: Histogram = field(default_factory=Histogram)
    """As it grows; any thread may look."""
    annotation_delay: Histogram = field(default_factory=Histogram)

    @property
    def dropped(self) -> int:
        """At all channels together."""
        return sum(self.dropped_at.values())


@dataclass(frozen=True, slots=True)
class RunStats:
    """The figures of a finished run."""

    source: SourceInfo
    engine: EngineInfo
    captured: int
    inferred: int
    composed: int
    shown: int
    recorded: int
    placeholders: int
    """Pictures that say that there is no signal; `captured` does not count them, the others do."""
    polyp_frames: int
    """Frames in which the model found at least one region; live, not all of them are drawn in time."""
    marked: int
    """Pictures with at least one region drawn on them."""
    marks_failed: int
    """Pictures whose marks could not be drawn."""
    ai_answers: Mapping[Ai, int]
    """How many pictures left with which answer of the model."""
    ai_silent_s: float | None
    """From the last frame that the model answered, or the first of all, to the last; None: no frame came."""
    ai_failures: int
    ai_skipped: int
    """Frames not shown to the model because it had failed and its next attempt was not due."""
    ai_reopened: int
    """How often an engine was opened anew in place of one that had failed."""
    last_ai_failure: str
    last_engine: EngineInfo
    """The one in use at the end: another than `engine` if that failed."""
    ended_by: str
    """What made it end: "end of the video", "stop" ..."""
    duration_s: float
    """Wall-clock time of the run."""
    stream_s: float | None
    """Where in the video it ended, placeholders included; None: not known."""
    video_delay: Latency
    annotation_delay: Latency
    stages: dict[str, Latency]
    channels: dict[str, Counts]
    written: dict[str, int] = field(default_factory=dict)
    """Pictures each sink took, by its name."""
    source_dropped: int | None = None
    """Frames that a live source dropped before the pipeline saw them; None if it does not say."""
    model: str = ""
    model_sha256: str = ""
    stage_cpu_s: Mapping[str, float] = field(default_factory=dict)
    """Processor time of each stage in its own thread, in all; helper threads of libraries are not in it."""

    @property
    def fps(self) -> float:
        """Composed pictures a second over the whole run."""
        return self.composed / self.duration_s if self.duration_s > 0 else 0.0

    @property
    def dropped(self) -> dict[str, int]:
        """Items dropped at each channel because its reader was slower than its writer.

        "source" is the hand-over inside a live source, from its reader to the capture stage.
        """
        dropped = {name: counts.dropped for name, counts in self.channels.items()}
        return dropped if self.source_dropped is None else {"source": self.source_dropped, **dropped}

    def as_dict(self) -> dict[str, object]:
        """Return what `--stats` writes."""
        return {
            "source": {
                "kind": self.source.kind,
                "name": self.source.name,
                "width": self.source.width,
                "height": self.source.height,
                "fps": self.source.fps,
                "live": self.source.is_live,
            },
            "engine": {
                "backend": self.engine.backend,
                "device": self.engine.device,
                "precision": self.engine.precision,
                "input_size": self.engine.input_size,
                "versions": dict(self.engine.versions),
                "reason": self.engine.reason,
                "model": self.model,
                "model_sha256": self.model_sha256,
            },
            "frames": {
                "captured": self.captured,
                "inferred": self.inferred,
                "composed": self.composed,
                "shown": self.shown,
                "recorded": self.recorded,
                "no_signal": self.placeholders,
                "dropped": self.dropped,
                "discarded": {name: counts.discarded for name, counts in self.channels.items()},
                "written": self.written,
            },
            "ended_by": self.ended_by,
            "duration_s": round(self.duration_s, 3),
            "fps": round(self.fps, 2),
            "latency_ms": {
                "video_delay": self.video_delay.as_dict(),
                "annotation_delay": self.annotation_delay.as_dict(),
                "stages": {name: latency.as_dict() for name, latency in self.stages.items()},
            },
            "stage_cpu_s": {name: round(cpu_s, 3) for name, cpu_s in self.stage_cpu_s.items()},
            "channels": {name: _waits(counts) for name, counts in self.channels.items()},
            "polyp_frames": self.polyp_frames,
            "marked_frames": self.marked,
            "marks_failed": self.marks_failed,
            "ai": {
                "pictures": {ai.name.lower(): self.ai_answers.get(ai, 0) for ai in Ai},
                "silent_s": None if self.ai_silent_s is None else round(self.ai_silent_s, 3),
                "failures": self.ai_failures,
                "skipped": self.ai_skipped,
                "reopened": self.ai_reopened,
                "last_engine": self.last_engine.kind,
                "last_failure": self.last_ai_failure,
            },
        }


class Reporter:
    """Calls back a few times a second with the progress and the recent rate; used by one thread."""

    def __init__(
        self, progress: Callable[[float], Progress], callback: Callable[[Progress], None] | None
    ) -> None:
        self._progress = progress
        self._callback = callback
        self._reported_at = -math.inf
        self._recent: deque[tuple[float, int]] = deque(maxlen=_RATE_REPORTS)

    def tick(self) -> None:
        """Report if the last report is long enough ago. Call it often."""
        if time.perf_counter() - self._reported_at >= _REPORT_EVERY_S:
            self.report()

    def report(self) -> None:
        """Report now."""
        if self._callback is None:
            return
        progress = self._progress(self._fps())
        self._reported_at = time.perf_counter()
        self._recent.append((self._reported_at, progress.composed))
        self._callback(progress)

    def _fps(self) -> float:
        if len(self._recent) < 2:  # noqa: PLR2004  a rate lies between two points
            return 0.0
        (first_at, first), (last_at, last) = self._recent[0], self._recent[-1]
        return (last - first) / (last_at - first_at)


def _waits(counts: Counts) -> dict[str, float]:
    return {
        "peak": counts.peak,
        "put_wait_s": round(counts.put_wait_s, 3),
        "get_wait_s": round(counts.get_wait_s, 3),
    }
