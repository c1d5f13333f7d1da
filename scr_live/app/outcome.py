"""What a run tells: at its start, at its end, and in the file of `--stats`."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from scr_live.app.config import RunConfig
from scr_live.engines import EngineInfo
from scr_live.errors import InferenceError, OutputUnwritableError
from scr_live.files import write_json
from scr_live.machine import machine_facts
from scr_live.pipeline.stats import RunStats
from scr_live.shipped import Model
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
    recording: Path | None
    notes: tuple[str, ...]
    """What the source and the model have to say, one sentence each; what `Started` told is not repeated."""
    failure: InferenceError | None = None
    """Live: the video was carried to its end, and the model never answered."""


@contextlib.contextmanager
def reporting(
    config: RunConfig, model: Model | None, source: VideoSource, *, finished: list[RunStats]
) -> Iterator[None]:
    """Write `--stats` however the run ends; if that fails too, it does not hide why the run failed."""
    try:
        yield
    except BaseException as failure:
        try:
            _write_stats(config, model, source, finished=finished)
        except OutputUnwritableError as error:
            failure.add_note(str(error))
        raise
    _write_stats(config, model, source, finished=finished)


def _write_stats(
    config: RunConfig, model: Model | None, source: VideoSource, *, finished: list[RunStats]
) -> None:
    if finished and config.stats is not None:
        write_json(config.stats, _report(_with_model(finished[0], config, model), source))


def _report(stats: RunStats, source: VideoSource) -> dict[str, object]:
    """What `--stats` holds: the figures, what the source had to say, and the machine they are of."""
    notes = {"decode_errors": decode_errors_of(source), "warnings": warnings_of(source)}
    return {**stats.as_dict(), "input": notes, "machine": machine_facts()}


def _with_model(stats: RunStats, config: RunConfig, model: Model | None) -> RunStats:
    if model is None:
        return stats
    return replace(stats, model=config.model, model_sha256=stats.engine.model_sha256)


def model_failure(stats: RunStats) -> InferenceError | None:
    """Return the error of a live run whose model never answered."""
    if stats.inferred or not stats.ai_failures or stats.captured < _ENOUGH_FRAMES:
        return None
    return InferenceError(f"The model never gave an answer; the last failure: {stats.last_ai_failure}")
