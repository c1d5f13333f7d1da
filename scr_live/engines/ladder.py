"""Which engine is next when one fails: the same again, and after some failures the one below it."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from scr_live.engines import Engine, EngineInfo
from scr_live.engines.leash import Leash
from scr_live.engines.opening import CPU_ORDER, GPU_ORDER, NAMED, short
from scr_live.errors import EngineError, EngineUnavailableError, ModelError, ModelNotFoundError, ScrLiveError
from scr_live.events import EventKind, Fact, Journal

FAILURES_PER_RUNG: Final = 3
"""In a row: a device that was away for a moment is back by then."""
ANSWERS_TO_TRUST: Final = 50
"""In a row, after which earlier failures do not count any more: two seconds of video."""
START_OVER_S: Final = 600.0
"""After so long, an engine at the end of the ladder that fails gives way to the first again."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rung:
    """One engine of the ladder, as `opening.open_engine` wants it."""

    engine: str
    precision: str
    reason: str = NAMED
    """What its info is to say of why it runs."""


class OpenRung(Protocol):
    """Opens the engine of a rung; if that can take long, it ties it to the leash before it waits."""

    def __call__(self, rung: Rung, *, leash: Leash) -> Engine:
        """Open it. Raises a ScrLiveError."""
        ...


def rungs_from(info: EngineInfo, *, precision: str) -> tuple[Rung, ...]:
    """The engine that a run began with, then those that may work here in its place, the best first.

    From a GPU down to the CPU, each in the precision that was asked for; OpenVINO once more in fp32, which
    every processor has. Weights run in PyTorch alone, and the constant engine is not to be replaced.
    """
    name = f"{info.backend} on {info.device}" if info.backend == "onnxruntime" else info.backend
    first = Rung(name, precision, info.reason)
    if name not in (*GPU_ORDER, *CPU_ORDER):
        return (first,)
    lower = GPU_ORDER[GPU_ORDER.index(name) + 1 :] if name in GPU_ORDER else ()
    wanted = [(other, precision) for other in (*lower, *CPU_ORDER) if other != name]
    after_openvino = next((at for at, (other, _) in enumerate(wanted) if other == "openvino"), -1) + 1
    if precision != "fp32" and (name, info.precision) != ("openvino", "fp32"):
        wanted.insert(after_openvino, ("openvino", "fp32"))
    return (first, *(Rung(other, kind) for other, kind in wanted))


class EngineLadder:
    """Opens the engine anew after a failure, and a lower one after `failures_per_rung` failures in a row.

    In a row means with fewer than ANSWERS_TO_TRUST answers in between: one that crashes on every tenth frame
    has to go. A lower engine that cannot work here, for want of a package, a file or a device, is passed over
    with the reason kept. At the lowest it stays; once the descent is `start_over_s` ago, a series of failures
    there leads back to the first, and to those that were passed over. All but `abandon` is called by the one
    thread that uses the engine.
    """

    def __init__(  # noqa: PLR0913 - most of it is for tests
        self,
        open_rung: OpenRung,
        first: EngineInfo,
        *,
        rungs: Sequence[Rung],
        journal: Journal | None = None,
        failures_per_rung: int = FAILURES_PER_RUNG,
        start_over_s: float = START_OVER_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_rung = open_rung
        self._first = first
        self._rungs = rungs
        self._journal = journal or Journal()
        self._failures_per_rung = failures_per_rung
        self._start_over_s = start_over_s
        self._clock = clock
        self._leash = Leash()
        self._at = 0
        self._failures_here = 0
        self._failures = 0
        self._answers = 0
        self._cause = ""
        self._engine = first.kind
        self._descended_at = -math.inf
        self._passed_over: dict[int, str] = {}
        self.info = first
        """Of the engine that was opened last."""

    def __call__(self) -> Engine:
        """Open the engine that is next. EngineError or ModelError: a failure, to be told to `failed`."""
        here = self._at
        for at in self._ahead():
            self._go_to(at)
            try:
                return self._opened(at)
            except (EngineUnavailableError, ModelNotFoundError) as error:
                if self._leash.is_cut:
                    raise
                self._passed_over[at] = str(error)
                log.info("engine %s in %s: %s", self._rungs[at].engine, self._rungs[at].precision, error)
        self._at = here
        return self._opened(here)

    def failed(self, error: Exception, *, stream_s: float | None = None) -> None:
        """Count a failure, of opening or of answering; `stream_s` is where in the video it happened."""
        self._failures += 1
        self._failures_here += 1
        self._answers = 0
        self._cause = str(error)
        self._tell(EventKind.AI_FAILED, stream_s, cause=self._cause)

    def succeeded(self, *, stream_s: float | None = None) -> None:
        """The engine has answered; call it for every answer."""
        if self._failures:
            self._tell(EventKind.AI_BACK, stream_s, failures=self._failures)
        self._failures = 0
        self._answers += 1
        if self._answers >= ANSWERS_TO_TRUST:
            self._failures_here = 0

    def abandon(self) -> None:
        """End the engine that is being opened or was opened last, and any later one. From any thread."""
        self._leash.abandon()

    def notes(self) -> list[str]:
        """A sentence if a run that began on a GPU, say, ended on a CPU."""
        if self.info.kind == self._first.kind:
            return []
        told = f"the run began with {self._first.kind} and ended with {self.info.kind}"
        return [f"The engine failed and was replaced: {told} ({self.info.reason})."]

    def _ahead(self) -> list[int]:
        """The rungs to be tried before the present one, which stays if none of them works here."""
        if self._failures_here < self._failures_per_rung:
            return []
        ahead = [at for at in range(self._at + 1, len(self._rungs)) if at not in self._passed_over]
        if not ahead and self._clock() - self._descended_at >= self._start_over_s:
            self._passed_over.clear()
            self._descended_at = self._clock()
            ahead = [at for at in range(len(self._rungs)) if at != self._at]
        return ahead

    def _go_to(self, at: int) -> None:
        if self._at == 0:
            self._descended_at = self._clock()
        self._at = at
        self._failures_here = 0

    def _opened(self, at: int) -> Engine:
        rung = self._rungs[at]
        if at:
            rung = replace(rung, reason=self._reason())
        self._engine = rung.engine
        engine = self._open(rung)
        before, self.info = self.info, engine.info
        self._engine = self.info.kind
        if self.info.kind != before.kind:
            self._tell(EventKind.ENGINE_CHANGED, None, before=before.kind, cause=self._cause)
        return engine

    def _open(self, rung: Rung) -> Engine:
        """Open it, with any error as one that says that the engine or its model is of no use now."""
        try:
            return self._open_rung(rung, leash=self._leash)
        except (EngineError, ModelError):
            raise
        except Exception as error:  # of a driver, a disk or a lack of memory: another engine may do without
            said = str(error) if isinstance(error, ScrLiveError) else f"{type(error).__name__}: {error}"
            raise EngineUnavailableError(f"The engine {rung.engine} could not be opened: {said}") from error

    def _reason(self) -> str:
        """Why it is no longer the engine that the run began with."""
        skipped = (f"{self._rungs[at].engine} skipped: {short(why)}" for at, why in self._passed_over.items())
        return "; ".join((f"{self._first.kind} failed: {short(self._cause)}", *skipped))

    def _tell(self, kind: EventKind, stream_s: float | None, **facts: Fact) -> None:
        self._journal.tell(kind, stream_s=stream_s, engine=self._engine, **facts)
