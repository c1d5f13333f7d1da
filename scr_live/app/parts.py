"""Opens the parts of a run as the config says."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from scr_live.app.config import RunConfig
from scr_live.controls import Controls
from scr_live.engines import Engine
from scr_live.engines.isolated import open_isolated
from scr_live.engines.ladder import EngineLadder, Rung, rungs_from
from scr_live.engines.leash import Leash
from scr_live.engines.opening import open_engine
from scr_live.errors import NoDisplayError
from scr_live.events import Journal
from scr_live.shipped import Model
from scr_live.sources import SourceInfo, VideoSource

if TYPE_CHECKING:
    from scr_live.sinks.recorder import Recorder
    from scr_live.sinks.window import Window


def open_engines(
    config: RunConfig,
    model: Model | None,
    *,
    is_live: bool,
    journal: Journal,
    tell: Callable[[str], None] | None = None,
) -> tuple[Engine, EngineLadder]:
    """Open the engine, and know which is next when it fails: what a live run falls back on.

    Live, the engine runs in a process of its own, so that nothing it does can hold up the video.
    """
    isolated = is_live if config.isolate is None else config.isolate

    def open_rung(rung: Rung, *, leash: Leash) -> Engine:
        if not isolated:
            return open_engine(
                rung.engine,
                model,
                precision=rung.precision,
                threads=config.threads,
                progress=tell,
                reason=rung.reason,
            )
        return open_isolated(
            rung.engine,
            model,
            precision=rung.precision,
            threads=config.threads,
            progress=tell,
            reason=rung.reason,
            answer_timeout_s=config.ai_timeout_s,
            leash=leash,
        )

    engine = open_rung(Rung(config.engine, config.precision), leash=Leash())
    rungs = rungs_from(engine.info, precision=config.precision)
    return engine, EngineLadder(open_rung, engine.info, rungs=rungs, journal=journal)


def recorder_opener(config: RunConfig) -> Callable[[SourceInfo], "Recorder"] | None:
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


def open_screen(
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
