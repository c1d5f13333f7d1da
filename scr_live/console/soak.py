"""What `soak` prints."""

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn

from scr_live.console.output import bar, counted, say

if TYPE_CHECKING:
    from scr_live.pipeline.stats import Progress
    from scr_live.soak.report import Report


class SoakView:
    """A bar of the time that has passed, and how the run stands."""

    def __init__(self, duration_s: float) -> None:
        self._bar = bar(
            TextColumn("soak"), BarColumn(), TextColumn("{task.fields[facts]}"), TimeRemainingColumn()
        )
        self._task: TaskID = self._bar.add_task("soak", total=duration_s, facts="")

    def progress(self, now: "Progress") -> None:
        """Move the bar."""
        facts = [f"{now.fps:5.1f} fps", f"{now.placeholders} without signal", f"{now.dropped} dropped"]
        if now.status:
            facts.append(now.status)
        self._bar.update(self._task, completed=now.elapsed_s, facts="  ".join(facts))

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()


def tell_soak(report: "Report") -> None:
    """Print what was injected, what was lost, and each limit."""
    say(f"injected  {counted(len(report.injected), 'fault')}: {_list(report.kinds)}")
    events = report.events
    say(f"events    {_list(events) if events else 'none'}")
    stats = report.stats
    say(
        f"frames    {stats.captured} captured, {stats.placeholders} without signal, "
        f"{stats.inferred} inferred, {stats.composed} composed, {stats.recorded} recorded"
    )
    if report.cut_short:
        say(f"note      ended after {stats.duration_s / 60:.1f} of {report.config.minutes:g} minutes")
    if not report.is_long:
        say("note      too short to judge growth: memory and delay need 20 minutes")
    width = max(len(check.name) for check in report.checks)
    for check in report.checks:
        mark = check.verdict if check.passed else check.verdict.upper()
        say(f"{mark:<11}  {check.name:<{width}}  {check.found}; limit: {check.limit}")
    say("passed" if report.passed else "FAILED", style="bold green" if report.passed else "bold red")


def _list(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
