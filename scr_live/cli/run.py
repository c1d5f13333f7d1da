"""`scr-live run`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from scr_live import console
from scr_live.cli.config import Config
from scr_live.cli.options import EngineName, Model, Precision, Threads, Threshold
from scr_live.cli.signals import FORCE_AFTER_S, stop_on_signals
from scr_live.console.output import say
from scr_live.errors import OptionError
from scr_live.shipped import DEFAULT_MODEL

if TYPE_CHECKING:
    from scr_live.app import Started


def run(  # noqa: PLR0913 - the options of the command
    *,
    source: Annotated[
        str,
        typer.Option(
            help="Video file; camera (0, /dev/video0); rtsp://, http://, udp:// or srt:// address; folder or "
            "'glob*.png' of images; phantom (a synthetic colonoscopy)."
        ),
    ],
    record: Annotated[Path | None, typer.Option(help="Write the annotated video to this .mp4 file.")] = None,
    model: Model = DEFAULT_MODEL,
    engine: EngineName = "auto",
    precision: Precision = "auto",
    threads: Threads = 0,
    threshold: Threshold = None,
    display: Annotated[bool, typer.Option(help="Show a window.")] = True,
    stats: Annotated[Path | None, typer.Option(help="Write figures of the run to this JSON file.")] = None,
    max_frames: Annotated[int | None, typer.Option(help="Stop after so many frames.")] = None,
    loop: Annotated[bool, typer.Option("--loop", help="Start a file over at its end.")] = False,
    realtime: Annotated[
        bool, typer.Option("--realtime", help="Play a file at its own pace, as if it were a camera.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing recording.")] = False,
    encoder: Annotated[str, typer.Option(help="H.264 encoder of the recording.")] = "auto",
    quality: Annotated[int, typer.Option(help="Constant quality of the recording, 0 (best) to 51.")] = 20,
    max_overlay_age: Annotated[
        float, typer.Option(help="Live: seconds after which marks of an earlier frame are not drawn.")
    ] = 0.12,
    size: Annotated[str | None, typer.Option(help="Camera: picture size, such as 1280x720.")] = None,
    fps: Annotated[float | None, typer.Option(help="Camera: rate to ask for. Images: rate to play.")] = None,
    pixel_format: Annotated[str | None, typer.Option(help="Camera: such as mjpeg or yuyv422.")] = None,
    transport: Annotated[str, typer.Option(help="RTSP: tcp or udp.")] = "tcp",
    open_timeout: Annotated[float, typer.Option(help="Seconds to wait for a source to open.")] = 10.0,
    read_timeout: Annotated[float, typer.Option(help="Seconds to wait for the next frame.")] = 5.0,
    exit_with_parent: Annotated[
        bool,
        typer.Option("--exit-with-parent", help="End, in good order, when the program that started it ends."),
    ] = False,
    config_file: Config = None,  # noqa: ARG001 - its callback has made defaults of what it holds
) -> None:
    """Mark polyps on a video, show it and record it."""
    from scr_live.app import RunConfig, run_video  # noqa: PLC0415 - keeps --help quick
    from scr_live.sources.options import SourceOptions  # noqa: PLC0415

    if transport not in ("tcp", "udp"):
        raise OptionError(f"--transport must be tcp or udp; found {transport!r}.")
    config = RunConfig(
        source=source,
        source_options=SourceOptions(
            loop=loop,
            realtime=realtime,
            size=size,
            fps=fps,
            pixel_format=pixel_format,
            transport=cast("Literal['tcp', 'udp']", transport),
            open_timeout_s=open_timeout,
            read_timeout_s=read_timeout,
        ),
        record=record,
        force=force,
        encoder=encoder,
        quality=quality,
        model=model,
        engine=engine,
        precision=precision,
        threads=threads,
        threshold=threshold,
        display=display,
        stats=stats,
        max_frames=max_frames,
        max_overlay_age_s=max_overlay_age,
    )
    stopping = stop_on_signals(force_after_s=FORCE_AFTER_S, with_parent=exit_with_parent)
    with stopping as signals, console.RunView() as view:

        def started(facts: "Started") -> None:
            signals.started.set()
            view.started(facts)

        outcome = run_video(
            config,
            started=started,
            progress=view.progress,
            stop=signals.stop,
            tell=say,
        )
    console.tell_outcome(outcome)
    if outcome.failure is not None:
        raise outcome.failure
