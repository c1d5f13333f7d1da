"""Opens the parts of a run as the config says."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from scr_live.app.config import RunConfig
from scr_live.controls import Controls
from scr_live.engines import Engine, EngineInfo
from scr_live.errors import NoDisplayError
from scr_live.sources import SourceInfo, VideoSource

if TYPE_CHECKING:
    from scr_live.sinks.recorder import Recorder
    from scr_live.sinks.window import Window


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
