"""Put a run together of parts that fail on purpose, let it go on, and judge it."""

import contextlib
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from scr_live.controls import Controls
from scr_live.engines import Engine
from scr_live.engines.isolated import IsolatedEngine
from scr_live.engines.ladder import EngineLadder, Rung
from scr_live.engines.leash import Leash
from scr_live.events import Journal
from scr_live.faults.engine import injections_in
from scr_live.faults.replay import ReplaySource
from scr_live.faults.schedule import EngineFault, FaultSchedule, SourceFault
from scr_live.faults.source import Chaos
from scr_live.frames import Image
from scr_live.pipeline.stats import Progress, RunStats
from scr_live.soak.config import SoakConfig, check
from scr_live.soak.probe import Probe
from scr_live.soak.recoveries import Losses, recoveries
from scr_live.soak.report import Report
from scr_live.soak.samples import Sampler

QUIET_S = 5.0
"""Without faults, at the beginning: what opens has opened by then."""

_CHAOS_ENGINE = "scr_live.faults.engine:open_chaos_engine"
_ANSWER_TIMEOUT_S = 2.0  # shorter than the longest hang, so that it is met
_IMAGES = 25
_SEGMENT = "5min"


def soak(
    config: SoakConfig,
    *,
    progress: Callable[[Progress], None] | None = None,
    stop: threading.Event | None = None,
    started: Callable[[], None] | None = None,
) -> Report:
    """Run for the time of the config, or until `stop` is set, and say what happened.

    started: called once there is a report to be made. Raises a ScrLiveError where the run itself fails: then
    there is no report.
    """
    # First what imports cv2, then what imports av: see scr_live.sinks.display.
    from scr_live.overlays import ContourOverlay, ScoreLabel  # noqa: PLC0415 - imports cv2
    from scr_live.pipeline.live import NamedSink, run  # noqa: PLC0415 - imports cv2

    check(config)
    stop = stop or threading.Event()
    probe = Probe()
    with contextlib.ExitStack() as stack:
        log = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="scr-live-soak-"))) / "engine"
        images = phantom_images(config)
        began_at = datetime.now(UTC)
        losses = Losses(began_at)
        journal = Journal(losses)
        chaos = _chaos_source(config, images)
        source = stack.enter_context(chaos.open())
        ladder = _Ladder(config, journal, log)
        engine = stack.enter_context(ladder.first)
        recorder = stack.enter_context(_recorder(config, journal))
        sinks = [NamedSink("probe", probe), *([NamedSink("recorder", recorder)] if recorder else [])]
        sampler = Sampler(probe, every_s=config.sample_every_s)
        until = time.perf_counter() + config.duration_s
        finished: list[RunStats] = []

        def heard(now: Progress) -> None:
            sampler.progress(now)
            if progress is not None:
                progress(now)
            if time.perf_counter() >= until:
                stop.set()

        if started is not None:
            started()
        run(
            source,
            engine,
            sinks=sinks,
            overlays=(ContourOverlay(), ScoreLabel()),
            controls=Controls(),
            progress=heard,
            stop=stop,
            reopen_engine=ladder.reopen,
            journal=journal,
            finished=finished.append,
        )
        injected = sorted([*chaos.injected, *injections_in(log)], key=lambda one: one.at_s)
    return Report(
        config=config,
        stats=finished[0],
        cut_short=time.perf_counter() < until,
        injected=injected,
        recoveries=recoveries(losses.spans, injected),
        samples=sampler.samples,
        out_of_order=probe.out_of_order,
        readable=None,
    )
