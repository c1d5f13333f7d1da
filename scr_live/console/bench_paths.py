"""What `bench --pipeline` prints."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from scr_live.console.bench import Cells, line, number, tell_machine, tell_reasons, tell_written
from scr_live.console.evaluation import tell_table
from scr_live.console.output import say

if TYPE_CHECKING:
    from scr_live.bench.paths import PathReport, PathRun
    from scr_live.bench.shares import Share
    from scr_live.pipeline.stats import RunStats

_HEAD: Final = ("", "wall p50 ms", "p95", "p99", "core ms a picture", "of a core", "share")


def tell_paths(report: "PathReport", *, json: Path | None) -> None:
    """Print where each millisecond of a core goes, for each combination."""
    pace = "at its own pace, as if live" if report.is_realtime else "as fast as it goes"
    say(f"{report.clip}, {pace}")
    tell_machine(report.machine)
    for path in report.paths:
        if path.stats is not None:
            _tell_path(path, path.stats)
    tell_reasons(report.paths, report.notes)
    tell_written({"figures": json})


def _tell_path(path: "PathRun", stats: "RunStats") -> None:
    source = stats.source
    say("")
    say(f"{path.combination.label}: {stats.engine.kind}", style="bold")
    say(
        f"{source.width}x{source.height}; {stats.captured} captured, {stats.inferred} inferred, "
        f"{stats.recorded} recorded, {stats.fps:.1f} pictures a second"
    )
    if source.is_live:
        _tell_delays(stats)
    total_s = sum(share.cpu_s or 0.0 for share in path.shares)
    rows = [line(*_HEAD), *(_row(share, total_s) for share in path.shares)]
    if path.usage is not None:
        each = number(1000 * total_s / max(stats.composed, 1), 2)
        rows.append(line("all", "", "", "", each, f"{total_s / max(path.wall_s, 1e-9):.1%}", "100.0%"))
    tell_table(rows)


def _tell_delays(stats: "RunStats") -> None:
    dropped = [f"{count} at {name}" for name, count in stats.dropped.items() if count]
    say(f"dropped: {', '.join(dropped) or 'none'}")
    for name, delay in (("video", stats.video_delay), ("annotation", stats.annotation_delay)):
        say(f"{name} delay p50 {delay.p50:.0f}, p95 {delay.p95:.0f}, p99 {delay.p99:.0f} ms")


def _row(share: "Share", total_s: float) -> Cells:
    wall = share.wall
    is_known = share.cpu_s is not None and total_s > 0
    return line(
        share.name,
        *(number(ms, 2) for ms in ((None,) * 3 if wall is None else (wall.p50, wall.p95, wall.p99))),
        number(share.ms_a_frame, 2),
        "-" if share.of_a_core is None else f"{share.of_a_core:.1%}",
        f"{(share.cpu_s or 0.0) / total_s:.1%}" if is_known else "-",
    )
