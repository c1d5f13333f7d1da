"""`scr-live evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from scr_live import console
from scr_live.cli.options import EngineName, Model, Precision, Threads, Threshold
from scr_live.shipped import DEFAULT_MODEL


def evaluate(  # noqa: PLR0913 - the options of the command
    *,
    data: Annotated[Path, typer.Option(help="Folder with images/ and masks/ (no masks/: no polyps at all).")],
    split: Annotated[
        str | None,
        typer.Option(help="train or val, as splits.csv in or beside the folder says. Without: all."),
    ] = None,
    model: Model = DEFAULT_MODEL,
    engine: EngineName = "auto",
    precision: Precision = "auto",
    threads: Threads = 0,
    threshold: Threshold = None,
    json: Annotated[Path | None, typer.Option(help="Write the means to this JSON file.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write one row a picture to this CSV file.")] = None,
) -> None:
    """Measure accuracy on pictures with masks: Dice, IoU, sensitivity, specificity."""
    from scr_live.app import EvaluateConfig, evaluate_images  # noqa: PLC0415 - keeps --help quick

    config = EvaluateConfig(
        data=data,
        split=split,
        model=model,
        engine=engine,
        precision=precision,
        threads=threads,
        threshold=threshold,
        json=json,
        csv=csv,
    )
    with console.CountView("pictures") as view:
        report = evaluate_images(config, progress=view.update)
    console.tell_values(f"{data} ({split or 'all'})", report)
