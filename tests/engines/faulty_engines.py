"""Engines that misbehave on command, made inside an engine process as "faulty_engines:NAME"."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scr_live.engines.constant import ConstantEngine
from scr_live.errors import EngineUnavailableError, InferenceError

SIZE = 8
Image = NDArray[np.uint8]


class Told(ConstantEngine):
    """Does what the first pixel of the image says, by number in `DEEDS`; 0 is to behave."""

    def infer(self, image: Image) -> NDArray[np.generic]:
        DEEDS[DEED_NAMES[image.flat[0]]]()
        return ANSWERS.get(DEED_NAMES[image.flat[0]], super().infer(image))


class ClosesLoudly(ConstantEngine):
    """Leaves a file behind when it is closed in an orderly way."""

    def __init__(self, trace: Path) -> None:
        super().__init__(SIZE)
        self._trace = trace

    def __exit__(self, *_: object) -> None:
        self._trace.write_text("closed", encoding="ascii")


def told(*, progress: Callable[[str], None]) -> Told:
    progress("warming up")
    progress("nearly there: 100 %")
    return Told(SIZE)


def closes_loudly(trace: Path, *, progress: Callable[[str], None]) -> ClosesLoudly:
    return ClosesLoudly(trace)


def never_opens(*, progress: Callable[[str], None]) -> ConstantEngine:
    progress("hanging")
    _hang()
    return ConstantEngine(SIZE)


def hangs_in_silence(*, progress: Callable[[str], None]) -> ConstantEngine:
    _hang()
    return ConstantEngine(SIZE)


def opens_in_steps(steps: int, step_s: float, *, progress: Callable[[str], None]) -> Told:
    for step in range(steps):
        progress(f"step {step}")
        time.sleep(step_s)
    return Told(SIZE)


def leaves_others_behind(*, progress: Callable[[str], None]) -> Told:
    """Starts a process, and another in a session of its own, and tells their numbers."""
    for own_session in (False, True):
        sleeper = subprocess.Popen(["sleep", "600"], start_new_session=own_session)
        progress(str(sleeper.pid))
    return Told(SIZE)


def cannot_open(*, progress: Callable[[str], None]) -> ConstantEngine:
    raise EngineUnavailableError("no such driver.\nInstall it with `do this`.")


def opens_with_a_mistake(*, progress: Callable[[str], None]) -> ConstantEngine:
    raise ZeroDivisionError("by nought")


def exits_while_opening(*, progress: Callable[[str], None]) -> ConstantEngine:
    sys.stderr.write("the driver is on fire\n\n")
    os._exit(3)


def _hang() -> None:
    """As native code would that never returns, and that never lets go of the interpreter's lock."""
    ctypes.PyDLL(None).sleep(3600)


def _refuse() -> None:
    raise InferenceError("the picture is too dull")


def _raise() -> None:
    raise RuntimeError("CUDA error: unspecified launch failure")


def _print() -> None:
    print("a library says hello")  # noqa: T201
    os.write(1, b"straight to the descriptor \xff\n")
    assert sys.stdin.read() == ""


def _fork_and_crash() -> None:
    """What it leaves behind holds all that it held: its output and its connection."""
    if not os.fork():
        time.sleep(600)
        os._exit(0)
    os.kill(os.getpid(), signal.SIGSEGV)


_hoard: list[bytes] = []

DEEDS: dict[str, Callable[[], object]] = {
    "behave": lambda: None,
    "hang": _hang,
    "refuse": _refuse,
    "raise": _raise,
    "fork and crash": _fork_and_crash,
    "crash": lambda: ctypes.string_at(0),
    "print": _print,
    "leak": lambda: _hoard.append(b"x" * 400_000_000),
    "nan": lambda: None,
    "shape": lambda: None,
    "dtype": lambda: None,
    "objects": lambda: None,
    "nothing": lambda: None,
}
DEED_NAMES = list(DEEDS)
ANSWERS: dict[str, object] = {
    "nan": np.full((SIZE, SIZE), np.nan, np.float32),
    "shape": np.zeros((1, SIZE, SIZE + 1), np.float32),
    "dtype": np.full((SIZE, SIZE), 200, np.uint8),
    "objects": np.array([object()]),
    "nothing": None,
}


def order(deed: str) -> Image:
    """The image that tells it to do that."""
    return np.full((SIZE, SIZE, 3), DEED_NAMES.index(deed), np.uint8)
