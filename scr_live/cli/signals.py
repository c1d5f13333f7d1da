"""A first signal asks for an orderly end, a second one insists."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

import typer


@dataclass(frozen=True, slots=True)
class Signals:
    """What the signals and the run tell each other."""

    started: threading.Event = field(default_factory=threading.Event)
    """Set by the run once there is something to be finished."""
    stop: threading.Event = field(default_factory=threading.Event)


@contextmanager
def stop_on_signals(*, same_twice: bool = False) -> Iterator[Signals]:
    """The first Ctrl-C, SIGTERM or closed terminal asks for the end and lets the recording be finished.

    The second interrupts, as the first does before anything has started; the third ends the process. The
    exit code is then 128 and the signal's number, as in a shell. same_twice: only a second of the same kind
    interrupts, for a starter of several processes that hands a Ctrl-C which all have got on as a SIGTERM.
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
            raise KeyboardInterrupt(128 + number)  # no Exception: nobody on the way may take it for his own

    numbers = [signal.SIGINT, signal.SIGTERM]
    hang_up = getattr(signal, "SIGHUP", None)  # not on Windows
    if hang_up is not None and signal.getsignal(hang_up) is not signal.SIG_IGN:  # nohup has it ignored
        numbers.append(hang_up)
    previous = {number: signal.signal(number, ask) for number in numbers}
    try:
        yield signals
    except KeyboardInterrupt as interrupt:
        raise typer.Exit(*interrupt.args) from interrupt
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
