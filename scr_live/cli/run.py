"""`scr-live run`."""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from scr_live import console
from scr_live.cli.alert_rules import MEASURED
from scr_live.cli.config import Config
from scr_live.cli.options import EngineName, Model, Precision, Threads, Threshold, dated
from scr_live.cli.recording import (
    Encoder,
    Force,
    KeepMargins,
    Quality,
    Record,
    RecordFallback,
    RecordRaw,
    RecordSafety,
    RecordTo,
    SegmentLength,
    later_recordings,
)
from scr_live.cli.serving import Serve, ServeTokenFile, TlsCert, TlsKey, served
from scr_live.cli.signals import FORCE_AFTER_S, stop_on_signals
from scr_live.errors import OptionError
from scr_live.events import Journal
from scr_live.heap import keep_memory_level
from scr_live.service import notifier_for
from scr_live.shipped import DEFAULT_MODEL

if TYPE_CHECKING:
    from scr_live.app import Started
    from scr_live.pipeline.stats import Progress

_SOURCE = "The source"
_LOSS = "When something fails"
_SIGHTINGS = "Sightings"
_SERVICE = "As a service"


def run(  # noqa: PLR0913 - the options of the command
    *,
    source: Annotated[
        str,
        typer.Option(
            help="Video file; camera (0, /dev/video0); rtsp://, http://, udp:// or srt:// address; folder or "
            "'glob*.png' of images; phantom (a synthetic colonoscopy)."
        ),
    ],
    model: Model = DEFAULT_MODEL,
    engine: EngineName = "auto",
    precision: Precision = "auto",
    threads: Threads = 0,
    threshold: Threshold = None,
    display: Annotated[bool, typer.Option(help="Show a window.")] = True,
    stats: Annotated[
        Path | None, typer.Option(help="Write figures of the run to this JSON file; {time} as for --record.")
    ] = None,
    max_frames: Annotated[int | None, typer.Option(help="Stop after so many frames.")] = None,
    record: Record = None,
    record_to: RecordTo = None,
    record_raw: RecordRaw = None,
    keep_margins: KeepMargins = False,
    force: Force = False,
    segment: SegmentLength = None,
    record_safety: RecordSafety = "second",
    record_fallback: RecordFallback = None,
    encoder: Encoder = "auto",
    quality: Quality = 20,
    tracking: Annotated[
        bool,
        typer.Option(
            help="Follow regions from frame to frame: steadier marks, sightings with a number.",
            rich_help_panel=_SIGHTINGS,
        ),
    ] = True,
    alert_after: Annotated[
        float,
        typer.Option(
            help=f"Seconds that a region has to be seen before it is announced.\n\n{MEASURED}",
            rich_help_panel=_SIGHTINGS,
        ),
    ] = 0.5,
    faint: Annotated[
        bool,
        typer.Option(help="Draw what is not announced yet, faintly.", rich_help_panel=_SIGHTINGS),
    ] = True,
    events: Annotated[
        Path | None,
        typer.Option(
            help="Write what happens to this .jsonl file, one JSON object a line, and pictures of the "
            "sightings beside it; {time} as for --record.",
            rich_help_panel=_SIGHTINGS,
        ),
    ] = None,
    loop: Annotated[
        bool, typer.Option("--loop", help="Start a file over at its end.", rich_help_panel=_SOURCE)
    ] = False,
    realtime: Annotated[
        bool,
        typer.Option(
            "--realtime", help="Play a file at its own pace, as if it were a camera.", rich_help_panel=_SOURCE
        ),
    ] = False,
    size: Annotated[
        str | None, typer.Option(help="Camera: picture size, such as 1280x720.", rich_help_panel=_SOURCE)
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(help="Camera: rate to ask for. Images: rate to play.", rich_help_panel=_SOURCE),
    ] = None,
    pixel_format: Annotated[
        str | None, typer.Option(help="Camera: such as mjpeg or yuyv422.", rich_help_panel=_SOURCE)
    ] = None,
    transport: Annotated[str, typer.Option(help="RTSP: tcp or udp.", rich_help_panel=_SOURCE)] = "tcp",
    decoder: Annotated[
        str,
        typer.Option(
            help="Files and streams: software, auto (a device that decodes here, if there is one), or one "
            "such as cuda: `scr-live doctor` names those that work.",
            rich_help_panel=_SOURCE,
        ),
    ] = "software",
    on_loss: Annotated[
        str,
        typer.Option(
            help="A camera or stream that is lost: wait (say so in the picture, and reconnect) or exit.",
            rich_help_panel=_LOSS,
        ),
    ] = "wait",
    open_timeout: Annotated[
        float, typer.Option(help="Seconds to wait for a source to open at first.", rich_help_panel=_LOSS)
    ] = 10.0,
    read_timeout: Annotated[
        float,
        typer.Option(help="Seconds without a frame after which a source is lost.", rich_help_panel=_LOSS),
    ] = 0.9,
    isolate: Annotated[
        bool | None,
        typer.Option(
            help="Run the model in a process of its own, so that nothing it does holds up the video. "
            "Without: for live sources alone.",
            rich_help_panel=_LOSS,
        ),
    ] = None,
    ai_timeout: Annotated[
        float,
        typer.Option(
            help="Seconds after which an isolated model that does not answer is replaced.",
            rich_help_panel=_LOSS,
        ),
    ] = 10.0,
    max_overlay_age: Annotated[
        float,
        typer.Option(
            help="Live: seconds after which the marks of an earlier frame, which move with the picture, "
            "are not drawn any more.",
            rich_help_panel=_LOSS,
        ),
    ] = 0.3,
    serve: Serve = None,
    serve_token_file: ServeTokenFile = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    log_format: Annotated[
        str,
        typer.Option(
            help="text, or json: one object a line on standard output, for programs.",
            rich_help_panel=_SERVICE,
        ),
    ] = "text",
    exit_with_parent: Annotated[
        bool,
        typer.Option(
            "--exit-with-parent",
            help="End, in good order, when the program that started it ends.",
            rich_help_panel=_SERVICE,
        ),
    ] = False,
    config_file: Config = None,  # noqa: ARG001 - its callback has made defaults of what it holds
) -> None:
    """Mark polyps on a video, show it and record it."""
    keep_memory_level()
    from scr_live.app import RunConfig, run_video  # noqa: PLC0415 - keeps --help quick
    from scr_live.sinks.options import RecorderOptions, Safety, parse_segment  # noqa: PLC0415
    from scr_live.sources.options import SourceOptions  # noqa: PLC0415

    _check_word("--log-format", log_format, ("text", "json"))
    config = RunConfig(
        source=source,
        source_options=SourceOptions(
            loop=loop,
            realtime=realtime,
            size=size,
            fps=fps,
            pixel_format=pixel_format,
            transport=cast("Literal['tcp', 'udp']", transport),
            decoder=decoder,
            open_timeout_s=open_timeout,
            read_timeout_s=read_timeout,
            on_loss=cast("Literal['wait', 'exit']", on_loss),
        ),
        record=dated(record),
        record_later=later_recordings(record, record_to),
        record_raw=dated(record_raw),
        keep_margins=keep_margins,
        recording=RecorderOptions(
            encoder=encoder,
            quality=quality,
            force=force,
            safety=cast("Safety", record_safety),
            segment=None if segment is None else parse_segment(segment),
            fallback=record_fallback,
        ),
        model=model,
        engine=engine,
        precision=precision,
        threads=threads,
        isolate=isolate,
        ai_timeout_s=ai_timeout,
        threshold=threshold,
        display=display,
        stats=dated(stats),
        max_frames=max_frames,
        max_overlay_age_s=max_overlay_age,
        tracking=tracking,
        alert_after_s=alert_after,
        faint=faint,
        events=dated(events),
        serve=served(serve, serve_token_file, tls_cert, tls_key),
    )
    with ExitStack() as stack:
        view: console.JsonView | console.RunView
        view = console.JsonView() if log_format == "json" else console.RunView()
        stack.enter_context(view)
        signals = stack.enter_context(
            stop_on_signals(force_after_s=FORCE_AFTER_S, with_parent=exit_with_parent)
        )
        notifier = stack.enter_context(notifier_for(os.environ))

        def started(facts: "Started") -> None:
            signals.started.set()
            view.started(facts)
            notifier.ready(facts.source.name)

        def progress(now: "Progress") -> None:
            view.progress(now)
            notifier.alive(now.composed)
            notifier.status(_status_line(now))
            if signals.stop.is_set():
                notifier.stopping()

        outcome = run_video(
            config,
            started=started,
            progress=progress,
            stop=signals.stop,
            tell=view.note,
            journal=Journal(view.heard),
            ended=view.tell_outcome,
        )
        if outcome.failure is not None:
            raise outcome.failure


def _status_line(now: "Progress") -> str:
    """One line for whoever asks the service manager."""
    age = "" if now.marks_age_s is None else f", marks {1000 * now.marks_age_s:.0f} ms old"
    return f"{now.fps:.0f} frames a second; {now.status or now.ai}{age}"


def _check_word(option: str, word: str, words: tuple[str, ...]) -> None:
    if word not in words:
        raise OptionError(f"{option} must be {' or '.join(words)}; found {word!r}.")
