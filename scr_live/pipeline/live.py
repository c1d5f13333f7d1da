"""The running pipeline: one thread a stage from the source to the sinks, the screen in the calling thread.

                +--> to-model --> infer --> board --+
    capture ----+                                   v
                +--> to-compose ----------------> compose --> to-<sink> --> sink
                                                         +--> to-screen --> screen (calling thread)

Files: every channel blocks, every frame is inferred, none is lost. Live: no stage waits for a later one; each
channel drops its oldest item when full and counts that: the video keeps its rate, whatever others do.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Sequence

from scr_live.controls import Controls
from scr_live.engines import Engine
from scr_live.events import Journal
from scr_live.overlays import Overlay
from scr_live.pipeline.board import Board
from scr_live.pipeline.channel import FanOut
from scr_live.pipeline.compose import Compose
from scr_live.pipeline.crew import Crew
from scr_live.pipeline.inference import Backoff, Inference
from scr_live.pipeline.options import PipelineOptions
from scr_live.pipeline.outputs import Outputs
from scr_live.pipeline.presenting import TICK_S, Presenter
from scr_live.pipeline.routes import STAGES, Routes
from scr_live.pipeline.stages import Capture, NamedSink
from scr_live.pipeline.stalls import StallWatch
from scr_live.pipeline.stats import Progress, Reporter, RunStats
from scr_live.pipeline.timing import Timings
from scr_live.predictor import Follower
from scr_live.sinks import Screen
from scr_live.sources import VideoSource, dropped_of
from scr_live.sources.judge import SignalJudge
from scr_live.tracking.carrying import MarkCarrier

__all__ = ["RECORDER", "NamedSink", "PipelineOptions", "Progress", "RunStats", "run"]

RECORDER = "recorder"
"""The name of the sink whose pictures count as recorded."""


def run(  # noqa: PLR0913  a run is put together here, once, of parts that the caller has opened
    source: VideoSource,
    engine: Engine,
    *,
    sinks: Sequence[NamedSink] = (),
    screen: Screen | None = None,
    overlays: Sequence[Overlay] = (),
    controls: Controls | None = None,
    options: PipelineOptions | None = None,
    progress: Callable[[Progress], None] | None = None,
    stop: threading.Event | None = None,
    reopen_engine: Callable[[], Engine] | None = None,
    follower: Follower | None = None,
    journal: Journal | None = None,
    finished: Callable[[RunStats], None] | None = None,
) -> RunStats:
    """Carry the video from the source to the sinks and the screen until it ends or `stop` is set.

    All parts are open, and stay the caller's to close. With a screen, call it from the main thread. `stop`
    ends the capture; what was captured is still processed. `progress` is called a few times a second from
    this thread. Live, a failing engine is replaced by `reopen_engine()`, or tried again, after a pause.
    `follower` sees every answer; None: each frame stands alone. `journal` hears what happens besides frames.
    `finished` gets the figures even if the run then raises: the first error, with a note of its stage.
    """
    pipeline = _Pipeline(
        source,
        engine,
        sinks=sinks,
        screen=screen,
        overlays=overlays,
        controls=controls or Controls(),
        options=options or PipelineOptions(),
        stop=stop or threading.Event(),
        reopen_engine=reopen_engine,
        follower=follower,
        journal=journal or Journal(),
    )
    try:
        pipeline.run(Reporter(pipeline.progress, progress))
    finally:
        stats = pipeline.stats()
        if finished is not None:
            finished(stats)
    return stats


class _Pipeline:
    """The parts of one run and the threads that carry frames between them; used once."""

    def __init__(  # noqa: PLR0913  see run()
        self,
        source: VideoSource,
        engine: Engine,
        *,
        sinks: Sequence[NamedSink],
        screen: Screen | None,
        overlays: Sequence[Overlay],
        controls: Controls,
        options: PipelineOptions,
        stop: threading.Event,
        reopen_engine: Callable[[], Engine] | None,
        follower: Follower | None,
        journal: Journal,
    ) -> None:
        self._source = source
        self._info = info = source.info
        self._engine_info = engine.info
        self._controls = controls
        self._stop = stop
        self._journal = journal
        self._max_frames = options.max_frames
        self._started_at = time.perf_counter()
        self._crew = Crew(
            grace_s=options.stage_grace_s, main="screen" if screen else "main", hurry=self._hurry
        )
        self._timings = Timings(*STAGES, *(named.name for named in sinks), *(["screen"] if screen else []))
        self._to = Routes(info, sinks, has_screen=screen is not None)
        # Inference can be ahead of compose by what waits for it and by what the threads have in hand.
        self._board = Board(self._to.compose.capacity + 4)
        self._presenter = (
            None if screen is None else Presenter(screen, self._to.screen, self._timings, pause=self._pause)
        )
        self._stalls = StallWatch(self._still_s, limit_s=options.stall_s(info), journal=journal)
        self._capture = Capture(
            source,
            self._timings,
            journal=journal,
            is_over=self._is_over,
            max_frames=options.max_frames,
            judge=SignalJudge() if info.is_live else None,
        )
        self._inference = Inference(
            engine,
            self._board,
            self._timings,
            controls=controls,
            min_area=options.min_area,
            backoff=Backoff(options.retry_first_s, options.retry_longest_s) if info.is_live else None,
            reopen_engine=reopen_engine,
            follower=follower,
        )
        self._compose = Compose(
            self._board,
            self._timings,
            overlays=overlays,
            controls=controls,
            budget_s=options.budget_s(info),
            max_overlay_age_s=options.max_overlay_age_s,
            carrier=MarkCarrier(longest_s=options.max_overlay_age_s) if info.is_live else None,
            draws_unannounced=options.draws_unannounced,
            troubles=self._troubles,
        )
        self._outputs = Outputs(sinks, self._to.sinks, self._timings, are_all=screen is None)

    def run(self, reporter: Reporter) -> None:
        """Start all stages, attend to them or to the screen, and wait for the end."""
        try:
            with self._stalls if self._info.is_live else contextlib.nullcontext(), self._crew:
                self._start()
                if self._presenter is None:
                    self._attend(reporter)
                else:
                    self._present(self._presenter, reporter)
                self._crew.join(lambda: self._end(reporter))
        finally:
            # A stuck stage may still be inside the engine: closing it there would crash the process.
            if self._crew.wait(0):
                self._inference.close()
        reporter.report()

    def stats(self) -> RunStats:
        """Return the figures as they stand."""
        written = self._outputs.written
        return RunStats(
            source=self._info,
            engine=self._engine_info,
            captured=self._capture.captured,
            inferred=self._inference.inferred,
            composed=self._compose.composed,
            shown=self._shown,
            placeholders=self._capture.placeholders,
            recorded=written.get(RECORDER, 0),
            polyp_frames=self._inference.polyp_frames,
            marked=self._compose.marked,
            marks_failed=self._compose.marks_failed,
            ai_answers=dict(self._compose.answers),
            ai_silent_s=self._compose.silent_s,
            ai_failures=self._inference.failures,
            ai_skipped=self._inference.skipped,
            ai_reopened=self._inference.reopened,
            last_engine=self._inference.engine_info,
            last_ai_failure=self._inference.last_failure,
            ended_by=self._ended_by(),
            duration_s=time.perf_counter() - self._started_at,
            stream_s=self._capture.stream_s,
            video_delay=self._timings.video_delay.latency(),
            annotation_delay=self._timings.annotation_delay.latency(),
            stages=self._timings.stages(),
            stage_cpu_s=self._timings.cpu_s(),
            channels={channel.name: channel.counts() for channel in self._to.all},
            written=written,
            source_dropped=dropped_of(self._source),
        )

    def progress(self, fps: float) -> Progress:
        """Return how far the run is; the rate is measured by whoever asks."""
        return Progress(
            captured=self._capture.captured,
            inferred=self._inference.inferred,
            composed=self._compose.composed,
            shown=self._shown,
            recorded=self._outputs.written.get(RECORDER, 0),
            elapsed_s=time.perf_counter() - self._started_at,
            fps=fps,
            frame_count=self._info.frame_count,
            marked=self._compose.marked,
            placeholders=self._capture.placeholders,
            status=self._compose.status,
            ai=self._compose.ai,
            marks_age_s=self._compose.marks_age_s,
            ai_failures=self._inference.failures,
            dropped_at={channel.name: channel.counts().dropped for channel in self._to.all},
            video_delay=self._timings.video_delay,
            annotation_delay=self._timings.annotation_delay,
        )

    def _start(self) -> None:
        to, crew = self._to, self._crew
        # Live, the video goes on without the model; in a file's run compose ends for want of a prediction.
        crew.start("capture", self._capture, lambda frame: frame, FanOut(to.model, needed=0), to.compose)
        crew.start("infer", to.model, self._inference, self._board)
        crew.start(
            "compose", to.compose, self._compose, FanOut(*to.pictures, needed=min(1, len(to.pictures)))
        )
        self._outputs.start(crew)

    def _attend(self, reporter: Reporter) -> None:
        """Without a screen: report until the run ends (seen at once) or has to end (seen within a tick)."""
        while not self._crew.wait(TICK_S) and not self._has_to_end():
            reporter.tick()

    def _end(self, reporter: Reporter) -> None:
        """Nobody who ends a live run waits for a long backlog; a file's run, or its own end, gets it all."""
        if self._info.is_live and self._ended_by() in {"closed window", "stop"}:
            self._outputs.hasten()
        reporter.tick()

    def _present(self, presenter: Presenter, reporter: Reporter) -> None:
        try:
            presenter.present(is_over=self._is_over, tick=reporter.tick)
        finally:
            self._crew.stop.set()

    def _pause(self) -> bool:
        if not self._controls.paused or self._info.is_live:
            return False
        self._stop.wait(TICK_S)  # everything before the screen fills up and waits too
        return True

    def _ended_by(self) -> str:
        if self._presenter is not None and self._presenter.was_closed:
            return "closed window"
        if self._stop.is_set():
            return "stop"
        return "frame limit" if self._capture.captured == self._max_frames else "end of the video"

    @property
    def _shown(self) -> int:
        return 0 if self._presenter is None else self._presenter.shown

    def _troubles(self) -> list[str]:
        """Say what is amiss besides the model and the signal, in short phrases."""
        failed = [f"{name} failed" for name in self._outputs.failed]
        stalled = [name for name in self._stalls.stalled if name != "infer"]  # that is "AI off" already
        return [*failed, *(f"{name} stalled" for name in stalled)]

    def _still_s(self) -> dict[str, float]:
        return self._crew.still_s() | (self._presenter.still_s() if self._presenter else {})

    def _hurry(self) -> None:
        """An end must not wait for a model that hangs; a file's run waits for every answer."""
        if self._info.is_live:
            self._inference.abandon()

    def _is_over(self) -> bool:
        """Whether capture has to end: the caller or the run itself wants it."""
        return self._stop.is_set() or self._crew.stop.is_set()

    def _has_to_end(self) -> bool:
        """Pass a stop on to the crew; stop if nobody takes pictures, too: a silent source may not notice."""
        has_screen = self._presenter is not None and not self._to.screen.abandoned
        nobody_reads = bool(self._to.pictures) and not has_screen and self._outputs.have_all_failed
        if self._stop.is_set() or self._to.compose.abandoned or nobody_reads:
            self._crew.stop.set()
        return self._crew.winding_down
