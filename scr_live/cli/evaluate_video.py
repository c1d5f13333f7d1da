"""`scr-live evaluate-video` and `scr-live tune`."""

from pathlib import Path
from typing import Annotated

import typer

from scr_live import console
from scr_live.cli.options import EngineName, Model, Precision, Threads, Threshold
from scr_live.console.output import say
from scr_live.shipped import DEFAULT_MODEL

Json = Annotated[Path | None, typer.Option(help="Write all figures to this JSON file.")]


def evaluate_video(  # noqa: PLR0913 - the options of the command
    clip: Annotated[str, typer.Argument(help="A video file, a folder of pictures, or phantom:...")],
    *,
    truth: Annotated[
        str,
        typer.Option(help="A JSON file of boxes, none (no polyp is ever in view), or phantom (its own)."),
    ],
    model: Model = DEFAULT_MODEL,
    engine: EngineName = "auto",
    precision: Precision = "auto",
    threads: Threads = 0,
    threshold: Threshold = None,
    tracking: Annotated[
        bool, typer.Option("--tracking/--no-tracking", help="Without: each frame is judged by itself.")
    ] = True,
    steady: Annotated[
        bool, typer.Option("--steady/--no-steady", help="Without: probabilities are not averaged over time.")
    ] = True,
    json: Json = None,
) -> None:
    """Measure a video: false alarms a minute, time to the first mark, missed polyps, flicker.

    Everything that hangs on the alert rule is told for rules of 0, 0.25, 0.5, 1 and 2 seconds.
    """
    from scr_live.evaluation.video.command import VideoConfig, evaluate_videos  # noqa: PLC0415 - quick --help

    config = VideoConfig(
        clips=((clip, truth),),
        model=model,
        engine=engine,
        precision=precision,
        threads=threads,
        threshold=threshold,
        follows=tracking,
        is_steady=steady,
        json=json,
    )
    with console.CountView("frames") as view:
        report = evaluate_videos(config, progress=view.update, tell=say)
    console.tell_video(report, with_clips=True)


def tune(  # noqa: PLR0913 - the options of the command
    *,
    clip: Annotated[
        list[str],
        typer.Option(help="CLIP=TRUTH, as evaluate-video takes them. May be repeated."),
    ],
    model: Model = DEFAULT_MODEL,
    engine: EngineName = "auto",
    precision: Precision = "auto",
    threads: Threads = 0,
    threshold: Threshold = None,
    json: Json = None,
) -> None:
    """Show what each alert rule costs on your own clips: false alarms against late marks and missed polyps.

    It decides nothing: the rule is set with `run --alert-after`.
    """
    from scr_live.evaluation.video.command import (  # noqa: PLC0415 - keeps --help quick
        VideoConfig,
        evaluate_videos,
        split_clip,
    )

    config = VideoConfig(
        clips=tuple(map(split_clip, clip)),
        model=model,
        engine=engine,
        precision=precision,
        threads=threads,
        threshold=threshold,
        json=json,
    )
    with console.CountView("frames") as view:
        report = evaluate_videos(config, progress=view.update, tell=say)
    console.tell_video(report, with_clips=False)
