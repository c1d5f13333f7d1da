"""What `train` prints."""

import math
import time
from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn

from scr_live.console.output import bar, counted, say
from scr_live.training.events import Finished, Note, Saved, Started, StepDone, Validated, mean_of

if TYPE_CHECKING:
    from scr_live.training.events import Event

_SLOW_DATA = 0.2
"""Share of the time of a training step from which waiting for pictures is worth a word."""

_WIDE = 132
"""Columns of a terminal from which the parts of the loss fit beside the bar."""


class TrainView:
    """A Report of a training run: a live line on a terminal, a plain line every `every` steps elsewhere."""

    def __init__(self, *, every: int = 20) -> None:
        self._every = every
        self._recent: deque[StepDone] = deque(maxlen=every)
        """Single steps jump about: their means are told."""
        columns = (SpinnerColumn(), BarColumn(20), MofNCompleteColumn(), TextColumn("{task.fields[facts]}"))
        self._bar = bar(*columns)
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
                say(f"note     {text}")
            case Finished(step, complete=True):
                say(f"done     step {step}")
            case Finished(step):
                say(f"stopped  after step {step}, as asked; everything needed to resume is saved")
            case Saved():
                pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def _started(self, facts: Started) -> None:
        where = (
            facts.device
            if facts.processes == 1
            else f"{facts.processes} processes, this one on {facts.device}"
        )
        workers = f"pictures prepared by {counted(facts.workers, 'worker')}, " if facts.workers else ""
        say(f"training on {where} in {facts.arithmetic}; {workers}step {facts.step} of {facts.steps}")
        say(f"pictures {facts.pictures} to train on, {facts.validation_pictures} to validate")
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
        if not self._bar.disable:
            loss = f"loss {step.loss:.3f}" + (f" ({parts})" if self._bar.console.width >= _WIDE else "")
            facts = f"{loss}  {speed}  {left} left"
            self._bar.update(self._task, completed=step.step, total=step.steps, facts=facts)
        elif step.step % self._every == 0 or step.step == step.steps:
            self._recent.clear()
            say(
                f"{_clock()}  step {step.step}/{step.steps}  loss {step.loss:.4f} ({parts})  rate {rates}  "
                f"gradient {step.gradient_norm:.2f}  {speed}  {left} left"
            )

    def _validated(self, event: Validated) -> None:
        result = event.result
        verdict = "best so far, saved" if event.is_best else f"best so far {event.best_quality:.4f}"
        say(f"{_clock()}  validation at step {event.step}: quality {result.quality:.4f}, {verdict}")
        width = max(len(name) for name in [*(a.name for a in result.sets), *(b.name for b in result.clean)])
        for one in result.sets:
            pictures = counted(one.pictures, "picture")
            say(
                f"  {one.name:<{width}}  Dice {one.dice:.4f}  IoU {one.iou:.4f}  sensitivity "
                f"{one.sensitivity:.4f}  specificity {one.specificity:.4f}  ({pictures})"
            )
        for clean in result.clean:
            pictures = counted(clean.pictures, "picture")
            say(f"  {clean.name:<{width}}  marked, though there is no polyp: {clean.share:.1%} of {pictures}")


def _clock() -> str:
    return time.strftime("%H:%M:%S")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
