"""The folder of a run, and who listens to it."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from scr_live.files import make_folder
from scr_live.network.weights import save_weights
from scr_live.training.checkpoint import LAST, PREVIOUS, save_state
from scr_live.training.data import Sample
from scr_live.training.events import Event, Note, Report, Saved
from scr_live.training.learner import Learner
from scr_live.training.logs import NO_TENSORBOARD, Logs
from scr_live.training.pictures import choose_examples, write_grid
from scr_live.training.validation import Probability


class Record:
    """Weights, states, logs and pictures in `folder`; every event goes into the logs and to `report`.

    OutputUnwritableError: the folder cannot be made or written; what lay there is left as it was.
    """

    def __init__(self, folder: Path, report: Report, validation: Sequence[Sample]) -> None:
        self._folder = folder
        self._report = report
        self._validation = validation
        self._logs: Logs | None = None
        self._saved_at = time.monotonic()
        self.examples = choose_examples(validation)
        make_folder(folder)

    def open_logs(self, step: int) -> None:
        """Continue the logs of a run saved at this step."""
        sets = sorted({sample.set_name for sample in self._validation if sample.has_polyp})
        clean = sorted({sample.set_name for sample in self._validation if not sample.has_polyp})
        self._logs = Logs(self._folder, step=step, sets=sets, clean=clean)
        if not self._logs.has_tensorboard:
            self.tell(Note(NO_TENSORBOARD))

    def tell(self, event: Event) -> None:
        """Log and report."""
        if self._logs is not None:
            self._logs(event)
        self._report(event)

    def save(self, learner: Learner, *, step: int, best_quality: float) -> None:
        """Write last.safetensors, the averaged weights, and last.pt, what `resume` needs."""
        save_weights(self._folder / "last.safetensors", learner.average.values)
        state = {"step": step, "best_quality": best_quality, **learner.state()}
        save_state(self._folder / LAST, state, previous=self._folder / PREVIOUS)
        self._saved_at = time.monotonic()
        self.tell(Saved(step, self._folder / LAST))

    def save_best(self, learner: Learner) -> None:
        """Write best.safetensors, the averaged weights."""
        save_weights(self._folder / "best.safetensors", learner.average.values)

    def is_due(self, save_every_s: float) -> bool:
        """Whether that long nothing was saved."""
        return time.monotonic() - self._saved_at >= save_every_s

    def draw(self, step: int, probabilities: Mapping[int, Probability]) -> Path:
        """Write the examples as this step sees them."""
        path = self._folder / "predictions" / f"step_{step:06d}.jpg"
        write_grid(path, self._validation, probabilities)
        return path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._logs is not None:
            self._logs.close()
