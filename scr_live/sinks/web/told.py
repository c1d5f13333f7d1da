"""What is told to viewers of how a run stands: names and numbers, and no folder of this machine."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from scr_live.events import Event
from scr_live.frames import Ai, Signal

if TYPE_CHECKING:
    from scr_live.engines import EngineInfo
    from scr_live.pipeline.stats import Progress
    from scr_live.pipeline.timing import Histogram
    from scr_live.sources import SourceInfo

BUCKETS_S: Final = (0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0)
"""Of the delays: where the histograms of /metrics have their edges."""

_AI: Final = {Ai.NOTHING_TO_SEE: "none"}  # the others by their names
_FOLDERS = re.compile(r"(?<![\w:/.])(?:[A-Za-z]:[\\/]|/)(?:[^\s'\":;,()\\/]+[\\/])+")


@dataclass(frozen=True, slots=True)
class About:
    """What a run is, known once everything is open."""

    source: "SourceInfo"
    engine: "EngineInfo"
    model: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as it stands in the status."""
        source = self.source
        name = PurePath(source.name).name if source.kind in ("file", "images") else source.name
        return {
            "source": {
                "name": without_folders(name),
                "kind": source.kind,
                "live": source.is_live,
                "width": source.width,
                "height": source.height,
                "fps": source.fps,
            },
            "engine": self.engine.kind,
            "model": PurePath(self.model).name,
        }


def status_of(  # noqa: PLR0913 - whatever it is made of
    about: Mapping[str, Any],
    now: "Progress",
    *,
    steering: Mapping[str, Any],
    delays_ms: Mapping[str, float | None] | None,
    signal: Signal,
    has_ended: bool,
) -> dict[str, Any]:
    """Return the body of /api/status, but for what the server knows itself."""
    return {
        **about,
        "signal": str(signal),
        "ai": _AI.get(now.ai, now.ai.name.lower()),
        "status": now.status,
        "marks_age_s": now.marks_age_s,
        "elapsed_s": round(now.elapsed_s, 2),
        "fps": round(now.fps, 2),
        "frames": {
            "captured": now.captured,
            "inferred": now.inferred,
            "composed": now.composed,
            "recorded": now.recorded,
            "dropped": now.dropped,
            "marked": now.marked,
        },
        "recording": _recording(now),
        "delays_ms": delays_ms,
        **steering,
        "run": "ended" if has_ended else "going",
    }


def metrics_of(now: "Progress", counts: Mapping[str, int], *, restarts: int) -> dict[str, Any]:
    """Return what /metrics has besides the status."""
    return {
        "placeholders": now.placeholders,
        "dropped_at": dict(now.dropped_at),
        "ai_failures": now.ai_failures,
        "events": dict(counts),
        "restarts": restarts,
        "delays": {
            "video": _histogram(now.video_delay),
            "annotation": _histogram(now.annotation_delay),
        },
    }


def event_facts(event: Event) -> dict[str, Any]:
    """Return an event as viewers get it."""
    return {
        name: without_folders(value) if isinstance(value, str) else value
        for name, value in event.as_dict().items()
    }


def without_folders(text: str) -> str:
    """Return the text with the names of files, and without the folders before them; addresses stay."""
    return _FOLDERS.sub("", text)


def _recording(now: "Progress") -> dict[str, Any] | None:
    state = now.recording
    if state is None:
        return None
    return {
        "file": state.path.name,
        "frames": state.frames,
        "bytes": state.bytes,
        "elapsed_s": round(state.elapsed_s, 1),
        "free_bytes": state.free_bytes,
        "hours_left": state.hours_left,
        "problem": without_folders(state.problem),
    }


def _histogram(delays: "Histogram") -> dict[str, Any]:
    counts = delays.counts_up_to(BUCKETS_S)
    latency = delays.latency()  # after them: it grows meanwhile, and the whole is no less than its parts
    return {"counts": counts, "count": latency.count, "sum_s": latency.count * latency.mean / 1000}
