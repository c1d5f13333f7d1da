"""An engine that fails on a schedule, around any other."""

import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from scr_live.engines import Engine, EngineInfo
from scr_live.engines.constant import ConstantEngine
from scr_live.errors import InferenceError
from scr_live.faults.schedule import CALM_ENGINE, Agenda, EngineFault, Fault, FaultSchedule
from scr_live.faults.source import Injection
from scr_live.frames import USUAL_FPS, Mask

SLOW_S: Final = 10 / USUAL_FPS
EXIT_CODE: Final = 70
"""Of a process that an EXIT has ended."""

_LEAKED_BYTES = 1 << 20
_LEAKS_AT_MOST = 256


def open_chaos_engine(  # noqa: PLR0913  each a plain value: they go to another process
    *,
    seed: int,
    began_at: float,
    kinds: Sequence[str] = CALM_ENGINE,
    mean_interval_s: float = 5.0,
    longest_s: float = 3.0,
    quiet_s: float = 0.0,
    engine: str = "constant",
    model: str = "",
    precision: str = "auto",
    threads: int = 0,
    size: int = 64,
    probability: float = 0.9,
    log: str = "",
    progress: Callable[[str], None] | None = None,
) -> "ChaosEngine":
    """Open an engine that fails, in this process or, since all arguments are plain, in one of its own.

    began_at: `time.time()` at which the schedule begins, so that an engine that is opened anew goes on in it.
    engine: by name, with its model; `constant` answers a disc of `probability` on (size, size). log: a file
    to which each fault adds a line that `injections_in` reads. progress: hears what takes long.
    """
    schedule = FaultSchedule(
        seed,
        tuple(EngineFault(kind) for kind in kinds),
        mean_interval_s=mean_interval_s,
        longest_s=longest_s,
        quiet_s=quiet_s,
    )
    inner: Engine = ConstantEngine(size, probability)
    if engine != "constant":
        from scr_live.engines.opening import open_engine  # noqa: PLC0415 - only where there is a model
        from scr_live.shipped import model_for  # noqa: PLC0415

        inner = open_engine(
            engine, model_for(engine, model), precision=precision, threads=threads, progress=progress
        )
    return ChaosEngine(inner, schedule, clock=lambda: time.time() - began_at, log=Path(log) if log else None)


def injections_in(log: Path) -> list[Injection]:
    """What engines have done, by the file that they were given."""
    if not log.exists():
        return []
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return [Injection(EngineFault(line["kind"]), line["at_s"], line["duration_s"]) for line in lines]


class ChaosEngine:
    """Answers as the inner engine does, unless a fault is on. The inner engine is its to close.

    EXIT ends the process that it is in, at once: schedule it only where that is meant.
    """

    def __init__(
        self,
        engine: Engine | None = None,
        schedule: FaultSchedule | None = None,
        *,
        clock: Callable[[], float] | None = None,
        slow_s: float = SLOW_S,
        log: Path | None = None,
    ) -> None:
        began_at = time.monotonic()
        self._engine = engine or ConstantEngine()
        self._agenda = Agenda(schedule or FaultSchedule(0, CALM_ENGINE))
        self._clock = clock or (lambda: time.monotonic() - began_at)
        self._slow_s = slow_s
        self._log = log
        self._closed = Event()
        self._on: Fault | None = None
        self._leaked: list[bytearray] = []
        self.injected: list[Injection] = []
        """What has happened here, in order."""

    @property
    def info(self) -> EngineInfo:
        """The inner engine's."""
        return self._engine.info

    def infer(self, image: NDArray[np.uint8]) -> Mask:
        """Answer, or fail in one of the ways of EngineFault."""
        now_s = self._clock()
        fault = self._agenda.due(now_s)
        if fault is not self._on:
            self._on = fault
            if fault is not None:
                self._note(Injection(fault.kind, now_s, fault.until_s - now_s))
        if fault is None:
            return self._engine.infer(image)
        return self._failing(image, fault)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._leaked.clear()
        self._engine.__exit__(kind, error, trace)

    def _failing(self, image: NDArray[np.uint8], fault: Fault) -> Mask:
        match fault.kind:
            case EngineFault.SLOW:
                self._closed.wait(self._slow_s)
            case EngineFault.HANG:
                self._closed.wait(fault.until_s - self._clock())
            case EngineFault.EXIT:
                os._exit(EXIT_CODE)
            case EngineFault.LEAK if len(self._leaked) < _LEAKS_AT_MOST:
                self._leaked.append(bytearray(os.urandom(1) * _LEAKED_BYTES))  # written, so that it is there
            case EngineFault.RAISE:
                raise InferenceError("The engine was told to fail, on purpose. It recovers by itself.")
        return _wrong(self._engine.infer(image), fault)

    def _note(self, injection: Injection) -> None:
        self.injected.append(injection)
        if self._log is not None:
            line = {"kind": injection.kind, "at_s": injection.at_s, "duration_s": injection.duration_s}
            with self._log.open("a", encoding="utf-8") as log:
                log.write(json.dumps(line) + "\n")


def _wrong(answer: Mask, fault: Fault) -> Mask:
    match fault.kind:
        case EngineFault.NAN:
            answer[...] = np.nan
        case EngineFault.SHAPE:
            return answer[:-1]
        case EngineFault.TYPE:
            return answer.astype(np.int32)
    return answer
