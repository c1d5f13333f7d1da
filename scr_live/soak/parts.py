"""The parts of a soak: those of a live run, around a source and an engine that fail on purpose."""

import contextlib
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from scr_live.engines import Engine
from scr_live.engines.isolated import IsolatedEngine
from scr_live.engines.ladder import EngineLadder, Rung
from scr_live.engines.leash import Leash
from scr_live.events import Journal
from scr_live.faults.replay import ReplaySource
from scr_live.faults.schedule import EngineFault, FaultSchedule, SourceFault
from scr_live.faults.source import Chaos
from scr_live.frames import Image
from scr_live.phantom.options import PhantomOptions
from scr_live.soak.config import SoakConfig
from scr_live.sources import VideoSource
from scr_live.sources.opening import LEAST_PATIENCE_S
from scr_live.sources.options import SourceOptions
from scr_live.sources.reconnect import Reconnecting

if TYPE_CHECKING:
    from scr_live.sinks.recorder import Recorder

_CHAOS_ENGINE = "scr_live.faults.engine:open_chaos_engine"
_ANSWER_TIMEOUT_S = 2.0  # shorter than the longest hang, so that it is met
_IMAGES = 25
_SEGMENT_S = 300.0


def phantom_images(config: SoakConfig) -> list[Image]:
    """A second of a synthetic colonoscopy, rendered once."""
    from scr_live.phantom.render import render  # noqa: PLC0415 - imports cv2

    options = PhantomOptions(seed=config.seed, width=config.width, height=config.height)
    return [render(options, index)[0] for index in range(_IMAGES)]


def chaos_source(config: SoakConfig, images: Sequence[Image]) -> Chaos:
    """A camera that fails, and shows these pictures in turn."""
    schedule = FaultSchedule(
        config.seed, tuple(SourceFault), mean_interval_s=config.fault_every_s, quiet_s=config.quiet_s
    )
    return Chaos(lambda: ReplaySource(images, fps=config.fps, name="phantom"), schedule)


def open_source(chaos: Chaos, journal: Journal) -> VideoSource:
    """The camera behind what brings it back."""
    # A camera has time-outs of its own, with this patience when it is opened anew; this one just hangs.
    options = SourceOptions(open_timeout_s=LEAST_PATIENCE_S)
    return Reconnecting(chaos.open(), chaos.open, options=options, journal=journal)


def open_engines(
    config: SoakConfig, journal: Journal, *, began_at: float, log: Path
) -> tuple[Engine, EngineLadder]:
    """An engine that fails, in a process of its own, and how it is opened anew."""
    arguments = {
        "seed": config.seed,
        "began_at": began_at,
        "quiet_s": config.quiet_s,
        "kinds": tuple(map(str, EngineFault)),
        "mean_interval_s": config.fault_every_s,
        "engine": config.engine,
        "model": config.model,
        "precision": config.precision,
        "threads": config.threads,
        "log": str(log),
    }
    only = Rung(config.engine, config.precision)

    def open_rung(rung: Rung, *, leash: Leash) -> Engine:  # noqa: ARG001 - there is one
        return IsolatedEngine(_CHAOS_ENGINE, arguments, answer_timeout_s=_ANSWER_TIMEOUT_S, leash=leash)

    engine = open_rung(only, leash=Leash())
    return engine, EngineLadder(open_rung, engine.info, rungs=(only,), journal=journal)


def open_recorder(config: SoakConfig, journal: Journal) -> AbstractContextManager["Recorder | None"]:
    """A recording in segments, if a folder for it was named."""
    if config.record is None:
        return contextlib.nullcontext()
    from scr_live.sinks.options import Segment  # noqa: PLC0415 - beside the other
    from scr_live.sinks.recorder import Recorder, RecorderOptions  # noqa: PLC0415 - imports av

    options = RecorderOptions(
        force=True, nominal_fps=config.fps, is_live=True, segment=Segment(duration_s=_SEGMENT_S)
    )
    return Recorder(config.record / "soak.mp4", options, journal=journal)


def pictures_in(paths: Iterable[Path]) -> tuple[int, list[str]]:
    """How many pictures these files hold, by their packets; and which of them cannot be read, and why."""
    import av  # noqa: PLC0415 - heavy

    count, unreadable = 0, []
    for path in paths:
        try:
            with av.open(str(path)) as container:
                for packet in container.demux(video=0):
                    count += packet.size > 0
        except (av.FFmpegError, OSError, IndexError) as error:  # the last: it has no video
            unreadable.append(f"{path.name}: {error}")
    return count, unreadable
