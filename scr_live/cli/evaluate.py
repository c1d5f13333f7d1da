"""`scr-live evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from scr_live import console
from scr_live.cli.options import EngineName, Json, Model, Precision, Threads, Threshold
from scr_live.console.output import say
from scr_live.shipped import DEFAULT_MODEL


def evaluate(  # noqa: PLR0913 - the options of the command
    *,
    data: Annotated[
        list[Path],
        typer.Option(help="Folder with images/ and masks/ (no masks/: no polyps at all). May be repeated."),
    ],
    split: Annotated[
        str | None,
        typer.Option(help="train or val, as splits.csv in or beside the folder says. Without: all."),
    ] = None,
    model: Model = DEFAULT_MODEL,
    engine: EngineName = "auto",
    precision: Precision = "auto",
    threads: Threads = 0,
    threshold: Threshold = None,
    sweep: Annotated[
        bool, typer.Option("--sweep", help="Also measure at 0.05, 0.10 ... 0.95, and recommend a threshold.")
    ] = False,
    bootstrap: Annotated[
        int, typer.Option(min=0, help="Resamples for the 95 % intervals; 0: no intervals.")
    ] = 2000,
    json: Json = None,
    csv: Annotated[Path | None, typer.Option(help="Write one row a picture to this CSV file.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the tables to this Markdown file.")] = None,
    worst: Annotated[
        Path | None,
        typer.Option(
            help="Draw the worst cases, truth and mark outlined, on this .jpg or .png. It shows pictures of "
            "the sets: mind their terms."
        ),
    ] = None,
    worst_count: Annotated[
        int, typer.Option(min=1, help="How many polyps, and how many false marks, the sheet shows.")
    ] = 8,
) -> None:
    """Measure accuracy on pictures with masks: Dice, IoU, sensitivity, specificity, false marks.

    Dice, IoU and sensitivity are means over the pictures with a polyp, specificity over all pictures.
    """
    from scr_live.evaluation.command import EvaluateConfig, evaluate_sets  # noqa: PLC0415 - keeps --help quick
    from scr_live.evaluation.judged_model import ModelOptions  # noqa: PLC0415

    config = EvaluateConfig(
        data=tuple(data),
        split=split,
        judged=ModelOptions(model, engine, precision, threads, threshold),
        sweep=sweep,
        bootstrap=bootstrap,
        json=json,
        csv=csv,
        markdown=markdown,
        worst=worst,
        worst_count=worst_count,
    )
    with console.CountView("pictures") as view:
        evaluation = evaluate_sets(config, progress=view.update, tell=say)
    console.tell_evaluation(evaluation)
    if evaluation.problems:
        raise typer.Exit(evaluation.problems[0].exit_code)
