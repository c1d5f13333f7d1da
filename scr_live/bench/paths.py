"""The whole path of a clip, as `run` carries it: how long each stage takes, and who has the processor.

It is `app.run_video` itself that runs, with a recording and without a window; what is told here is what its
stages count and what the system says of its threads.
"""

import contextlib
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scr_live.app import Outcome, RunConfig, Started, run_video
from scr_live.bench.combinations import Combination
from scr_live.bench.config import BenchConfig
from scr_live.bench.load import LoadWatch
from scr_live.bench.report import SCHEMA
from scr_live.bench.shares import Share, shares_of
from scr_live.bench.threads import ThreadWatch, Usage, can_watch
from scr_live.errors import OptionError, ScrLiveError, SourceError
from scr_live.events import Journal
from scr_live.machine import machine_facts, processor_facts
from scr_live.pipeline.stats import Progress as RunProgress
from scr_live.pipeline.stats import RunStats
from scr_live.sources.options import SourceOptions

PROTOCOL: Final = (
    "Each combination carries the clip once, recorded to a temporary file, without a window, with marks and "
    "tracking as usual. Counting begins when source and engine are open. Wall times are of single frames in "
    "each stage; stages run at the same time, so they do not add up; live, decoding includes the wait for "
    "the next picture. Processor time is the system's account of every thread; that of helper threads goes "
    "to the stage that started them, and what ended unseen is told apart."
)


@dataclass(frozen=True, slots=True)
class PathRun:
    """One combination's way through the clip: what was measured, or why not."""

    combination: Combination
    reason: str = ""
    stats: RunStats | None = None
    wall_s: float = 0.0
    usage: Usage | None = None
    """None: the system does not tell."""

    @property
    def is_measured(self) -> bool:
        """Whether it has figures."""
        return self.stats is not None and self.stats.composed > 0

    @property
    def shares(self) -> tuple[Share, ...]:
        """Where each millisecond went, in the order of a frame's life; they add up to the total."""
        return () if self.stats is None else shares_of(self.stats, self.usage, wall_s=self.wall_s)

    def as_dict(self) -> dict[str, object]:
        """Return it for a JSON file."""
        asked = self.combination
        found: dict[str, object] = {"label": asked.label, "reason": self.reason or None}
        if self.stats is None:
            return found
        return found | {
            "run": self.stats.as_dict(),
            "wall_s": round(self.wall_s, 3),
            "total_cpu_s": None if self.usage is None else round(self.usage.total_s, 3),
            "threads_cpu_s": None
            if self.usage is None
            else {name: round(cpu_s, 3) for name, cpu_s in sorted(self.usage.by_name.items()) if cpu_s > 0},
            "shares": [share.as_dict() for share in self.shares],
        }


@dataclass(frozen=True, slots=True)
class PathReport:
    """All combinations."""

    clip: str
    is_realtime: bool
    paths: tuple[PathRun, ...]
    load: dict[str, float | None]
    machine: dict[str, object]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """Return what `--json` writes."""
        return {
            "schema": SCHEMA,
            "protocol": {"text": PROTOCOL, "clip": self.clip, "realtime": self.is_realtime},
            "paths": [path.as_dict() for path in self.paths],
            "load": self.load,
            "notes": list(self.notes),
            "machine": self.machine,
        }


def measure_paths(
    config: BenchConfig,
    clip: str,
    *,
    progress: Callable[[str, float], None] = lambda _what, _share: None,
    tell: Callable[[str], None] | None = None,
) -> PathReport:
    """Run the clip through each combination of a checked config; one that cannot run has its reason.

    SourceError: the clip cannot be read.
    """
    for combination in config.combinations:
        if combination.size is not None:
            raise OptionError("--size is about engines alone; a run takes the size of the model's card.")
    with tempfile.TemporaryDirectory(prefix="scr-live-bench-") as folder:
        path = _rendered(clip, Path(folder), progress)
        watch = LoadWatch()
        paths = tuple(
            _measure(
                config,
                combination,
                clip=path,
                out=Path(folder) / f"{index}.mp4",
                progress=progress,
                tell=tell,
            )
            for index, combination in enumerate(config.combinations)
        )
        load, notes = watch.end()
    if not can_watch():
        notes.append("This system does not tell the processor time of threads: only wall times are known.")
    machine = {**machine_facts(), **processor_facts()}
    return PathReport(clip, config.is_realtime, paths, load, machine, tuple(notes))


def _rendered(clip: str, folder: Path, progress: Callable[[str, float], None]) -> str:
    """A phantom is rendered before: its rendering is no part of what a run costs."""
    if clip.partition(":")[0] != "phantom":
        return clip
    from scr_live.bench.rendering import render_clip  # noqa: PLC0415 - imports av

    path = folder / "phantom.mp4"
    render_clip(clip, path, progress=lambda share: progress("rendering", share))
    return str(path)


def _measure(  # noqa: PLR0913 - what is run, and who hears of it
    config: BenchConfig,
    combination: Combination,
    *,
    clip: str,
    out: Path,
    progress: Callable[[str, float], None],
    tell: Callable[[str], None] | None,
) -> PathRun:
    stop = threading.Event()
    threads = ThreadWatch()
    began_at = 0.0
    found: list[Outcome] = []

    def started(_: Started) -> None:
        nonlocal began_at
        threads.begin()
        began_at = time.perf_counter()

    def moved(now: RunProgress) -> None:
        progress("running", now.composed / now.frame_count if now.frame_count else 0.0)
        if now.elapsed_s > config.seconds:
            stop.set()

    run_config = RunConfig(
        source=clip,
        source_options=SourceOptions(realtime=config.is_realtime),
        record=out,
        model=combination.model,
        engine=combination.engine,
        precision=combination.precision,
        threads=config.threads,
        display=False,
    )
    try:
        with threads if can_watch() else contextlib.nullcontext():
            run_video(
                run_config,
                started=started,
                progress=moved,
                stop=stop,
                tell=tell,
                journal=Journal(),
                ended=found.append,
            )
            wall_s = time.perf_counter() - began_at
            threads.look()
            usage = threads.usage() if can_watch() else None
    except SourceError:  # no other combination would fare better
        raise
    except ScrLiveError as error:
        return PathRun(combination, str(error))
    return PathRun(combination, stats=found[0].stats, wall_s=wall_s, usage=usage)
