"""CSV tables that grow with a run, and that a resumed run continues where it was saved."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from scr_live.errors import OutputUnwritableError
from scr_live.files import write_csv

STEP = "step"


class Table:
    """Rows by step. Those after `last_step`, of a run that crashed before it saved, are cut.

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
    text = row.get(STEP, "")
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
