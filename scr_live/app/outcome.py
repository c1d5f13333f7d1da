"""What a run tells: at its start, at its end, and in the file of `--stats`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from scr_live.app.following import Following
from scr_live.app.outputs import Recordings
from scr_live.engines import EngineInfo
from scr_live.engines.ladder import EngineLadder
from scr_live.errors import InferenceError, OutputUnwritableError
from scr_live.events import EventKind, Fact, Journal
from scr_live.files import write_json
from scr_live.frames import Ai
from scr_live.machine import machine_facts
from scr_live.pipeline.stats import RunStats
from scr_live.sources import SourceInfo, VideoSource, decode_errors_of, warnings_of

_ENOUGH_FRAMES: Final = 10
"""A live run of fewer frames was broken off too soon to say that its model never answers."""
_SILENT_S: Final = 10.0
"""A model that failed and was not back for so long before the end was missing."""
_TOO_OLD_SHARE: Final = 0.05
"""Of the pictures of a live run, from which marks that were too old to be drawn are worth a sentence."""
_SLOW_SHARE: Final = 0.9
"""A live source that gives fewer of its frames is worth a sentence."""
_ENOUGH_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Started:
    """What was opened, told once before the first frame."""

    source: SourceInfo
    engine: EngineInfo
    model: str
    """Empty: the engine needs none."""
    threshold: float
    expected_frames: int | None
    """How many frames will be taken, an estimate; None: nobody knows."""
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run leaves."""

    stats: RunStats
    recordings: tuple[Path, ...]
    """All files that hold something, the annotated ones first."""
    notes: tuple[str, ...]
    """What the source and the model have to say, one sentence each; what `Started` told is not repeated."""
    failure: InferenceError | None = None
    """Live: the video was carried to its end, and the model never answered, or not towards the end."""
    sightings: int | None = None
    """How many regions were announced; None: nothing was followed."""
    qualities: Mapping[str, int] | None = None
    """How many frames were good, blurred, dark ...; None: nothing was followed."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Whatever has something to say of a run besides its figures."""

    source: VideoSource
    recordings: Recordings
    ladder: EngineLadder
    following: Following
    model: str
    """Empty: the engine needs none."""


class Report:
    """A context manager around a whole run that writes `--stats` and tells the outcome however it ends.

    If the writing fails, that does not hide why the run failed. The figures come from the pipeline, once it
    has ended; all that was closed after it is told as well. Without figures there is nothing to report.
    """

    def __init__(self, path: Path | None, journal: Journal, ended: Callable[[Outcome], None] | None) -> None:
        self._path = path
        self._journal = journal
        self._ended = ended
        self._parts: Parts | None = None
        self._stats: RunStats | None = None
        self._outcome: Outcome | None = None

    def about(self, parts: Parts) -> None:
        """Name what the figures will be of."""
        self._parts = parts

    def finished(self, stats: RunStats) -> None:
        """Take the figures of the pipeline."""
        self._stats = stats

    @property
    def outcome(self) -> Outcome:
        """What the run leaves; only after the block was left without an error."""
        assert self._outcome is not None  # noqa: S101 - a pipeline that raises nothing leaves figures
        return self._outcome

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stats is None or self._parts is None:
            return
        outcome = self._outcome = _outcome(self._stats, self._parts, told=_words(error))
        stats = outcome.stats
        self._journal.tell(
            EventKind.RUN_ENDED,
            stream_s=stats.stream_s,
            captured=stats.captured,
            recorded=stats.recorded,
            cause=stats.ended_by if error is None else str(error) or type(error).__name__,
            **_end_facts(stats),
        )
        try:
            if self._path is not None:
                write_json(self._path, self._as_dict(outcome, self._parts))
        except OutputUnwritableError as unwritable:
            if error is None:
                raise
            error.add_note(str(unwritable))
        finally:
            if self._ended is not None:
                self._ended(outcome)

    def _as_dict(self, outcome: Outcome, parts: Parts) -> dict[str, object]:
        """What `--stats` holds: the figures, what happened, and the machine they are of."""
        return {
            **outcome.stats.as_dict(),
            "events": {
                "counts": self._journal.counts,
                "latest": [event.as_dict() for event in self._journal.events],
            },
            "recording": {
                "files": [str(path) for path in outcome.recordings],
                "problems": list(parts.recordings.problems),
            },
            "sightings": outcome.sightings,
            "quality": outcome.qualities,
            "input": {"decode_errors": decode_errors_of(parts.source), "warnings": warnings_of(parts.source)},
            "machine": machine_facts(),
        }


def _end_facts(stats: RunStats) -> dict[str, Fact]:
    """What an account of the run wants to know besides."""
    facts: dict[str, Fact] = {
        "inferred": stats.inferred,
        "shown": stats.shown,
        "dropped": sum(stats.dropped.values()),
        "duration_s": round(stats.duration_s, 3),
    }
    if stats.source.is_live:
        for name, delay in (("video", stats.video_delay), ("annotation", stats.annotation_delay)):
            facts[f"{name}_delay_p50_ms"] = delay.p50
            facts[f"{name}_delay_p99_ms"] = delay.p99
    return facts


def _words(error: BaseException | None) -> str:
    """All that an error will say."""
    return "" if error is None else " ".join([str(error), *getattr(error, "__notes__", ())])


def _outcome(stats: RunStats, parts: Parts, *, told: str) -> Outcome:
    """told: what is said besides, and no note says again."""
    if parts.model:
        stats = replace(stats, model=parts.model, model_sha256=stats.engine.model_sha256)
    failure = model_failure(stats)
    notes = [
        *warnings_of(parts.source),
        *parts.ladder.notes(),
        *parts.recordings.problems,
        *parts.following.problems,
        *live_notes(stats),
    ]
    if failure is not None:
        silence = (
            "At the end the model gave no answer" if stats.inferred else "The model never gave an answer"
        )
        notes.append(f"{silence}: whether there are polyps is not known.")
    following = parts.following
    return Outcome(
        stats,
        parts.recordings.paths,
        tuple(note for note in notes if note not in told),
        failure,
        sightings=following.sightings,
        qualities=following.qualities,
    )


def model_failure(stats: RunStats) -> InferenceError | None:
    """Return the error of a live run whose model never answered, or was missing at its end."""
    if not stats.ai_failures or stats.captured < _ENOUGH_FRAMES:
        return None
    last = f"the last failure: {stats.last_ai_failure}"
    if not stats.inferred:
        return InferenceError(f"The model never gave an answer; {last}")
    if stats.ai_silent_s is not None and stats.ai_silent_s > _SILENT_S:
        return InferenceError(f"The model gave no answer in the last {stats.ai_silent_s:.0f} s; {last}")
    return None


def live_notes(stats: RunStats) -> list[str]:
    """Return a sentence each for what a live run could not keep up with."""
    if not stats.source.is_live:
        return []
    notes = []
    late = stats.ai_answers.get(Ai.LATE, 0) / max(stats.composed, 1)
    if late > _TOO_OLD_SHARE:
        notes.append(
            f"{late:.0%} of the pictures show no marks, as those there were had become too old: the model is "
            "too slow here. Use a quicker one or a GPU, or allow older marks with --max-overlay-age."
        )
    fps, found = stats.source.fps, stats.captured / max(stats.duration_s, _ENOUGH_S)
    if fps and not stats.placeholders and not stats.source_dropped and found < _SLOW_SHARE * fps:
        notes.append(f"The source gave {found:.1f} frames a second and announces {fps:.1f}.")
    return notes
