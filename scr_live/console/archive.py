"""What `archive` prints: a bar on a terminal, a line for each video elsewhere, and the summary."""

from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeRemainingColumn

from scr_live.console.output import bar, counted, say

if TYPE_CHECKING:
    from scr_live.archive.kept import Kept
    from scr_live.archive.running import ArchiveReport, Progress, Started


class ArchiveView:
    """The listeners of an archive, all called in the thread that waits for it."""

    def __init__(self) -> None:
        self._bar = bar(
            SpinnerColumn(), BarColumn(), TextColumn("{task.fields[facts]}"), TimeRemainingColumn()
        )
        self._task = self._bar.add_task("archive", total=None, facts="")
        self._videos = 0

    def started(self, facts: "Started") -> None:
        """Say what is to be done."""
        self._videos = facts.videos
        say(f"archive  {counted(facts.videos, 'video')}{_what_is_left(facts)}")
        if facts.failed_before:
            say(
                f"note     {facts.failed_before} failed before and are not tried again without --retry-failed"
            )
        self._bar.update(self._task, total=facts.bytes, facts=f"{facts.kept}/{facts.videos} videos")
        self._bar.start()

    def progress(self, now: "Progress") -> None:
        """Move the bar."""
        facts = f"{now.done}/{self._videos} videos  {now.frames_per_s:5.1f} frames/s"
        self._bar.update(self._task, completed=now.bytes_done, facts=facts)

    def ended(self, kept: "Kept", done: int) -> None:
        """Say what became of a video: on a terminal of those that failed, else of all."""
        name = f"{done}/{self._videos}  {kept.video.id}"
        if kept.error is not None:
            say(f"{name}: FAILED: {' '.join(kept.error.split())}")
        elif self._bar.disable:
            facts = kept.facts["video"]
            sightings = "" if facts["sightings"] is None else f", {counted(facts['sightings'], 'sighting')}"
            say(
                f"{name}: {counted(facts['frames'], 'frame')}{sightings}, {facts['frames_per_s']:.1f} "
                "frames a second"
            )

    def note(self, text: str) -> None:
        """Pass on a sentence."""
        say(f"note     {text}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()


def _what_is_left(facts: "Started") -> str:
    if facts.kept == facts.videos:
        return ", all done before"
    kept = f", {facts.kept} done before" if facts.kept else ""
    workers = counted(facts.workers, "worker") if facts.workers else "workers by Ray"
    return f"{kept}; {workers}, {counted(facts.threads, 'engine thread')} each"


def tell_archive(report: "ArchiveReport") -> None:
    """Print the totals, the failures, and what was written."""
    from scr_live.archive.kept import SUMMARY, TABLES  # noqa: PLC0415 - keeps --help quick
    from scr_live.archive.summary import totals  # noqa: PLC0415 - as above

    for line in totals(report):
        say(line)
    for kept in report.failed:
        say(f"failed   {kept.video.id}: {' '.join((kept.error or '').split())}")
    if report.is_complete:
        say(f"written  {', '.join((*TABLES, SUMMARY))} in {report.out}")
