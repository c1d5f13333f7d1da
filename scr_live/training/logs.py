"""The logs of a run in its folder: train.csv, validation.csv, and TensorBoard's where it is installed."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from scr_live.errors import OutputUnwritableError
from scr_live.files import write_csv
from scr_live.training.events import Event, StepDone, Validated, Validation, mean_of

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

ROW_EVERY: Final = 20
"""Steps a row of train.csv stands for: their means."""

NO_TENSORBOARD: Final = (
    "No TensorBoard logs, only CSV tables: the package tensorboard is not installed. Get it with "
    '`pip install "scr-live[train]"` or `pip install tensorboard`.'
)

_STEP: Final = "step"
_MEASURES: Final = ("loss", "bce", "dice", "negatives", "gradient_norm", "pictures_per_s", "data_share")
_FIGURES: Final = ("dice", "iou", "sensitivity", "specificity")


class Logs:
    """A Report that writes; to be closed. `sets` and `clean`: names of the validation sets."""

    def __init__(self, folder: Path, *, step: int, sets: Sequence[str], clean: Sequence[str]) -> None:
        self._train = Table(
            folder / "train.csv",
            (_STEP, *_MEASURES, "rate_encoder", "rate_decoder", "seconds_left"),
            last_step=step,
        )
        columns = [f"{name} {figure}" for name in sets for figure in _FIGURES]
        columns += [f"{name} false_marks" for name in clean]
        self._validation = Table(
            folder / "validation.csv",
            (_STEP, "quality", "dice", "false_marks", "best", "seconds", *columns),
            last_step=step,
        )
        self._window: list[StepDone] = []
        self._board = _open_board(folder / "tensorboard", step)

    @property
    def has_tensorboard(self) -> bool:
        """Whether TensorBoard's logs are written."""
        return self._board is not None

    def __call__(self, event: Event) -> None:
        """Write what the event says, if it belongs into a log."""
        match event:
            case StepDone():
                self._window.append(event)
                if event.step % ROW_EVERY == 0 or event.step == event.steps:
                    self._write_window()
            case Validated():
                self._write_validation(event)
            case _:
                pass

    def close(self) -> None:
        """Write what is left."""
        if self._window:
            self._write_window()
        if self._board is not None:
            self._board.close()

    def _write_window(self) -> None:
        mean = mean_of(self._window)
        self._window = []
        row = {name: getattr(mean, name) for name in _MEASURES}
        row |= {f"rate_{name}": rate for name, rate in mean.rates}
        self._train.append({_STEP: mean.step, **row, "seconds_left": round(mean.seconds_left)})
        self._draw({f"train/{name}": value for name, value in row.items()}, mean.step)

    def _write_validation(self, event: Validated) -> None:
        result = event.result
        row = {"quality": result.quality, "dice": result.mean_dice, "false_marks": result.false_mark_share}
        row |= _by_set(result)
        self._validation.append(
            {_STEP: event.step, "best": int(event.is_best), "seconds": event.seconds, **row}
        )
        self._draw({f"validation/{name.replace(' ', '/')}": value for name, value in row.items()}, event.step)
        if self._board is not None and event.pictures is not None:
            data = np.frombuffer(event.pictures.read_bytes(), np.uint8)
            grid = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
            self._board.add_image("predictions", grid, event.step, dataformats="HWC")

    def _draw(self, values: dict[str, float], step: int) -> None:
        if self._board is None:
            return
        for name, value in values.items():
            if math.isfinite(value):
                self._board.add_scalar(name, value, step)
        self._board.flush()


class Table:
    """CSV rows by step, which a resumed run continues.

    Those after `last_step`, of a run that crashed before it saved, are cut.
    OutputUnwritableError: the file cannot be read or written.
    """

    def __init__(self, path: Path, columns: Sequence[str], *, last_step: int) -> None:
        self._path = path
        rows = [row for row in _read(path) if _step_of(row) <= last_step]
        known = list(dict.fromkeys(key for row in rows for key in row))
        # Sets may have come or gone since: their columns stay, with gaps.
        self._columns = [*columns, *(key for key in known if key not in columns)]
        write_csv(path, [self._columns, *([row.get(key, "") for key in self._columns] for row in rows)])

    def append(self, row: Mapping[str, object]) -> None:
        """Write one row now: what was seen is on disk if the machine dies."""
        try:
            with self._path.open("a", newline="", encoding="utf-8") as stream:
                csv.writer(stream, lineterminator="\n").writerow(
                    [_text(row.get(key)) for key in self._columns]
                )
        except OSError as error:
            raise OutputUnwritableError(f"Cannot write {self._path}: {error.strerror}.") from error


def _by_set(result: Validation) -> dict[str, float]:
    row: dict[str, float] = {}
    for one in result.sets:
        for figure in _FIGURES:
            row[f"{one.name} {figure}"] = getattr(one, figure)
    return row | {f"{one.name} false_marks": one.share for one in result.clean}


def _open_board(folder: Path, step: int) -> "SummaryWriter | None":
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - optional
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=step + 1 if step else None)


def _read(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8", errors="replace") as stream:
            header, *lines = [*csv.reader(stream)] or [[]]
    except FileNotFoundError:
        return []
    except (OSError, csv.Error) as error:
        raise OutputUnwritableError(f"Cannot continue the table {path}: {error}.") from error
    # A row that was cut short by a crash has too few cells.
    return [dict(zip(header, line, strict=True)) for line in lines if len(line) == len(header)]


def _step_of(row: Mapping[str, str]) -> float:
    text = row.get(_STEP, "")
    return int(text) if text.isdecimal() else float("inf")


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case float() if math.isnan(value):
            return ""  # not known
        case float():
            return f"{value:.6g}"
        case _:
            return str(value)
