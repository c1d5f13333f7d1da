"""One file through the pipeline of a run, put together of the parts of a run around an engine that is lent.

`run_video` opens and closes an engine of its own, and knows windows, pages and live sources; a file of an
archive needs none of these. What it needs is the same, and a test holds the results of both together.
"""

import threading
from collections.abc import Callable
from contextlib import ExitStack

from scr_live.app import Outcome, RunConfig
from scr_live.app.config import check
from scr_live.app.following import Following
from scr_live.app.outputs import Recordings
from scr_live.archive.engines import EngineKeeper
from scr_live.controls import Controls
from scr_live.engines.opening import threshold_for
from scr_live.events import EventKind, Journal
from scr_live.pipeline.stats import Progress
from scr_live.shipped import model_for
from scr_live.sources import warnings_of


def run_file(
    config: RunConfig,
    engines: EngineKeeper,
    *,
    journal: Journal,
    progress: Callable[[Progress], None] | None = None,
    stop: threading.Event | None = None,
) -> Outcome:
    """Infer every frame of the file, and record it if that is asked for, until it ends or `stop` is set.

    All but the engine is of this file alone, and closed on return. Raises a ScrLiveError.
    """
    # First what imports cv2, then what imports av: see scr_live.sinks.display.
    from scr_live.overlays import ContourOverlay, ScoreLabel  # noqa: PLC0415 - imports cv2
    from scr_live.pipeline.live import PipelineOptions, run  # noqa: PLC0415 - imports cv2
    from scr_live.sources.opening import open_source  # noqa: PLC0415 - beside the others

    check(config)
    # The cheap checks come first: a bad file must not cost the loading of a model.
    model = model_for(config.engine, config.model)
    with ExitStack() as stack:
        recordings = stack.enter_context(Recordings(config, journal))
        source = stack.enter_context(open_source(config.source, config.source_options))
        engine = stack.enter_context(engines.lent(config, model))
        controls = Controls(threshold=threshold_for(config.threshold, model))
        following = stack.enter_context(Following(config, source.info, journal, controls))
        stats = run(
            source,
            engine,
            sinks=recordings.begin(source.info),
            overlays=(ContourOverlay(), ScoreLabel()),
            controls=controls,
            options=PipelineOptions(draws_unannounced=config.faint),
            follower=following.tracking,
            progress=progress,
            stop=stop,
            journal=journal,
        )
    journal.tell(EventKind.RUN_ENDED, stream_s=stats.stream_s)  # what lasts until the end, ends here
    notes = (*warnings_of(source), *recordings.problems, *following.problems)
    return Outcome(
        stats, recordings.paths, notes, sightings=following.sightings, qualities=following.qualities
    )
