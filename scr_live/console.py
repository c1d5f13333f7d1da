"""What the command line prints: progress, summaries, errors."""

import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self, cast

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from scr_live.errors import ScrLiveError

if TYPE_CHECKING:
    from scr_live.app import Outcome, Started
    from scr_live.diagnosis import Check
    from scr_live.pipeline.stats import Progress as RunProgress
    from scr_live.pipeline.stats import RunStats
    from scr_live.pipeline.timing import Latency


class _Audience:
    """A standard stream for as long as somebody listens: a closed pipe or terminal must not end a run."""

    def __init__(self, name: str) -> None:
        self._name = name

    def write(self, text: str) -> int:
        self._try("write", text)
        return len(text)

    def flush(self) -> None:
        self._try("flush")

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the stream has
        return getattr(getattr(sys, self._name), name)

    def _try(self, method: str, *arguments: str) -> None:
        stream = getattr(sys, self._name)
        if stream is None:  # closed before Python began
            return
        try:
            getattr(stream, method)(*arguments)
        except OSError:  # what is still in its buffer has to go somewhere when Python ends
            with suppress(OSError, ValueError), Path(os.devnull).open("w", encoding="utf-8") as nowhere:
                os.dup2(nowhere.fileno(), stream.fileno())


_out = Console(file=cast("IO[str]", _Audience("stdout")), highlight=False)
_err = Console(file=cast("IO[str]", _Audience("stderr")), highlight=False)


def print_any_name() -> None:
    """Let no file name end a run because the terminal's encoding lacks a letter of it: it is escaped."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


class RunView:
    """A progress bar with rate and remaining time on files; a status line on live sources."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def started(self, facts: "Started") -> None:
        """Say what was opened, then start the bar."""
        source, engine = facts.source, facts.engine
        rate = f"{source.fps:.2f} fps" if source.fps else "variable rate"
        _say(f"source   {source.name}: {source.width}x{source.height}, {rate}, {_liveness(source.is_live)}")
        _say(
            f"engine   {engine.backend} on {engine.device} in {engine.precision} ({engine.reason}); "
            f"{f'model {facts.model}' if facts.model else 'no model'}, threshold {facts.threshold:g}"
        )
        for note in facts.notes:
            _say(f"note     {note}")
        total = facts.expected_frames
        columns = [SpinnerColumn(), MofNCompleteColumn(), TextColumn("{task.fields[facts]}")]
        if total:
            columns[1:1] = [BarColumn(), TaskProgressColumn()]
            columns.append(TimeRemainingColumn())
        self._bar = Progress(*columns, console=_out, transient=True)
        self._bar.start()
        self._task = self._bar.add_task("run", total=total, facts="")

    def progress(self, now: "RunProgress") -> None:
        """Move the bar."""
        if self._bar is None:
            return
        facts = [f"{now.fps:5.1f} fps", f"polyp in {_frames(now.polyp_frames)}"]
        if now.dropped:
            facts.append(f"{now.dropped} dropped")
        if now.status:
            facts.append(now.status)
        self._bar.update(self._task, completed=now.composed, facts="  ".join(facts))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()


class CountView:
    """A bar that counts."""

    def __init__(self, noun: str) -> None:
        self._bar = Progress(
            TextColumn(noun),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=_out,
            transient=True,
        )
        self._task = self._bar.add_task(noun, total=None)

    def update(self, done: int, total: int) -> None:
        """Move the bar."""
        self._bar.update(self._task, completed=done, total=total)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()


def tell_outcome(outcome: "Outcome") -> None:
    """Print the summary of a run."""
    stats = outcome.stats
    rows = [("frames", f"{stats.captured} captured, {stats.inferred} inferred, {_delivered(outcome)}")]
    dropped = {name: count for name, count in stats.dropped.items() if count}
    rows += [
        ("dropped", ", ".join(f"{count} at {name}" for name, count in dropped.items()) or "none"),
        ("polyps", _marked(stats)),
        ("speed", f"{stats.fps:.1f} frames a second over {stats.duration_s:.1f} s"),
        ("inference", _latency(stats.stages.get("engine"))),
        ("annotation delay", _latency(stats.annotation_delay)),
        ("video delay", _latency(stats.video_delay)),
    ]
    if stats.ai_failures:
        rows.append(("model failures", f"{stats.ai_failures}, the last: {stats.last_ai_failure}"))
    if outcome.recording is not None:
        rows.append(("recording", str(outcome.recording)))
    _tell_rows([*rows, *(("note", note) for note in outcome.notes)])


def tell_values(title: str, values: dict[str, object]) -> None:
    """Print names and numbers; what is nested is for files."""
    _out.print(_plain(title), style="bold", soft_wrap=True)
    plain = {name: value for name, value in values.items() if not isinstance(value, dict | None)}
    _tell_rows([(name, f"{v:.4f}" if isinstance(v, float) else str(v)) for name, v in plain.items()])


def tell_checks(checks: Sequence["Check"]) -> None:
    """Print what works here and what does not."""
    for check in checks:
        mark = "[green]ok   [/]" if check.works else "[red]fails[/]" if check.needed else "[yellow]no   [/]"
        _out.print(f"{mark}  {check.name:<24}  {_plain(check.found)}", soft_wrap=True)


def tell_error(error: ScrLiveError) -> None:
    """Print an error as one paragraph on stderr."""
    notes = [note for note in getattr(error, "__notes__", []) if note]
    text = " ".join(" ".join([str(error), *(f"({note})" for note in notes)]).splitlines())
    _err.print(f"[bold red]Error:[/] {_plain(text)}", soft_wrap=not sys.stderr.isatty())


def _tell_rows(rows: Sequence[tuple[str, str]]) -> None:
    """Print one line a row; nothing is cut off, wherever the output goes."""
    width = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        _say(f"{name:<{width}}  {' '.join(value.splitlines())}")


def _say(line: str) -> None:
    _out.print(_plain(line), soft_wrap=True)


def _liveness(is_live: bool) -> str:  # noqa: FBT001 - one plain argument
    return "live" if is_live else "not live: no frame is dropped"


def _delivered(outcome: "Outcome") -> str:
    stats = outcome.stats
    return f"{stats.shown} shown, {stats.recorded} recorded"


def _marked(stats: "RunStats") -> str:
    if not stats.inferred:
        return "not known: no frame was inferred"
    return f"marked in {_frames(stats.polyp_frames)} ({stats.polyp_frames / stats.inferred:.1%})"


def _frames(count: int) -> str:
    return "1 frame" if count == 1 else f"{count} frames"


def _latency(figures: "Latency | None") -> str:
    if figures is None or not figures.count:
        return "not measured"
    names = ("p50", "p95", "p99", "max")
    return ", ".join(f"{name} {getattr(figures, name):.1f} ms" for name in names)


def _plain(text: str) -> str:
    """Escape markup, and control characters: a file's name must not steer the terminal."""
    return escape("".join(char if char.isprintable() or char == "\n" else repr(char)[1:-1] for char in text))
