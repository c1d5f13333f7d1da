"""What the command line prints: progress, summaries, errors."""

import io
import math
import os
import sys
import time
from collections import deque
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
from scr_live.training.events import Finished, Note, Saved, Started, StepDone, Validated, mean_of

if TYPE_CHECKING:
    from scr_live.app import Outcome
    from scr_live.app import Started as RunStarted
    from scr_live.diagnosis import Check
    from scr_live.evaluation.command import Evaluation
    from scr_live.evaluation.tables import Row
    from scr_live.pipeline.stats import Progress as RunProgress
    from scr_live.pipeline.stats import RunStats
    from scr_live.pipeline.timing import Latency
    from scr_live.training.events import Event


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


_SLOW_DATA = 0.2
"""Share of the time of a training step from which waiting for pictures is worth a word."""

_WIDE = 132
"""Columns of a terminal from which the parts of the loss fit beside the bar."""


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

    def started(self, facts: "RunStarted") -> None:
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


class TrainView:
    """A Report of a training run: a live line on a terminal, a plain line every `every` steps elsewhere."""

    def __init__(self, *, every: int = 20) -> None:
        self._every = every
        self._recent: deque[StepDone] = deque(maxlen=every)
        """Single steps jump about: their means are told."""
        columns = (SpinnerColumn(), BarColumn(20), MofNCompleteColumn(), TextColumn("{task.fields[facts]}"))
        self._bar = Progress(*columns, console=_out, transient=True)
        self._task = self._bar.add_task("steps", total=None, facts="")

    def __call__(self, event: "Event") -> None:
        """Print what the event says."""
        match event:
            case Started():
                self._started(event)
            case StepDone():
                self._step(event)
            case Validated():
                self._validated(event)
            case Note(text):
                _say(f"note     {text}")
            case Finished(step, complete=True):
                _say(f"done     step {step}")
            case Finished(step):
                _say(f"stopped  after step {step}, as asked; everything needed to resume is saved")
            case Saved():
                pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar.live.is_started:  # a bar that was never shown would print an empty line now
            self._bar.stop()

    def _started(self, facts: Started) -> None:
        where = (
            facts.device
            if facts.processes == 1
            else f"{facts.processes} processes, this one on {facts.device}"
        )
        workers = f"pictures prepared by {_counted(facts.workers, 'worker')}, " if facts.workers else ""
        _say(f"training on {where} in {facts.arithmetic}; {workers}step {facts.step} of {facts.steps}")
        _say(f"pictures {facts.pictures} to train on, {facts.validation_pictures} to validate")
        if _out.is_terminal:
            self._bar.start()

    def _step(self, latest: StepDone) -> None:
        self._recent.append(latest)
        step = mean_of(self._recent)
        known = [name for name in ("bce", "dice", "negatives") if not math.isnan(getattr(step, name))]
        parts = ", ".join(f"{name} {getattr(step, name):.3f}" for name in known)
        rates = "/".join(f"{rate:.1e}" for _, rate in step.rates)
        speed = f"{step.pictures_per_s:.1f} pictures/s"
        if step.data_share > _SLOW_DATA:
            speed += f" ({step.data_share:.0%} waiting for pictures)"
        left = _duration(step.seconds_left)
        if _out.is_terminal:
            loss = f"loss {step.loss:.3f}" + (f" ({parts})" if _out.width >= _WIDE else "")
            facts = f"{loss}  {speed}  {left} left"
            self._bar.update(self._task, completed=step.step, total=step.steps, facts=facts)
        elif step.step % self._every == 0 or step.step == step.steps:
            self._recent.clear()
            _say(
                f"{_clock()}  step {step.step}/{step.steps}  loss {step.loss:.4f} ({parts})  rate {rates}  "
                f"gradient {step.gradient_norm:.2f}  {speed}  {left} left"
            )

    def _validated(self, event: Validated) -> None:
        result = event.result
        verdict = "best so far, saved" if event.is_best else f"best so far {event.best_quality:.4f}"
        _say(f"{_clock()}  validation at step {event.step}: quality {result.quality:.4f}, {verdict}")
        width = max(len(name) for name in [*(a.name for a in result.sets), *(b.name for b in result.clean)])
        for one in result.sets:
            pictures = _counted(one.pictures, "picture")
            _say(
                f"  {one.name:<{width}}  Dice {one.dice:.4f}  IoU {one.iou:.4f}  sensitivity "
                f"{one.sensitivity:.4f}  specificity {one.specificity:.4f}  ({pictures})"
            )
        for clean in result.clean:
            pictures = _counted(clean.pictures, "picture")
            _say(
                f"  {clean.name:<{width}}  marked, though there is no polyp: {clean.share:.1%} of {pictures}"
            )


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


def tell_evaluation(evaluation: "Evaluation") -> None:
    """Print the tables and notes of an evaluation, and what could not be written."""
    _out.print(_plain(evaluation.title), style="bold", soft_wrap=True)
    for heading, rows in evaluation.tables.items():
        _say("")
        if heading:
            _out.print(_plain(heading), style="bold", soft_wrap=True)
        _tell_table(rows)
    _say("")
    for note in evaluation.notes:
        _say(note)
    for problem in evaluation.problems:
        tell_error(problem)


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


def _tell_table(rows: Sequence["Row"]) -> None:
    """Print columns, names to the left and figures to the right, the intervals on a line below."""
    widths = [max(len(text) for cell in column for text in cell) for column in zip(*rows, strict=True)]
    for row in rows:
        for line in zip(*row, strict=True):
            if any(line):
                first, *figures = line
                cells = [text.rjust(width) for text, width in zip(figures, widths[1:], strict=True)]
                _say("  ".join([first.ljust(widths[0]), *cells]).rstrip())


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
    return _counted(count, "frame")


def _counted(count: int, noun: str) -> str:
    return f"1 {noun}" if count == 1 else f"{count} {noun}s"


def _clock() -> str:
    return time.strftime("%H:%M:%S")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def _latency(figures: "Latency | None") -> str:
    if figures is None or not figures.count:
        return "not measured"
    names = ("p50", "p95", "p99", "max")
    return ", ".join(f"{name} {getattr(figures, name):.1f} ms" for name in names)


def _plain(text: str) -> str:
    """Escape markup, and control characters: a file's name must not steer the terminal."""
    return escape("".join(char if char.isprintable() or char == "\n" else repr(char)[1:-1] for char in text))
