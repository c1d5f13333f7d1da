"""An archive from its list of videos to its tables: what is missing is done, and all of it is merged."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scr_live.archive.config import ArchiveConfig, check, shared_out
from scr_live.archive.judging import Job
from scr_live.archive.kept import SUMMARY, Kept, OutFolder
from scr_live.archive.local import LocalWorkers
from scr_live.archive.videos import Video, find_videos
from scr_live.archive.workplace import Ended, Workplace
from scr_live.engines.opening import threshold_for
from scr_live.errors import OptionError, OutputUnwritableError
from scr_live.files import write_text
from scr_live.shipped import model_for

REPORT_EVERY_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class Started:
    """What is to be done, told once."""

    videos: int
    kept: int
    """Done in an earlier run."""
    failed_before: int
    """Of these, those that failed, and are not tried again."""
    workers: int
    """0: Ray decides."""
    threads: int
    bytes: int
    """Of the videos that are to be done."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is, a few times a second."""

    done: int
    """Videos, with those of earlier runs."""
    frames: int
    """Of this run, those of videos in work included."""
    frames_per_s: float
    bytes_done: float
    """Of this run: a video in work counts by the share of its frames."""


@dataclass(frozen=True, slots=True)
class ArchiveReport:
    """What is there once it has ended."""

    out: Path
    videos: int
    kept: Sequence[Kept]
    """In the order of the list; without those that were broken off."""
    done_now: int
    """Videos of this run."""
    frames_now: int
    seconds: float
    """Of this run, by the clock."""
    workers: int
    threads: int
    lost: int
    """Workers that crashed or were killed."""
    is_complete: bool
    """False: it was stopped, and there are no new tables."""

    @property
    def failed(self) -> list[Kept]:
        """The videos without results."""
        return [one for one in self.kept if one.error is not None]

    @property
    def frames_per_s(self) -> float:
        """Of this run."""
        return self.frames_now / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class Listeners:
    """Who wants to hear of it while it goes on."""

    started: Callable[[Started], None] = lambda _: None
    progress: Callable[[Progress], None] = lambda _: None
    ended: Callable[[Kept, int], None] = lambda _kept, _done: None
    """With how many videos are done by now."""
    note: Callable[[str], None] = lambda _: None


def _check_out(out: Path) -> None:
    try:
        if out.exists() and not out.is_dir():
            raise OptionError(f"--out names a folder; {out} is a file.")
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        raise OutputUnwritableError(f"Nothing can be written to {out}: {error.strerror}.") from error


def archive(
    config: ArchiveConfig, *, listeners: Listeners | None = None, stop: threading.Event | None = None
) -> ArchiveReport:
    """Do what is not done yet, and write the tables and the summary, unless `stop` is set meanwhile.

    Raises a ScrLiveError if nothing can be begun, or if the model, the engine or the disk fail; what was
    done by then is kept. A video that fails is told in the report.
    """
    check(config)
    listeners, stop = listeners or Listeners(), stop or threading.Event()
    videos = find_videos(config.source, out=config.out)
    _check_out(config.out)
    settings = config.settings
    model = model_for(settings.engine, settings.model)
    out = OutFolder(config.out)
    with out.held():
        out.begin(
            settings,
            model_sha256=model.sha256 if model else "",
            threshold=threshold_for(settings.threshold, model),
            force=config.force,
        )
        return _work(config, videos, out, listeners, stop)


def _work(
    config: ArchiveConfig,
    videos: Sequence[Video],
    out: OutFolder,
    listeners: Listeners,
    stop: threading.Event,
) -> ArchiveReport:
    known = {video.id: kept for video in videos if (kept := out.read(video)) is not None}
    if config.retry_failed:
        known = {name: kept for name, kept in known.items() if kept.error is None}
    to_do = [video for video in videos if video.id not in known]
    workers, threads, workplace = _workplace(config, len(to_do))
    # The largest first: a long video that begins last would leave all workers but one without work.
    jobs = [
        Job(
            video.id,
            str(video.path.absolute()),
            config.settings,
            threads,
            str(out.recording_in_work(video)) if config.settings.record else None,
        )
        for video in sorted(to_do, key=lambda video: -video.size_bytes)
    ]
    work = _Work(out, to_do, known, listeners)
    failed_before = sum(kept.error is not None for kept in known.values())
    total_bytes = sum(video.size_bytes for video in to_do)
    listeners.started(Started(len(videos), len(known), failed_before, workers, threads, total_bytes))
    if jobs and not stop.is_set():
        workplace(jobs, work, stop)
    is_complete = len(work.known) == len(videos)
    report = ArchiveReport(
        config.out,
        len(videos),
        [work.known[video.id] for video in videos if video.id in work.known],
        work.done_now,
        work.frames,
        work.seconds,
        workers,
        threads,
        work.lost_workers,
        is_complete,
    )
    if is_complete:
        _write(report)
    return report


def _workplace(config: ArchiveConfig, videos: int) -> tuple[int, int, Workplace]:
    if config.ray is None:
        workers, threads = shared_out(config.workers, config.threads, videos=videos)
        return workers, threads, LocalWorkers(workers)
    from scr_live.archive.on_ray import RayCluster  # noqa: PLC0415 - an extra

    threads = config.threads or 1
    return config.workers, threads, RayCluster(config.ray, threads, config.workers)


def _write(report: ArchiveReport) -> None:
    from scr_live.archive.summary import summary_page  # noqa: PLC0415 - beside the other
    from scr_live.archive.tables import write_tables  # noqa: PLC0415 - an extra

    write_tables(report.out, report.kept)
    write_text(report.out / SUMMARY, summary_page(report))


class _Work:
    """Hears of each video, keeps its results, and tells how far it is: a Hearer."""

    def __init__(
        self, out: OutFolder, videos: Sequence[Video], known: dict[str, Kept], listeners: Listeners
    ) -> None:
        self._out = out
        self._videos = {video.id: video for video in videos}
        self._listeners = listeners
        self._in_work: dict[str, tuple[int, float]] = {}
        """Frames and share that are done of each."""
        self._ended_frames = 0
        self._ended_bytes = 0
        self._started_at = time.monotonic()
        self._told_at = 0.0
        self.known = dict(known)
        self.done_now = 0
        self.lost_workers = 0

    @property
    def seconds(self) -> float:
        """Since the work began."""
        return time.monotonic() - self._started_at

    @property
    def frames(self) -> int:
        """Of this run."""
        return self._ended_frames + sum(frames for frames, _ in self._in_work.values())

    def moved(self, job: Job, frames: int, expected: int | None) -> None:
        """See Hearer."""
        share = min(1.0, frames / expected) if expected else 0.0
        self._in_work[job.id] = (frames, share)
        self._tell()

    def lost(self, job: Job, cause: str) -> None:
        """See Hearer."""
        self.lost_workers += 1
        self._in_work.pop(job.id, None)
        self._listeners.note(f"{job.id} is tried again: {cause}.")

    def ended(self, ended: Ended) -> None:
        """See Hearer."""
        video = self._videos[ended.job.id]
        kept = Kept(video, ended.attempts, ended.results)
        self._out.write(kept)
        self.known[video.id] = kept
        self._in_work.pop(video.id, None)
        self._ended_frames += int(kept.facts["video"].get("frames") or 0)
        self._ended_bytes += video.size_bytes
        self.done_now += 1
        self._listeners.ended(kept, len(self.known))
        self._told_at = 0.0
        self._tell()

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self._told_at < REPORT_EVERY_S:
            return
        self._told_at = now
        in_work = sum(self._videos[name].size_bytes * share for name, (_, share) in self._in_work.items())
        rate = self.frames / self.seconds if self.seconds else 0.0
        self._listeners.progress(Progress(len(self.known), self.frames, rate, self._ended_bytes + in_work))
