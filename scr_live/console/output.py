"""What all commands print alike: lines, bars, checks, errors. The other modules print through this one."""

import io
import os
import sys
from collections.abc import Callable, Sequence
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
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from scr_live.errors import ScrLiveError

if TYPE_CHECKING:
    from scr_live.diagnosis import Check


def print_any_name() -> None:
    """Let no file name end a run because the terminal's encoding lacks a letter of it: it is escaped."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(line: str, *, style: str | None = None) -> None:
    """Print a line as it is, its control characters escaped; nothing is cut off, wherever the output goes."""
    _out.print(_plain(line), style=style, soft_wrap=True)


def bar(*columns: ProgressColumn) -> Progress:
    """A bar that is gone when it is stopped; `disable` is set where none can be drawn.

    Left enabled there, it would print an empty line when it is stopped.
    """
    return Progress(*columns, console=_out, transient=True, disable=not _out.is_interactive)


def counted(count: int, noun: str) -> str:
    """1 frame, 2 frames."""
    return f"1 {noun}" if count == 1 else f"{count} {noun}s"


class CountView:
    """A bar that counts."""

    def __init__(self, noun: str) -> None:
        self._bar = bar(TextColumn(noun), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
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


class _Audience:
    """A standard stream for as long as somebody listens: a closed pipe or terminal must not end a run.

    It writes past Python's buffer, whose lock a writer that is stuck would keep until the process ends.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def write(self, text: str) -> int:
        self._try(lambda stream: _write(stream, text))
        return len(text)

    def flush(self) -> None:
        self._try(lambda stream: stream.flush())

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the stream has
        return getattr(getattr(sys, self._name), name)

    def _try(self, action: Callable[[IO[str]], object]) -> None:
        stream = getattr(sys, self._name)
        if stream is None:  # closed before Python began
            return
        try:
            action(stream)
        except OSError:  # what is still in its buffer has to go somewhere when Python ends
            with suppress(OSError, ValueError), Path(os.devnull).open("w", encoding="utf-8") as nowhere:
                os.dup2(nowhere.fileno(), stream.fileno())


def _write(stream: IO[str], text: str) -> None:
    if os.name != "posix" or not isinstance(stream, io.TextIOWrapper) or not _has_number(stream):
        stream.write(text)
        return
    stream.flush()  # what others have written stays before it
    data = text.encode(stream.encoding, stream.errors or "strict")
    while data:
        data = data[os.write(stream.fileno(), data) :]


def _has_number(stream: IO[str]) -> bool:
    """Whether it is a stream of the system, and not one in memory."""
    try:
        stream.fileno()
    except OSError:
        return False
    return True


def _plain(text: str) -> str:
    """Escape markup, and control characters: a file's name must not steer the terminal."""
    return escape("".join(char if char.isprintable() or char == "\n" else repr(char)[1:-1] for char in text))


_out = Console(file=cast("IO[str]", _Audience("stdout")), highlight=False)
_err = Console(file=cast("IO[str]", _Audience("stderr")), highlight=False)
