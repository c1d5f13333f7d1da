"""The composition root: one frozen config becomes the objects of a run; below it nobody sees options."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from scr_live.controls import Controls
from scr_live.engines import Engine, EngineInfo
from scr_live.engines.opening import (
    check_names,
    check_threads,
    check_threshold,
    open_engine,
    threshold_for,
)
from scr_live.errors import InferenceError, NoDisplayError, OptionError, OutputUnwritableError
from scr_live.files import check_distinct, check_results, write_json
from scr_live.machine import machine_facts
from scr_live.pipeline.stats import Progress, RunStats
from scr_live.shipped import DEFAULT_MODEL, Model, model_for
from scr_live.sources import SourceInfo, VideoSource, decode_errors_of, warnings_of
from scr_live.sources.options import SourceOptions

if TYPE_CHECKING:
    from scr_live.sinks.recorder import Recorder
    from scr_live.sinks.window import Window

_ENOUGH_FRAMES = 10
"""A live run of fewer frames was broken off too soon to say that its model never answers."""


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Everything `scr-live run` can be told."""

    source: str
    source_options: SourceOptions = field(default_factory=SourceOptions)
    record: Path | None = None
    force: bool = False
    """Replace an existing recording."""
    encoder: str = "auto"
    quality: int = 20
    model: str = DEFAULT_MODEL
    engine: str = "auto"
    precision: str = "auto"
    threads: int = 0
    threshold: float | None = None
    """None: what the model's card recommends."""
    display: bool = True
    stats: Path | None = None
    max_frames: int | None = None
    max_overlay_age_s: float = 0.12


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


@dataclass(slots=True)
class Reopening:
    """Opens the engine again after a failure, and knows if what came was another kind: that is told."""

    open_engine: Callable[[], Engine]
    first: EngineInfo
    last: EngineInfo | None = None

    def __call__(self) -> Engine:
        """Open the engine anew."""
        engine = self.open_engine()
        self.last = engine.info
        return engine

    def notes(self) -> list[str]:
        """A sentence if a run that began on a GPU, say, ended on a CPU."""
        before, after = self.first, self.last or self.first
        if (before.backend, before.device, before.precision) == (
            after.backend,
            after.device,
            after.precision,
        ):
            return []
        began, ended = (f"{one.backend} on {one.device} in {one.precision}" for one in (before, after))
        told = f"the run began with {began} and ended with {ended}"
        return [f"The engine failed and was replaced: {told} ({after.reason})."]


def run_video(
    config: RunConfig,
    *,
    started: Callable[[Started], None] | None = None,
    progress: Callable[[Progress], None] | None = None,
    stop: threading.Event | None = None,
    tell: Callable[[str], None] | None = None,
) -> Outcome:
    """Carry the source through the model to the outputs until it ends or `stop` is set.

    tell: hears of what takes long before the first frame, such as the build of a GPU engine.
    Raises a ScrLiveError; the recording is finished and `--stats` written even then. Live, a model that never
    answers does not end the run: see `Outcome.failure`.
    """
    # First what imports cv2, then what imports av: see scr_live.sinks.display.
    from scr_live.overlays import ContourOverlay, ScoreLabel  # noqa: PLC0415 - imports cv2
    from scr_live.pipeline.live import RECORDER, NamedSink, PipelineOptions, run  # noqa: PLC0415 - imports cv2
    from scr_live.sources.opening import open_source  # noqa: PLC0415 - beside the others

    _check(config)
    with contextlib.ExitStack() as stack:
        # The cheap checks come first: a bad path must not cost the loading of a model.
        model = model_for(config.engine, config.model)
        recorder_for = _recorder_opener(config)
        source = stack.enter_context(open_source(config.source, config.source_options))
        open_this_engine = partial(
            open_engine,
            config.engine,
            model,
            precision=config.precision,
            threads=config.threads,
            progress=tell,
        )
        engine = stack.enter_context(open_this_engine())
        reopening = Reopening(open_this_engine, engine.info)
        threshold = threshold_for(config.threshold, model)
        controls = Controls(threshold=threshold)
        sinks = []
        if recorder_for is not None:
            recorder = stack.enter_context(recorder_for(source.info))
            sinks.append(NamedSink(RECORDER, recorder, channel="to-disk"))
        screen, notes = _open_screen(config, controls, source, stack)
        if started is not None:
            expected = _expected_frames(config, source.info)
            name = config.model if model else ""
            started(Started(source.info, engine.info, name, threshold, expected, notes))
        finished: list[RunStats] = []
        with _reporting(config, model, source, finished=finished):
            run(
                source,
                engine,
                sinks=sinks,
                screen=screen,
                overlays=(ContourOverlay(), ScoreLabel()),
                controls=controls,
                options=PipelineOptions(
                    max_frames=config.max_frames, max_overlay_age_s=config.max_overlay_age_s
                ),
                progress=progress,
                stop=stop,
                reopen_engine=reopening,
                finished=finished.append,
            )
    stats = finished[0]
    failure = _model_failure(stats)
    told = [*warnings_of(source), *reopening.notes()]
    if failure is not None:
        told.append("The model never gave an answer: whether there are polyps is not known.")
    return Outcome(stats, config.record if stats.recorded else None, tuple(told), failure)


def _check(config: RunConfig) -> None:
    if not config.source:
        raise OptionError("--source is empty. Give a file, a camera, an address, a folder or phantom.")
    check_names(config.engine, config.precision)
    check_threads(config.threads)
    check_threshold(config.threshold)
    if not 0 <= config.max_overlay_age_s < float("inf"):
        raise OptionError(
            f"--max-overlay-age must be a number of seconds from 0; found {config.max_overlay_age_s}."
        )
    if config.max_frames is not None and config.max_frames < 1:
        raise OptionError(f"--max-frames must be at least 1; found {config.max_frames}.")
    check_results({"--stats": config.stats})
    check_distinct({"--stats": config.stats, "--record": config.record, "--source": Path(config.source)})


def _recorder_opener(config: RunConfig) -> Callable[[SourceInfo], "Recorder"] | None:
    """Check the output before anything is opened; the recorder itself needs the source's rate."""
    if config.record is None:
        return None
    from scr_live.sinks.recorder import Recorder, RecorderOptions  # noqa: PLC0415 - imports av

    options = RecorderOptions(encoder=config.encoder, quality=config.quality, force=config.force)
    source_path = Path(config.source)
    Recorder(config.record, options, source_path=source_path)

    def open_for(info: SourceInfo) -> "Recorder":
        timed = replace(options, nominal_fps=info.fps)
        return Recorder(config.record or Path(), timed, source_path=source_path)

    return open_for


def _expected_frames(config: RunConfig, info: SourceInfo) -> int | None:
    limits = (config.max_frames, None if config.source_options.loop else info.frame_count)
    return min((limit for limit in limits if limit is not None), default=None)


def _open_screen(
    config: RunConfig, controls: Controls, source: VideoSource, stack: contextlib.ExitStack
) -> tuple["Window | None", tuple[str, ...]]:
    """A window, or one sentence that says why there is none."""
    if not config.display:
        return None, ()
    from scr_live.sinks.window import Window  # noqa: PLC0415 - imports cv2

    is_live = source.info.is_live
    try:
        window = Window("scr-live", controls, snapshot_dir=Path.cwd(), is_live=is_live)
        return stack.enter_context(window), ()
    except NoDisplayError as error:
        return None, (f"{error} The run goes on without a window.",)


def _model_failure(stats: RunStats) -> InferenceError | None:
    if stats.inferred or not stats.ai_failures or stats.captured < _ENOUGH_FRAMES:
        return None
    return InferenceError(f"The model never gave an answer; the last failure: {stats.last_ai_failure}")


@contextlib.contextmanager
def _reporting(
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
