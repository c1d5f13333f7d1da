"""What `export` prints."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scr_live.console.output import CountView, say
from scr_live.convert.parity import TOLERANCE

if TYPE_CHECKING:
    from scr_live.convert.making import Exported, Row

_HEAD = ("file", "computed by", "largest", "mean", "flipped", "Dice", "loss")
_TEXTS = (0, 1)
"""Columns of words: to the left."""


class ExportView(CountView):
    """Tells what an export is at, and counts the pictures of a comparison."""

    def __init__(self) -> None:
        super().__init__("pictures")

    def note(self, text: str) -> None:
        """Print a line, above the bar if there is one."""
        say(text)


def tell_export(exported: "Exported") -> None:
    """Print the table of comparisons, the notes, and what was written."""
    say("Difference from PyTorch", style="bold")
    _tell_columns([_HEAD, *map(_cells, exported.rows)])
    say("")
    for precision in dict.fromkeys(row.precision for row in exported.rows):
        say(f"Allowed in {precision}: {TOLERANCE[precision]}.")
    for note in exported.notes:
        say(note)
    files = len(exported.manifest.artifacts)
    say(f"{files} {'file' if files == 1 else 'files'}, card.json and manifest.json are in {exported.folder}.")


def _cells(row: "Row") -> tuple[str, ...]:
    parity = row.parity
    return (
        row.artifact.file,
        row.engine,
        f"{parity.max_error:.1e}",
        f"{parity.mean_error:.1e}",
        f"{parity.flipped_share:.3%}",
        "" if parity.dice is None else f"{parity.dice:.4f}",
        "" if parity.dice is None else f"{parity.dice_loss:+.4f}",
    )


def _tell_columns(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            text.ljust(width) if place in _TEXTS else text.rjust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        say("  ".join(cells).rstrip())
