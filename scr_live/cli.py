"""The command line: parse, build, call. How things are told is in scr_live.console."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

import scr_live
from scr_live import console
from scr_live.errors import OptionError, ScrLiveError
from scr_live.shipped import DEFAULT_MODEL

if TYPE_CHECKING:
    from scr_live.app import Started

app = typer.Typer(
    name="scr-live",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Model = Annotated[
    str, typer.Option(help="A shipped model, or the path of an ONNX file with its card beside it.")
]
EngineName = Annotated[str, typer.Option(help="auto, openvino, onnxruntime, pytorch or constant (a fake).")]
Precision = Annotated[str, typer.Option(help="auto, f32, bf16 or f16.")]
Threshold = Annotated[
    float | None,
    typer.Option(help="Probability from which a pixel is marked. Without: the model card's."),
]
Threads = Annotated[
    int, typer.Option(min=0, help="CPU threads of the engine, up to 4 a core; 0: it decides.")
]


def main() -> int:
    """Run the command line. A user's mistake ends in one paragraph and exit code 1 or 2."""
    console.print_any_name()
    try:
        app()
    except ScrLiveError as error:
        console.tell_error(error)
        return error.exit_code
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


@app.callback(invoke_without_command=True)
def version_option(
    *, version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False
) -> None:
    """Mark polyps on colonoscopy video in real time with SCR-Net.

    Research software, not a medical device.
    """
    if version:
        typer.echo(f"scr-live {scr_live.__version__}")
        raise typer.Exit


@app.command()
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
    with _stop_on_signals() as signals, console.RunView() as view:

        def started(facts: "Started") -> None:
            signals.started.set()
            view.started(facts)

        outcome = run_video(
            config,
            started=started,
            progress=view.progress,
            stop=signals.stop,
        )
    console.tell_outcome(outcome)
    if outcome.failure is not None:
        raise outcome.failure


@app.command()
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


@app.command()
def doctor() -> None:
    """Say what is installed and which engines and encoders work on this machine."""
    from scr_live.diagnosis import diagnose  # noqa: PLC0415 - keeps --help quick

    checks = list(diagnose())
    console.tell_checks(checks)
    if any(check.needed and not check.works for check in checks):
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class _Signals:
    started: threading.Event = field(default_factory=threading.Event)
    """Set by the run once there is something to be finished."""
    stop: threading.Event = field(default_factory=threading.Event)


@contextmanager
def _stop_on_signals() -> Iterator[_Signals]:
    """The first Ctrl-C, SIGTERM or closed terminal asks for the end and lets the recording be finished.

    The second interrupts, as the first does before anything has started; the third ends the process. The
    exit code is then 128 and the signal's number, as in a shell.
    """
    signals = _Signals()

    def ask(number: int, _frame: FrameType | None) -> None:
        insists = signals.stop.is_set() or not signals.started.is_set()
        signals.stop.set()
        if insists:
            signal.signal(number, signal.SIG_DFL)
            raise KeyboardInterrupt(128 + number)  # no Exception: nobody on the way may take it for his own

    numbers = [signal.SIGINT, signal.SIGTERM]
    hang_up = getattr(signal, "SIGHUP", None)  # not on Windows
    if hang_up is not None and signal.getsignal(hang_up) is not signal.SIG_IGN:  # nohup has it ignored
        numbers.append(hang_up)
    previous = {number: signal.signal(number, ask) for number in numbers}
    try:
        yield signals
    except KeyboardInterrupt as interrupt:
        raise typer.Exit(*interrupt.args) from interrupt
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
