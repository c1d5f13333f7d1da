"""What `bench` prints."""

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from rich.progress import BarColumn, TextColumn, TimeElapsedColumn

from scr_live.console.evaluation import tell_table
from scr_live.console.output import bar, counted, say

if TYPE_CHECKING:
    from scr_live.bench.floor import NetworkFloor
    from scr_live.bench.paths import PathReport, PathRun
    from scr_live.bench.report import Report, Row
    from scr_live.bench.statistics import Middle

_LAYERS: Final = 25
"""Shown of a network; the JSON file has all."""
_WIDEST_NAME: Final = 44

_Cell = tuple[str, ...]


class BenchView:
    """A bar of what is being done."""

    def __init__(self) -> None:
        self._bar = bar(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        self._task = self._bar.add_task("opening", total=1.0)

    def progress(self, what: str, share: float) -> None:
        """Move the bar."""
        self._bar.update(self._task, description=what, completed=share)

    def note(self, text: str) -> None:
        """Pass on a sentence."""
        say(text)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()


def tell_bench(report: "Report") -> None:
    """Print the rows, side by side, the floors, and what could not be measured."""
    config, measured = report.config, [row for row in report.rows if row.is_measured]
    say(
        f"{counted(report.rounds, 'round')}, pictures of {config.frame[0]}x{config.frame[1]}; milliseconds, "
        "95 % intervals over rounds below"
    )
    _tell_machine(report.machine)
    first = report.first
    if first is not None:
        say("")
        say("One request at a time", style="bold")
        tell_table([_LATENCY_HEAD, *(_latency_row(row, first) for row in measured)])
        say(
            "infer: the engine alone; ratio: of infer, to the first; prepare: find the field, cut, resize; "
            "finish: check, contours; whole: all three."
        )
        say("")
        say("Throughput, memory, floor", style="bold")
        tell_table([_MORE_HEAD, *(_more_row(row, first) for row in measured)])
        for limits in report.limits:
            reached = ", ".join(f"{rate / 1e9:.0f} in {name}" for name, rate in limits.peaks.items())
            say(
                f"floor: what the layers that OpenVINO makes of the network take at best here, where "
                f"{counted(limits.threads, 'thread')} reached {reached} thousand million multiply-adds a second."
            )
        told: set[int] = set()  # a file that several engines run has one floor
        for row in measured if config.has_layers else ():
            if id(row.floor) not in told:
                _tell_layers(row)
            told.add(0 if row.floor is None else id(row.floor))
    _tell_reasons(report.rows, report.notes)
    _tell_written({"figures": config.json, "plot": config.plot if first is not None else None})


def tell_paths(report: "PathReport") -> None:
    """Print where each millisecond of a frame goes, for each combination."""
    pace = "at its own pace, as if live" if report.is_realtime else "as fast as it goes"
    say(f"{report.clip}, {pace}")
    _tell_machine(report.machine)
    for path in report.paths:
        if path.is_measured:
            _tell_path(path, is_realtime=report.is_realtime)
    _tell_reasons(report.paths, report.notes)


_LATENCY_HEAD: Final[tuple[_Cell, ...]] = tuple(
    (name, "") for name in ("", "computes", "infer p50", "p95", "p99", "ratio", "prepare", "finish", "whole")
)
_MORE_HEAD: Final[tuple[_Cell, ...]] = tuple(
    (name, "")
    for name in ("", "in flight", "answers/s", "ratio", "memory MB", "GMAC", "floor ms", "times floor")
)


def _latency_row(row: "Row", first: "Row") -> tuple[_Cell, ...]:
    infer = row.spread("infer")
    computes = "" if row.info is None else f"{row.info.backend} {row.info.precision}"
    return (
        (row.combination.label, ""),
        (computes, ""),
        _middle(row.middle("infer"), 2),
        (_number(infer.p95, 2), ""),
        (_number(infer.p99, 2), ""),
        _middle(row.ratio("infer", first), 3),
        _middle(row.middle("prepare"), 2),
        _middle(row.middle("finish"), 2),
        _middle(row.middle("whole"), 2),
    )


def _more_row(row: "Row", first: "Row") -> tuple[_Cell, ...]:
    floor = row.floor
    return (
        (row.combination.label, ""),
        (str(row.in_flight) if row.samples.rate else "-", ""),
        _middle(row.rate(), 1),
        _middle(row.rate_ratio(first), 3),
        (_number(row.memory_mb, 0), ""),
        (_number(None if floor is None else floor.macs / 1e9, 3), ""),
        (_number(None if floor is None else floor.floor_ms, 2), ""),
        (_number(row.times_floor, 2), ""),
    )


def _tell_layers(row: "Row") -> None:
    say("")
    if row.floor is None:
        say(f"Layers of {row.combination.label}: not known, {row.no_floor}", style="bold")
        return
    floor = row.floor
    say(f"Layers of {row.combination.label}, heaviest first", style="bold")
    head = ("", "kind", "computed by", "ms", "share", "MMAC", "MB", "floor ms", "times")
    tell_table([tuple((text,) for text in head), *_layer_rows(floor)])
    rest = len(floor.layers) - _LAYERS
    if rest > 0:
        rest_ms = sum(layer.layer.ms for layer in floor.layers[_LAYERS:])
        say(f"and {counted(rest, 'layer')} more of {rest_ms:.2f} ms together")
    say(
        f"all layers {floor.layers_ms:.2f} ms with the counters on, floor {floor.floor_ms:.2f} ms, of which "
        f"the multiply-adds alone need {floor.compute_ms:.2f} ms"
    )


def _layer_rows(floor: "NetworkFloor") -> list[tuple[_Cell, ...]]:
    return [
        tuple(
            (text,)
            for text in (
                _cut(one.layer.name),
                one.layer.kind,
                one.layer.primitive,
                f"{one.layer.ms:.3f}",
                f"{one.layer.ms / max(floor.layers_ms, 1e-9):.1%}",
                f"{one.layer.macs / 1e6:.1f}",
                f"{one.layer.moved_bytes / 1e6:.2f}",
                f"{one.floor_ms:.3f}",
                _number(one.times, 1),
            )
        )
        for one in floor.layers[:_LAYERS]
    ]


def _tell_path(path: "PathRun", *, is_realtime: bool) -> None:
    stats = path.stats
    if stats is None:
        return
    say("")
    say(f"{path.combination.label}: {stats.engine.kind}", style="bold")
    source = stats.source
    say(
        f"{source.width}x{source.height}; {stats.captured} captured, {stats.inferred} inferred, "
        f"{stats.recorded} recorded, {stats.fps:.1f} pictures a second"
    )
    if is_realtime:
        dropped = [f"{count} at {name}" for name, count in stats.dropped.items() if count]
        say(f"dropped: {', '.join(dropped) or 'none'}")
        for name, delay in (("video", stats.video_delay), ("annotation", stats.annotation_delay)):
            say(f"{name} delay p50 {delay.p50:.0f}, p95 {delay.p95:.0f}, p99 {delay.p99:.0f} ms")
    head = ("", "wall p50 ms", "p95", "p99", "core ms a picture", "of a core", "share")
    rows: list[tuple[_Cell, ...]] = [tuple((text,) for text in head)]
    total_s = sum(share.cpu_s or 0.0 for share in path.shares)
    for share in path.shares:
        wall = share.wall
        part = None if share.cpu_s is None or total_s <= 0 else share.cpu_s / total_s
        figures = (
            *(
                _number(None if wall is None else ms, 2)
                for ms in ((wall.p50, wall.p95, wall.p99) if wall else [None] * 3)
            ),
            _number(share.ms_a_frame, 2),
            "-" if share.of_a_core is None else f"{share.of_a_core:.1%}",
            "-" if part is None else f"{part:.1%}",
        )
        rows.append(tuple((text,) for text in (share.name, *figures)))
    if path.usage is not None:
        each = 1000 * total_s / max(stats.composed, 1)
        of_cores = total_s / max(path.wall_s, 1e-9)
        rows.append(
            tuple((text,) for text in ("all", "", "", "", f"{each:.2f}", f"{of_cores:.1%}", "100.0%"))
        )
    tell_table(rows)


def _tell_machine(machine: dict[str, object]) -> None:
    sets = machine.get("instruction_sets")
    told = f", {' '.join(map(str, sets))}" if isinstance(sets, list) and sets else ""
    say(f"{machine['cpu']}, {counted(int(str(machine['cores'])), 'core')}{told}")


def _tell_reasons(rows: "Sequence[Row] | Sequence[PathRun]", notes: Sequence[str]) -> None:
    for row in rows:
        if row.reason:
            say("")
            say(f"not measured  {row.combination.label}: {row.reason}")
    for note in notes:
        say("")
        say(f"note  {note}")


def _tell_written(written: "dict[str, object]") -> None:
    for what, path in written.items():
        if path is not None:
            say(f"{what:<9} {path}")


def _middle(middle: "Middle | None", digits: int) -> _Cell:
    if middle is None:
        return "-", ""
    if middle.low is None or middle.high is None:
        return f"{middle.value:.{digits}f}", ""
    return f"{middle.value:.{digits}f}", f"{middle.low:.{digits}f}-{middle.high:.{digits}f}"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _cut(name: str) -> str:
    return name if len(name) <= _WIDEST_NAME else f"...{name[-_WIDEST_NAME + 3 :]}"
