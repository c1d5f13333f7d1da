"""Open everything, carry the video, close everything."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

from scr_live.app.config import RunConfig, check
from scr_live.app.engines import open_engines
from scr_live.app.following import Following, check_pictures
from scr_live.app.outcome import Outcome, Parts, Report, Started
from scr_live.app.outputs import Recordings, open_screen
from scr_live.app.serving import Serving
from scr_live.controls import Controls
from scr_live.engines.opening import threshold_for
from scr_live.errors import OutputUnwritableError
from scr_live.events import EventKind, Journal
from scr_live.pipeline.stats import Progress
from scr_live.shipped import model_for
from scr_live.sinks.event_log import EventLog
from scr_live.sinks.sidecar import Sidecar
from scr_live.sinks.web.told import About
from scr_live.sources import SourceInfo


def run_video(  # noqa: PLR0913  a run and whoever wants to hear of it
    config: RunConfig,
    *,
    started: Callable[[Started], None] | None = None,
    progress: Callable[[Progress], None] | None = None,
    stop: threading.Event | None = None,
    tell: Callable[[str], None] | None = None,
    journal: Journal | None = None,
    ended: Callable[[Outcome], None] | None = None,
) -> Outcome:
    """Carry the source through the model to the outputs until it ends or `stop` is set.

    tell: hears of what takes long before the first frame, such as the build of a GPU engine. journal: hears
    what happens besides frames. ended: hears of the outcome even if the run then raises.
    Raises a ScrLiveError; the recording is finished and `--stats` written even then. Live, a model that never
    answers does not end the run: see `Outcome.failure`.
    """
    # First what imports cv2, then what imports av: see scr_live.sinks.display.
    from scr_live.overlays import ContourOverlay, ScoreLabel  # noqa: PLC0415 - imports cv2
    from scr_live.pipeline.live import PipelineOptions, run  # noqa: PLC0415 - imports cv2
    from scr_live.sources.opening import open_lasting_source  # noqa: PLC0415 - beside the others

    check(config)
    check_pictures(config)
    journal = journal or Journal()
    report = Report(config.stats, journal, ended)
    serving = Serving(config, journal, tell)
    with _event_files(config, journal), serving, report, contextlib.ExitStack() as stack:
        # The cheap checks come first: a bad path must not cost the loading of a model.
        model = model_for(config.engine, config.model)
        recordings = stack.enter_context(Recordings(config, journal))
        source = stack.enter_context(
            open_lasting_source(config.source, config.source_options, journal=journal, tap=recordings.tap)
        )
        info = source.info
        engine, ladder = open_engines(config, model, is_live=info.is_live, journal=journal, tell=tell)
        stack.enter_context(engine)
        threshold = threshold_for(config.threshold, model)
        controls = Controls(threshold=threshold)
        following = Following(config, info, journal, controls)
        report.about(Parts(source, recordings, ladder, following, config.model if model else ""))
        about = About(info, engine.info, config.model if model else "")
        sinks = [*recordings.begin(info), *serving.begin(about, controls, recordings)]
        stack.enter_context(following)
        screen, notes = open_screen(config, controls, info, stack, journal=journal, switch=recordings.switch)
        facts = Started(
            info, engine.info, about.model, threshold, _expected_frames(config, info), serving.notes + notes
        )
        _tell_start(journal, facts, config, is_followed=following.tracking is not None)
        if started is not None:
            started(facts)
        run(
            source,
            engine,
            sinks=sinks,
            screen=screen,
            overlays=(ContourOverlay(), ScoreLabel()),
            controls=controls,
            options=PipelineOptions(
                max_frames=config.max_frames,
                max_overlay_age_s=config.max_overlay_age_s,
                draws_unannounced=config.faint,
            ),
            follower=following.tracking,
            progress=_with_recording(serving.hearing(progress), recordings),
            stop=stop,
            reopen_engine=ladder,
            journal=journal,
            finished=report.finished,
        )
    return report.outcome


@contextlib.contextmanager
def _event_files(config: RunConfig, journal: Journal) -> Iterator[None]:
    """Write all events of the run, its end included, to the file asked for; tracks beside the video."""
    if config.events is None:
        yield
        return
    force = config.recording.force
    sidecar, log = Sidecar(force=force), EventLog(config.events, force=force)
    try:
        with sidecar, log:
            journal.listen(log.heard)
            journal.listen(sidecar.heard)
            yield
    except BaseException as error:
        for problem in filter(None, (log.problem, sidecar.problem)):
            error.add_note(problem)
        raise
    problems = " ".join(filter(None, (log.problem, sidecar.problem)))
    if problems:
        raise OutputUnwritableError(problems)


def _tell_start(journal: Journal, facts: Started, config: RunConfig, *, is_followed: bool) -> None:
    source = facts.source
    journal.tell(
        EventKind.RUN_STARTED,
        stream_s=0.0,
        source=source.name,
        width=source.width,
        height=source.height,
        fps=source.fps,
        engine=facts.engine.kind,
        model=facts.model,
        threshold=facts.threshold,
        tracking=is_followed,
        alert_after_s=config.alert_after_s if is_followed else 0.0,
    )


def _with_recording(
    progress: Callable[[Progress], None] | None, recordings: Recordings
) -> Callable[[Progress], None] | None:
    """The pipeline knows nothing of disks: that is added on the way."""
    if progress is None:
        return None
    return lambda now: progress(replace(now, recording=recordings.state()))


def _expected_frames(config: RunConfig, info: SourceInfo) -> int | None:
    limits = (config.max_frames, None if config.source_options.loop else info.frame_count)
    return min((limit for limit in limits if limit is not None), default=None)
