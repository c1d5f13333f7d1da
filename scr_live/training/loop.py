"""The training loop: a step is a pure function of weights, seed and step number, so a run can be resumed."""

import math
import textwrap
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import torch

from scr_live.errors import ModelError, ScrLiveError
from scr_live.training.batches import Batches
from scr_live.training.checkpoint import LAST, load_latest
from scr_live.training.data import Sample
from scr_live.training.distributed import World
from scr_live.training.events import Finished, Note, Report, Started, StepDone, Validated
from scr_live.training.learner import DivergedError, Learner
from scr_live.training.loading import explain_worker, load_batches
from scr_live.training.recipe import Recipe
from scr_live.training.record import Record
from scr_live.training.validation import check_validation, validate

SAVE_EVERY_S: Final = 600.0
"""A crash costs no more than this and the time from one step to the next."""

_LONGEST_REASON: Final = 300
"""Characters; torch names every tensor that does not fit."""

_RECENT: Final = 50
"""Steps over which the pace is told."""


class Trainer:
    """One training run: data, learner and step count.

    recipe: resolved, in steps. validation: measured by the first process only.
    DataError: nothing to train on, or to choose the best weights by.
    """

    def __init__(  # noqa: PLR0913 - the parts of a run
        self,
        recipe: Recipe,
        train: Sequence[Sample],
        validation: Sequence[Sample],
        *,
        device: torch.device,
        workers: int = 0,
        world: World | None = None,
    ) -> None:
        check_validation(validation)
        self.recipe = recipe
        self.step = 0
        self.best_quality = -math.inf
        self._device = device
        self._workers = workers
        self._world = world or World()
        self._saved_step = 0
        self._train = train
        self._validation = validation
        self._batches = Batches(recipe, train, rank=self._world.rank, world=self._world.size)
        self.learner = Learner(recipe, device=device, world=self._world)
        self._pace = _Pace(recipe)
        self._notes = [note] if (note := self.learner.arithmetic.note) else []

    def resume(self, folder: Path) -> None:
        """Continue exactly where the run in `folder` was saved; rates and weight decay are this recipe's.

        ModelError: its state is damaged or of another network; this trainer is then of no more use.
        """
        path, state = load_latest(folder)
        try:
            self.learner.restore(state)
            self.step, self.best_quality = _progress(state)
        except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            raise ModelError(
                f"{path} does not belong to this recipe's network, {self.recipe.network}. Resume with the "
                "recipe it was made with, or start a new run with another --out. "
                f"({textwrap.shorten(str(error), _LONGEST_REASON)})"
            ) from error
        self._world.wait()  # nobody may write here before all have read
        if path.name != LAST:
            self._notes.append(f"{LAST} cannot be read; resumed from {path.name}, saved at step {self.step}.")

    def run(
        self, folder: Path, *, report: Report, stop: Callable[[], bool], save_every_s: float = SAVE_EVERY_S
    ) -> None:
        """Train to the recipe's last step or until `stop()`; all that comes of it lies in `folder`.

        Folder and `report` are the first process's; a wish to stop, of any, ends all after the same step.
        ScrLiveError: a loss or gradient is no number, or a process failed; the state saved last is kept.
        """
        with self._explained(folder):
            if self._world.is_first:
                with Record(folder, report, self._validation) as record:
                    self._lead(record, stop, save_every_s)
            else:
                self._follow(stop)

    def _lead(self, record: Record, stop: Callable[[], bool], save_every_s: float) -> None:
        self._save(record)  # a folder that cannot be written shows now, not after the first hour
        record.open_logs(self.step)
        self._introduce(record)
        for event in self._steps(stop):
            record.tell(event)
            if self._validates_now():
                self._validate(record)
                self._save(record)
                self._world.wait()
            elif record.is_due(save_every_s):
                self._save(record)
        if self._saved_step != self.step:
            self._save(record)
        record.tell(Finished(self.step, complete=self.step >= self.recipe.steps))

    def _follow(self, stop: Callable[[], bool]) -> None:
        for _ in self._steps(stop):
            if self._validates_now():
                self._world.wait()

    def _steps(self, stop: Callable[[], bool]) -> Iterator[StepDone]:
        steps = self.recipe.steps
        batches = load_batches(
            self._batches, first=self.step, end=steps, workers=self._workers, device=self._device
        )
        while not self._world.any(stop()) and self.step < steps:
            started = time.perf_counter()
            images, masks = next(batches)
            waited = time.perf_counter() - started
            measures = self.learner.learn(images, masks, step=self.step)
            self.step += 1
            self._pace.step_took(time.perf_counter() - started, waited=waited)
            yield StepDone(
                step=self.step,
                steps=steps,
                loss=measures.loss,
                bce=measures.bce,
                dice=measures.dice,
                negatives=measures.negatives,
                rates=measures.rates,
                gradient_norm=measures.gradient_norm,
                pictures_per_s=self._pace.pictures_per_s,
                data_share=self._pace.data_share,
                seconds_left=self._pace.seconds_left(self.step),
            )

    def _validates_now(self) -> bool:
        return self.step % self.recipe.validate_every == 0 or self.step == self.recipe.steps

    def _validate(self, record: Record) -> None:
        self.learner.check_weights(self.step)
        started = time.perf_counter()
        result, probabilities = validate(
            self.learner.averaged(), self._validation, size=self.recipe.final_size, keep=record.examples
        )
        is_best = result.quality > self.best_quality
        if is_best:
            self.best_quality = result.quality
            record.save_best(self.learner)
        pictures = record.draw(self.step, probabilities)
        seconds = time.perf_counter() - started
        self._pace.validation_took(seconds)
        record.tell(Validated(self.step, result, is_best, self.best_quality, seconds, pictures))

    def _save(self, record: Record) -> None:
        self.learner.check_weights(self.step)  # what was saved before is better
        record.save(self.learner, step=self.step, best_quality=self.best_quality)
        self._saved_step = self.step

    def _introduce(self, record: Record) -> None:
        record.tell(
            Started(
                step=self.step,
                steps=self.recipe.steps,
                device=str(self._device),
                arithmetic=self.learner.arithmetic.name,
                processes=self._world.size,
                workers=self._workers,
                pictures=len(self._train),
                validation_pictures=len(self._validation),
            )
        )
        for note in self._notes:
            record.tell(Note(note))

    @contextmanager
    def _explained(self, folder: Path) -> Iterator[None]:
        """What happens in a step knows nothing of folders, and torch nothing of users."""
        try:
            yield
        except DivergedError as error:
            raise ScrLiveError(
                f"{error} The state saved last, of step {self._saved_step}, is kept in {folder / LAST}. "
                "Lower `rate` in the recipe and resume."
            ) from error
        except RuntimeError as error:
            explained = explain_worker(error) or self._world.explain(error) or self._explain_memory(error)
            if explained is None:
                raise
            raise explained from error

    def _explain_memory(self, error: RuntimeError) -> ScrLiveError | None:
        if not isinstance(error, torch.OutOfMemoryError) and "can't allocate memory" not in str(error):
            return None
        pictures = self.recipe.batch // self._world.size
        side = max(*self.recipe.sizes, self.recipe.final_size)
        return ScrLiveError(
            f"The memory of {self._device} is too small for {pictures} pictures of {side} pixels at a time. "
            "Start again with a lower `batch` or smaller sizes, such as `--set batch=4`."
        )


def _progress(state: Mapping[str, object]) -> tuple[int, float]:
    step, best_quality = state["step"], state["best_quality"]
    if not isinstance(step, int) or step < 0 or not isinstance(best_quality, float):
        raise TypeError(f"step {step!r}, best quality {best_quality!r}")
    return step, best_quality


class _Pace:
    """How fast a run is, over its recent steps, and how long it will take, validations included."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._steps: deque[tuple[float, float]] = deque(maxlen=_RECENT)
        self._validation_s = 0.0

    def step_took(self, seconds: float, *, waited: float) -> None:
        """Count a step; `waited`: the part of it in which there was no batch."""
        self._steps.append((seconds, waited))

    def validation_took(self, seconds: float) -> None:
        """Count a validation, with all that is written then."""
        self._validation_s = seconds

    @property
    def pictures_per_s(self) -> float:
        """Of all processes together."""
        return self._recipe.batch / max(self._step_s, 1e-9)

    @property
    def data_share(self) -> float:
        """Share of the time that went into waiting for batches."""
        return sum(waited for _, waited in self._steps) / max(sum(took for took, _ in self._steps), 1e-9)

    def seconds_left(self, step: int) -> float:
        """From `step` steps done to the end of the recipe."""
        recipe = self._recipe
        validations = -(-recipe.steps // recipe.validate_every) - step // recipe.validate_every
        return (recipe.steps - step) * self._step_s + validations * self._validation_s

    @property
    def _step_s(self) -> float:
        return sum(took for took, _ in self._steps) / max(len(self._steps), 1)
