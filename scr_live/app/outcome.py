"""What a run tells: at its start, at its end, and in the file of `--stats`."""

from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from scr_live.app.config import RunConfig
from scr_live.app.outputs import Recordings
from scr_live.engines import EngineInfo
from scr_live.errors import InferenceError, OutputUnwritableError
from scr_live.events import EventKind, Journal
from scr_live.files import write_json
from scr_live.machine import machine_facts
from scr_live.pipeline.stats import RunStats
from scr_live.sources import SourceInfo, VideoSource, decode_errors_of, warnings_of

_ENOUGH_FRAMES = 10
"""A live run of fewer frames was broken off too soon to say that its model never answers."""


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
    """Live: the video was carried to its end, and the model never answered."""


class Report:
    """A context manager around a whole run that writes `--stats` however it ends.

    If that fails too, it does not hide why the run failed. Its figures come from the pipeline, once it has
    ended; all that was closed after it is told as well.
    """

    def __init__(self, config: RunConfig, journal: Journal) -> None:
        self._config = config
        self._journal = journal
        self._source: VideoSource | None = None
        self._recordings: Recordings | None = None
        self._model = ""
        self._stats: list[RunStats] = []

    def about(self, source: VideoSource, recordings: Recordings, *, model: str) -> None:
        """Name what the figures will be of. model: empty if the engine needs none."""
        self._source, self._recordings, self._model = source, recordings, model

    def finished(self, stats: RunStats) -> None:
        """Take the figures of the pipeline."""
        self._stats.append(stats)

    @property
    def stats(self) -> RunStats:
        """The figures; only after the pipeline has ended."""
        return self._stats[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._stats:
            return
        self._journal.tell(
            EventKind.RUN_ENDED,
            captured=self.stats.captured,
            recorded=self.stats.recorded,
            cause="end or stop" if error is None else str(error) or type(error).__name__,
        )
        if self._config.stats is None:
            return
        try:
            write_json(self._config.stats, self._as_dict())
        except OutputUnwritableError as unwritable:
            if error is None:
                raise
            error.add_note(str(unwritable))

    def _as_dict(self) -> dict[str, object]:
        """What `--stats` holds: the figures, what happened, and the machine they are of."""
        stats, recordings = self.stats, self._recordings
        if self._model:
            stats = replace(stats, model=self._model, model_sha256=stats.engine.model_sha256)
        told = [] if self._source is None else warnings_of(self._source)
        errors = 0 if self._source is None else decode_errors_of(self._source)
        return {
            **stats.as_dict(),
            "events": {
                "counts": self._journal.counts,
                "latest": [event.as_dict() for event in self._journal.events],
            },
            "recording": {
                "files": [str(path) for path in recordings.paths] if recordings else [],
                "problems": list(recordings.problems) if recordings else [],
            },
            "input": {"decode_errors": errors, "warnings": told},
            "machine": machine_facts(),
        }


def model_failure(stats: RunStats) -> InferenceError | None:
    """Return the error of a live run whose model never answered."""
    if stats.inferred or not stats.ai_failures or stats.captured < _ENOUGH_FRAMES:
        return None
    return InferenceError(f"The model never gave an answer; the last failure: {stats.last_ai_failure}")
