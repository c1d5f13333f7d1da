"""What `evaluate` prints."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scr_live.console.output import say, tell_error

if TYPE_CHECKING:
    from scr_live.evaluation.command import Evaluation
    from scr_live.evaluation.tables import Row


def tell_evaluation(evaluation: "Evaluation") -> None:
    """Print the tables and notes of an evaluation, and what could not be written."""
    say(evaluation.report.title, style="bold")
    if evaluation.report.engine.reason:
        say(f"engine: {evaluation.report.engine.reason}")
    for heading, rows in evaluation.tables.items():
        say("")
        if heading:
            say(heading, style="bold")
        tell_table(rows)
    say("")
    for note in evaluation.notes:
        say(note)
    for problem in evaluation.problems:
        tell_error(problem)


def tell_table(rows: Sequence["Row"]) -> None:
    """Print columns, names to the left and figures to the right, the intervals on a line below."""
    widths = [max(len(text) for cell in column for text in cell) for column in zip(*rows, strict=True)]
    for row in rows:
        for line in zip(*row, strict=True):
            if any(line):
                first, *figures = line
                cells = [text.rjust(width) for text, width in zip(figures, widths[1:], strict=True)]
                say("  ".join([first.ljust(widths[0]), *cells]).rstrip())
