"""One video from its first frame to its last, through the pipeline of a run; what is left is plain facts."""

import errno
import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from scr_live import __version__
from scr_live.app import Outcome, RunConfig
from scr_live.archive.config import Settings
from scr_live.archive.engines import EngineKeeper
from scr_live.archive.file_run import run_file
from scr_live.errors import (
    EngineError,
    InferenceError,
    ModelError,
    OptionError,
    OutputUnwritableError,
    ScrLiveError,
)
from scr_live.events import Event, EventKind, Journal
from scr_live.frames import Quality
from scr_live.pipeline.stats import Progress
from scr_live.report.procedure import INPUT, QUALITY, procedure
from scr_live.report.reading import Reading
from scr_live.report.told import in_order, told_of
from scr_live.sinks.options import RecorderOptions

Facts: TypeAlias = dict[str, Any]
"""What JSON has words for: it goes from process to process, and into a file."""
Moved: TypeAlias = Callable[[int, int | None], None]
"""Hears how many frames of a video are done, and how many are expected."""

SIGHTING_FACTS: Final = (
    "sighting",
    "first_s",
    "last_s",
    "frames",
    "score",
    "area_px",
    "field_share",
    "x",
    "y",
    "width",
    "height",
    "largest_area_px",
    "largest_field_share",
)
"""Of the event `sighting-closed`, as sinks/EVENTS.md tells them."""

_OF_NO_VIDEO: Final = (EngineError, ModelError, OptionError, OutputUnwritableError)
"""What fails for every video alike, but for an InferenceError: it ends the archive."""
_OF_THE_DISK: Final = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)


@dataclass(frozen=True, slots=True)
class Job:
    """One video, and all that a process of its own has to know of it."""

    id: str
    path: str
    settings: Settings
    threads: int
    recording: str | None = None

    def as_facts(self) -> Facts:
        """For JSON."""
        return asdict(self)


def job_of(facts: Mapping[str, Any]) -> Job:
    """Make a job of its facts again."""
    return Job(**{**facts, "settings": Settings(**facts["settings"])})


def judge(
    job: Job, engines: EngineKeeper, *, moved: Moved | None = None, stop: threading.Event | None = None
) -> Facts:
    """Return the results of a video: `video`, `sightings`, `quality`; a video that fails has an `error`.

    Raises a ScrLiveError for what would fail every video: a model or an engine that cannot be used.
    """
    _share_cores(job.threads)
    events: list[Event] = []
    journal = Journal(_keeper(events))
    try:
        outcome = run_file(_run_config(job), engines, journal=journal, progress=_teller(moved), stop=stop)
    except Exception as error:
        if _is_of_no_video(error):
            raise
        return failed(_words(error))
    return {
        "video": _finite(_video_facts(outcome)),
        "sightings": [
            _finite({name: event.facts.get(name) for name in SIGHTING_FACTS})
            for event in sorted(events, key=_number)
            if event.kind is EventKind.SIGHTING_CLOSED
        ],
        "quality": _spans(events),
    }


def _is_of_no_video(error: BaseException) -> bool:
    """Whether it would fail the next video, too: a full disk does, whatever the recorder makes of it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in _OF_THE_DISK:
            return True
        cause = cause.__cause__
    return isinstance(error, _OF_NO_VIDEO) and not isinstance(error, InferenceError)


def failed(cause: str) -> Facts:
    """The results of a video that has none."""
    return {"video": {"error": cause}, "sightings": [], "quality": []}


def _run_config(job: Job) -> RunConfig:
    settings = job.settings
    return RunConfig(
        job.path,
        record=None if job.recording is None else Path(job.recording),
        keep_margins=settings.keep_margins,
        recording=RecorderOptions(quality=settings.quality, force=True),
        model=settings.model,
        engine=settings.engine,
        precision=settings.precision,
        threads=job.threads,
        threshold=settings.threshold,
        display=False,
        tracking=settings.tracking,
        alert_after_s=settings.alert_after_s,
        faint=False,  # nobody looks on: what counts, and what a recording shows, is what was announced
    )


def _share_cores(threads: int) -> None:
    """OpenCV takes all cores in each process unless it is told otherwise."""
    import cv2  # noqa: PLC0415 - heavy

    cv2.setNumThreads(threads)


def _keeper(events: list[Event]) -> Callable[[Event], None]:
    """A listener that keeps what the tables are made of: a journal forgets, and an update is no result."""

    def heard(event: Event) -> None:
        if event.kind is not EventKind.SIGHTING_UPDATED:
            events.append(event)

    return heard


def _teller(moved: Moved | None) -> Callable[[Progress], None] | None:
    return None if moved is None else lambda now: moved(now.composed, now.frame_count)


def _number(event: Event) -> int:
    return int(event.facts.get("sighting") or 0)


def _words(error: Exception) -> str:
    text = " ".join([str(error), *getattr(error, "__notes__", ())])
    return text if isinstance(error, ScrLiveError) else f"{type(error).__name__}: {text}"


def _finite(facts: Facts) -> Facts:
    """JSON has no word for other numbers."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in facts.items()
    }


def _video_facts(outcome: Outcome) -> Facts:
    stats, engine = outcome.stats, outcome.stats.engine
    qualities = outcome.qualities or {}
    judged = sum(qualities.values())
    infer = stats.stages["engine"]
    duration_s = stats.stream_s if stats.source.duration_s is None else stats.source.duration_s
    return {
        "error": None,
        "frames": stats.captured,
        "fps": stats.source.fps,
        "duration_s": duration_s,
        "width": stats.source.width,
        "height": stats.source.height,
        "judged_share": stats.inferred / stats.captured if stats.captured else None,
        **{
            f"{quality.name.lower()}_share": qualities.get(quality.name.lower(), 0) / judged
            if judged
            else None
            for quality in Quality
        },
        "sightings": outcome.sightings,
        "polyp_frames": stats.polyp_frames,
        "marked_frames": stats.marked,
        "infer_ms_p50": infer.p50,
        "infer_ms_p95": infer.p95,
        "seconds": stats.duration_s,
        "frames_per_s": stats.fps,
        "engine": engine.kind,
        "engine_versions": ", ".join(f"{name} {version}" for name, version in engine.versions),
        "model_sha256": engine.model_sha256,
        "version": __version__,
        "notes": " ".join(outcome.notes),
    }


def _spans(events: list[Event]) -> list[Facts]:
    """When the mucosa could not be judged, and when the picture was faulty, as a report tells it."""
    told = [told_of({**event.as_dict(), "seq": number}) for number, event in enumerate(events)]
    reading = Reading(Path(), __version__, in_order([one for one in told if one is not None]), ())
    gaps = procedure(reading).gaps
    return [
        {"kind": kind, "what": span.what, "first_s": span.first_s, "last_s": span.last_s}
        for kind in (QUALITY, INPUT)
        for span in gaps[kind]
    ]
