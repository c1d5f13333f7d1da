"""`scr-live evaluate-video` and `scr-live tune`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scr_live import console
from scr_live.cli.options import EngineName, Json, Model, Precision, Threads, Threshold
from scr_live.console.output import say
from scr_live.shipped import DEFAULT_MODEL

if TYPE_CHECKING:
    from scr_live.evaluation.video.command import VideoConfig

Fps = Annotated[
    float | None,
    typer.Option(help="A folder of pictures: its rate. Without: that of its truth file, or 25."),
]


def evaluate_video(  # noqa: PLR0913 - the options of the command
    clip: Annotated[
        str,
        typer.Argument(
            help="A video file; a folder of pictures, which are followed as the frames of a video (run "
            "judges each by itself); or phantom:..."
        ),
    ],
    *,
    truth: Annotated[
        str,
        typer.Option(
            help="A JSON file of boxes or masks, frame by frame; a COCO file, for a folder of pictures; none "
            "(no polyp is ever in view); or phantom (its own)."
        ),
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
    fps: Fps = None,
    json: Json = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            help="Draw Dice, scores, polyps in view and marks before and after each rule over time on this "
            ".png or .svg (extra report)."
        ),
    ] = None,
) -> None:
    """Measure a video: false alarms a minute, time to the first mark, missed polyps, flicker.

    Everything that hangs on the alert rule is told for rules of 0, 0.25, 0.5, 1 and 2 seconds.
    """
    from scr_live.evaluation.judged_model import ModelOptions  # noqa: PLC0415 - keeps --help quick
    from scr_live.evaluation.video.command import VideoConfig  # noqa: PLC0415

    config = VideoConfig(
        clips=((clip, truth),),
        judged=ModelOptions(model, engine, precision, threads, threshold),
        follows=tracking,
        is_steady=steady,
        fps=fps,
        json=json,
        plot=plot,
    )
    _measure(config, with_clips=True)


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
    fps: Fps = None,
    json: Json = None,
) -> None:
    """Show what each alert rule costs on your own clips: false alarms against late marks and missed polyps.

    It decides nothing: the rule is set with `run --alert-after`.
    """
    from scr_live.evaluation.judged_model import ModelOptions  # noqa: PLC0415 - keeps --help quick
    from scr_live.evaluation.video.command import VideoConfig, split_clip  # noqa: PLC0415

    config = VideoConfig(
        clips=tuple(map(split_clip, clip)),
        judged=ModelOptions(model, engine, precision, threads, threshold),
        fps=fps,
        json=json,
    )
    _measure(config, with_clips=False)


def _measure(config: "VideoConfig", *, with_clips: bool) -> None:
    from scr_live.evaluation.video.command import evaluate_videos  # noqa: PLC0415 - keeps --help quick

    with console.CountView("frames") as view:
        report = evaluate_videos(config, progress=view.update, tell=say)
    console.tell_video(report, with_clips=with_clips, json=config.json, plot=config.plot)
