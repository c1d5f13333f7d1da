"""A first signal asks for an orderly end, a second one insists; a parent that is gone is a first one."""

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import FrameType, TracebackType
from typing import Final, Self

import typer

from scr_live.cli.parent import watched_parent

FORCE_AFTER_S: Final = 1.0
"""What an interrupted run has for letting go of its devices."""

_SHOW_CURSOR = b"\x1b[?25h"  # a progress bar hides it


@dataclass(frozen=True, slots=True)
class Signals:
    """What the signals and the run tell each other."""

    started: threading.Event = field(default_factory=threading.Event)
    """Set by the run once there is something to be finished."""
    stop: threading.Event = field(default_factory=threading.Event)


@contextmanager
def stop_on_signals(
    *, same_twice: bool = False, force_after_s: float | None = None, with_parent: bool = False
) -> Iterator[Signals]:
    """The first Ctrl-C, SIGTERM or closed terminal asks for the end and lets the recording be finished.

    The second interrupts, as the first does before anything has started; the third ends the process. The
    exit code is then 128 and the signal's number, as in a shell. same_twice: only a second of the same kind
    interrupts, for a starter of several processes that hands a Ctrl-C which all have got on as a SIGTERM.
    force_after_s: so long after the interrupt the process ends, whatever is stuck. with_parent: the end of
    the process that started this one asks for the end, too; it never insists.
    """
    signals = Signals()
    received: set[int] = set()

    def ask(number: int, _frame: FrameType | None) -> None:
        again = number in received if same_twice else signals.stop.is_set()
        insists = again or not signals.started.is_set()
        received.add(number)
        signals.stop.set()
        if insists:
            signal.signal(number, signal.SIG_DFL)
            if deadline is not None:
                deadline.begin(128 + number)
            raise KeyboardInterrupt(128 + number)  # no Exception: nobody on the way may take it for his own

    def orphaned() -> None:
        if signals.started.is_set():
            signals.stop.set()
        else:
            os.kill(os.getpid(), signal.SIGTERM)  # wakes the main thread, whatever it waits for

    numbers = [signal.SIGINT, signal.SIGTERM]
    hang_up = getattr(signal, "SIGHUP", None)  # not on Windows
    if hang_up is not None and signal.getsignal(hang_up) is not signal.SIG_IGN:  # nohup has it ignored
        numbers.append(hang_up)
    with ExitStack() as stack:
        deadline = None if force_after_s is None else stack.enter_context(_Deadline(force_after_s))
        for number in numbers:
            stack.callback(signal.signal, number, signal.signal(number, ask))
        if with_parent:
            stack.enter_context(watched_parent(orphaned))
        try:
            yield signals
        except KeyboardInterrupt as interrupt:
            raise typer.Exit(*interrupt.args) from interrupt


class _Deadline:
    """Ends the process some time after `begin`, unless this block is left before.

    A thread waits at a socket: a signal handler may write to one at any moment, while any lock might be held
    by the very code that the signal interrupted.
    """

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s
        self._mine, self._its = socket.socketpair()
        self._thread = threading.Thread(target=self._wait, name="deadline", daemon=True)

    def begin(self, exit_code: int) -> None:
        """Start the time; for signal handlers."""
        self._mine.send(bytes([exit_code]))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._mine.close()
        self._thread.join()

    def _wait(self) -> None:
        with self._its:
            if not (code := self._its.recv(1)):
                return
            self._its.settimeout(self._after_s)
            try:
                while self._its.recv(1):
                    pass
            except TimeoutError:
                if sys.stdout is not None and sys.stdout.isatty():
                    os.write(sys.stdout.fileno(), _SHOW_CURSOR)
                os._exit(code[0])
