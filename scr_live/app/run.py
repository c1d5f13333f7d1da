"""Open everything, carry the video, close everything."""

import contextlib
import threading
from collections.abc import Callable

from scr_live.app.config import RunConfig, check
from scr_live.app.outcome import Outcome, Started, model_failure, reporting
from scr_live.app.parts import open_engines, open_screen, recorder_opener
from scr_live.controls import Controls
from scr_live.engines.opening import threshold_for
from scr_live.events import Journal
from scr_live.pipeline.stats import Progress, RunStats
from scr_live.shipped import model_for
from scr_live.sources import SourceInfo, warnings_of


def run_video(  # noqa: PLR0913  a run and whoever wants to hear of it
    config: RunConfig,
    *,
    started: Callable[[Started], None] | None = None,
    progress: Callable[[Progress], None] | None = None,
    stop: threading.Event | None = None,
    tell: Callable[[str], None] | None = None,
    journal: Journal | None = None,
) -> Outcome:
    """Carry the source through the model to the outputs until it ends or `stop` is set.

    tell: hears of what takes long before the first frame, such as the build of a GPU engine. journal: hears
    what happens besides frames.
    Raises a ScrLiveError; the recording is finished and `--stats` written even then. Live, a model that never
    answers does not end the run: see `Outcome.failure`.
    """
    # First what imports cv2, then what imports av: see scr_live.sinks.display.
    from scr_live.overlays import ContourOverlay, ScoreLabel  # noqa: PLC0415 - imports cv2
    from scr_live.pipeline.live import RECORDER, NamedSink, PipelineOptions, run  # noqa: PLC0415 - imports cv2
    from scr_live.sources.opening import open_source  # noqa: PLC0415 - beside the others

    check(config)
    journal = journal or Journal()
    with contextlib.ExitStack() as stack:
        # The cheap checks come first: a bad path must not cost the loading of a model.
        model = model_for(config.engine, config.model)
        recorder_for = recorder_opener(config)
        source = stack.enter_context(open_source(config.source, config.source_options))
        engine, ladder = open_engines(config, model, is_live=source.info.is_live, journal=journal, tell=tell)
        stack.enter_context(engine)
        threshold = threshold_for(config.threshold, model)
        controls = Controls(threshold=threshold)
        sinks = []
        if recorder_for is not None:
            recorder = stack.enter_context(recorder_for(source.info))
            sinks.append(NamedSink(RECORDER, recorder, channel="to-disk"))
        screen, notes = open_screen(config, controls, source, stack)
        if started is not None:
            expected = _expected_frames(config, source.info)
            name = config.model if model else ""
            started(Started(source.info, engine.info, name, threshold, expected, notes))
        finished: list[RunStats] = []
        with reporting(config, model, source, finished=finished):
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
                reopen_engine=ladder,
                journal=journal,
                finished=finished.append,
            )
    stats = finished[0]
    failure = model_failure(stats)
    told = [*warnings_of(source), *ladder.notes()]
    if failure is not None:
        told.append("The model never gave an answer: whether there are polyps is not known.")
    return Outcome(stats, config.record if stats.recorded else None, tuple(told), failure)


def _expected_frames(config: RunConfig, info: SourceInfo) -> int | None:
    limits = (config.max_frames, None if config.source_options.loop else info.frame_count)
    return min((limit for limit in limits if limit is not None), default=None)
