"""What `bench` prints."""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from rich.progress import BarColumn, TextColumn, TimeElapsedColumn

from scr_live.console.evaluation import tell_table
from scr_live.console.output import bar, counted, say

if TYPE_CHECKING:
    from pathlib import Path

    from scr_live.bench.floor import NetworkFloor
    from scr_live.bench.paths import PathRun
    from scr_live.bench.report import Report, Row
    from scr_live.bench.statistics import Middle

_LAYERS: Final = 25
"""Shown of a network; the JSON file has all."""
_WIDEST_NAME: Final = 44
_LATENCY_HEAD: Final = ("", "computes", "infer p50", "p95", "p99", "ratio", "prepare", "finish", "whole")
_MORE_HEAD: Final = ("", "in flight", "answers/s", "ratio", "memory MB", "GMAC", "floor ms", "times floor")

_Cell = tuple[str, str]
Cells = tuple[_Cell, ...]


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
    config, first = report.config, report.first
    say(
        f"{counted(report.rounds, 'round')}, pictures of {config.frame[0]}x{config.frame[1]}; milliseconds, "
        "95 % intervals over rounds below"
    )
    tell_machine(report.machine)
    if first is not None:
        measured = [row for row in report.rows if row.is_measured]
        _tell_rows(report, measured, first)
        if config.has_layers:
            _tell_all_layers(measured)
    tell_reasons(report.rows, report.notes)
    tell_written({"figures": config.json, "plot": config.plot if first is not None else None})


def _tell_rows(report: "Report", measured: "Sequence[Row]", first: "Row") -> None:
    say("")
    say("One request at a time", style="bold")
    tell_table([line(*_LATENCY_HEAD), *(_latency_row(row, first) for row in measured)])
    say(
        "infer: the engine alone; ratio: of infer, to the first; prepare: find the field, cut, resize; "
        "finish: check, contours; whole: all three"
    )
    say("")
    say("Throughput, memory, floor", style="bold")
    tell_table([line(*_MORE_HEAD), *(_more_row(row, first) for row in measured)])
    for limits in report.limits:
        reached = ", ".join(f"{rate / 1e9:.0f} in {name}" for name, rate in limits.peaks.items())
        say(
            "floor: what the layers that OpenVINO makes of the network take at best here, where "
            f"{counted(limits.threads, 'thread')} reached {reached} GMAC/s"
        )


def _tell_all_layers(measured: "Sequence[Row]") -> None:
    told: list[NetworkFloor | None] = []
    for row in measured:
        if row.floor is None or all(row.floor is not other for other in told):  # engines share that of a file
            _tell_layers(row)
        told.append(row.floor)


def _latency_row(row: "Row", first: "Row") -> Cells:
    infer = row.spread("infer")
    computes = "" if row.info is None else f"{row.info.backend} {row.info.precision}"
    return (
        (row.combination.label, ""),
        (computes, ""),
        _middle(row.middle("infer"), 2),
        (number(infer.p95, 2), ""),
        (number(infer.p99, 2), ""),
        _middle(row.ratio("infer", first), 3),
        _middle(row.middle("prepare"), 2),
        _middle(row.middle("finish"), 2),
        _middle(row.middle("whole"), 2),
    )


def _more_row(row: "Row", first: "Row") -> Cells:
    floor = row.floor
    return (
        (row.combination.label, ""),
        (str(row.in_flight) if row.samples.rate else "-", ""),
        _middle(row.rate(), 1),
        _middle(row.rate_ratio(first), 3),
        (number(row.memory_mb, 0), ""),
        (number(None if floor is None else floor.macs / 1e9, 3), ""),
        (number(None if floor is None else floor.floor_ms, 2), ""),
        (number(row.times_floor, 2), ""),
    )


def _tell_layers(row: "Row") -> None:
    say("")
    if row.floor is None:
        say(f"Layers of {row.combination.label}: not known, {row.no_floor}", style="bold")
        return
    floor = row.floor
    say(f"Layers of {row.combination.label}, heaviest first", style="bold")
    head = ("", "kind", "computed by", "ms", "share", "MMAC", "MB", "floor ms", "times")
    tell_table([line(*head), *_layer_rows(floor)])
    rest = len(floor.layers) - _LAYERS
    if rest > 0:
        rest_ms = sum(layer.layer.ms for layer in floor.layers[_LAYERS:])
        say(f"and {counted(rest, 'layer')} more of {rest_ms:.2f} ms together")
    say(
        f"all layers {floor.layers_ms:.2f} ms with the counters on, floor {floor.floor_ms:.2f} ms, of which "
        f"the multiply-adds alone need {floor.compute_ms:.2f} ms"
    )


def _layer_rows(floor: "NetworkFloor") -> "list[Cells]":
    return [
        line(
            _cut(one.layer.name),
            one.layer.kind,
            one.layer.primitive,
            f"{one.layer.ms:.3f}",
            f"{one.layer.ms / max(floor.layers_ms, 1e-9):.1%}",
            f"{one.layer.macs / 1e6:.1f}",
            f"{one.layer.moved_bytes / 1e6:.2f}",
            f"{one.floor_ms:.3f}",
            number(one.times, 1),
        )
        for one in floor.layers[:_LAYERS]
    ]


def tell_machine(machine: Mapping[str, object]) -> None:
    """Print what it was measured on."""
    sets = machine.get("instruction_sets")
    told = f", {' '.join(map(str, sets))}" if isinstance(sets, list) and sets else ""
    say(f"{machine['cpu']}, {counted(int(str(machine['cores'])), 'core')}{told}")


def tell_reasons(rows: "Sequence[Row] | Sequence[PathRun]", notes: Sequence[str]) -> None:
    """Print what could not be measured, and what is to be known of the rest."""
    for row in rows:
        if row.reason:
            say("")
            say(f"not measured  {row.combination.label}: {row.reason}")
    for note in notes:
        say("")
        say(f"note  {note}")


def tell_written(written: "Mapping[str, Path | None]") -> None:
    """Print where it was written to."""
    for what, path in written.items():
        if path is not None:
            say(f"{what:<9} {path}")


def _middle(middle: "Middle | None", digits: int) -> _Cell:
    if middle is None:
        return "-", ""
    if middle.low is None or middle.high is None:
        return f"{middle.value:.{digits}f}", ""
    return f"{middle.value:.{digits}f}", f"{middle.low:.{digits}f}-{middle.high:.{digits}f}"


def line(*texts: str) -> Cells:
    """A row of a table without a second line."""
    return tuple((text, "") for text in texts)


def number(value: float | None, digits: int) -> str:
    """A figure, or a dash."""
    return "-" if value is None else f"{value:.{digits}f}"


def _cut(name: str) -> str:
    return name if len(name) <= _WIDEST_NAME else f"...{name[-_WIDEST_NAME + 3 :]}"
