"""Let a run of failing parts go on for its time, and judge it."""

import contextlib
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from scr_live.errors import ScrLiveError
from scr_live.events import Journal
from scr_live.faults.engine import injections_in
from scr_live.pipeline.stats import Progress, RunStats
from scr_live.soak.config import SoakConfig, check
from scr_live.soak.outages import Failures, outages
from scr_live.soak.parts import (
    chaos_source,
    open_engines,
    open_recorder,
    open_source,
    phantom_images,
    pictures_in,
)
from scr_live.soak.probe import Probe
from scr_live.soak.recoveries import Losses, recoveries
from scr_live.soak.report import Report
from scr_live.soak.samples import Sampler

if TYPE_CHECKING:
    from scr_live.faults.source import Injection


def soak(
    config: SoakConfig,
    *,
    progress: Callable[[Progress], None] | None = None,
    stop: threading.Event | None = None,
    started: Callable[[], None] | None = None,
) -> Report:
    """Run for the time of the config, or until `stop` is set, and say what happened.

    started: called once there is something to report. Raises a ScrLiveError where nothing could be begun;
    what ends the run later is told in the report.
    """
    # First what imports cv2, then what imports av: see scr_live.sinks.display.
    from scr_live.overlays import ContourOverlay, ScoreLabel  # noqa: PLC0415 - imports cv2
    from scr_live.pipeline.live import RECORDER, NamedSink, run  # noqa: PLC0415 - imports cv2

    check(config)
    stop = stop or threading.Event()
    images = phantom_images(config)
    began_at = datetime.now(UTC)
    losses, model_failures, probe = Losses(began_at), Failures(began_at), Probe()
    journal = Journal(losses, model_failures)
    finished: list[RunStats] = []
    injected: list[Injection] = []
    failures: list[ScrLiveError] = []
    ended_at_s = 0.0
    with _kept(failures, after=finished), contextlib.ExitStack() as stack:
        log = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="scr-live-soak-"))) / "engine"
        chaos = chaos_source(config, images)
        source = stack.enter_context(open_source(chaos, journal))
        engine, ladder = open_engines(config, journal, began_at=began_at.timestamp(), log=log)
        stack.enter_context(engine)
        sinks = [NamedSink("probe", probe)]
        recorder = stack.enter_context(open_recorder(config, journal))
        if recorder is not None:
            sinks.append(NamedSink(RECORDER, recorder, channel="to-disk"))
        sampler = Sampler(probe, every_s=config.sample_every_s)
        until = time.perf_counter() + config.duration_s

        def heard(now: Progress) -> None:
            nonlocal ended_at_s
            if not stop.is_set():  # after that nobody owes an answer
                ended_at_s = (datetime.now(UTC) - began_at).total_seconds()
            sampler.progress(now)
            if progress is not None:
                progress(now)
            if time.perf_counter() >= until:
                stop.set()

        if started is not None:
            started()
        try:
            run(
                source,
                engine,
                sinks=sinks,
                overlays=(ContourOverlay(), ScoreLabel()),
                progress=heard,
                stop=stop,
                reopen_engine=ladder,
                journal=journal,
                finished=finished.append,
            )
        finally:
            cut_short = time.perf_counter() < until
            injected += sorted([*chaos.injected, *injections_in(log)], key=lambda one: one.at_s)
    readable, unreadable = (None, []) if recorder is None else pictures_in(recorder.paths)
    return Report(
        config=config,
        stats=finished[0],
        events=journal.counts,
        cut_short=cut_short,
        failure=" ".join(map(str, failures)),
        injected=injected,
        recoveries=recoveries(losses.spans, injected),
        samples=sampler.samples,
        out_of_order=probe.out_of_order,
        readable=readable,
        outages=outages(model_failures.spans, injected, losses.spans, ended_at_s=ended_at_s),
        unreadable=unreadable,
    )


@contextlib.contextmanager
def _kept(failures: list[ScrLiveError], *, after: list[RunStats]) -> Iterator[None]:
    """Keep the error of a run that has left its figures: an hour of them must not be lost with it."""
    try:
        yield
    except ScrLiveError as error:
        if not after:
            raise
        failures.append(error)
