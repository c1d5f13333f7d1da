"""`scr-live bench`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scr_live import console
from scr_live.cli.options import Threads
from scr_live.errors import OptionError, ScrLiveError
from scr_live.shipped import DEFAULT_MODEL

if TYPE_CHECKING:
    from scr_live.bench.config import BenchConfig


def bench(  # noqa: PLR0913 - the options of the command
    *,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="A shipped model, or the path of an ONNX file with its card beside it; without a card it is "
            "fed with what it takes, and its answer is not read. May be repeated."
        ),
    ] = None,
    engine: Annotated[
        str, typer.Option(help="Engines of `run`, separated by commas: openvino,onnxruntime.")
    ] = "auto",
    precision: Annotated[
        str, typer.Option(help="Precisions of `run`, separated by commas: fp32,int8.")
    ] = "auto",
    size: Annotated[
        str | None,
        typer.Option(help="Sides of the network's input, separated by commas, for files that leave it open."),
    ] = None,
    threads: Threads = 0,
    seconds: Annotated[
        float, typer.Option(help="How long the rounds go on; opening and floors come on top.")
    ] = 60.0,
    rounds: Annotated[int | None, typer.Option(help="So many rounds, whatever the time.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the order in the rounds.")] = 0,
    frame: Annotated[str, typer.Option(help="Size of the pictures, such as 1280x720.")] = "1920x1080",
    throughput: Annotated[
        bool, typer.Option(help="Also measure several requests in flight, one engine a thread.")
    ] = True,
    memory: Annotated[
        bool, typer.Option(help="Also measure memory, each engine in a process of its own.")
    ] = True,
    floor: Annotated[
        bool, typer.Option(help="Also measure what the machine could do, and how far the network is from it.")
    ] = True,
    layers: Annotated[
        bool, typer.Option("--layers", help="Show the floor of each heavy layer, not of the network alone.")
    ] = False,
    pipeline: Annotated[
        str | None,
        typer.Option(
            metavar="CLIP",
            help="Measure the whole path of this clip instead (or of phantom:..., rendered before): where "
            "each millisecond of a core goes.",
        ),
    ] = None,
    realtime: Annotated[
        bool, typer.Option("--realtime", help="With --pipeline: at the clip's own pace, as if live.")
    ] = False,
    json: Annotated[Path | None, typer.Option(help="Write all figures to this JSON file.")] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the distributions on this .png or .svg (extra report).")
    ] = None,
) -> None:
    """Measure speed side by side in interleaved rounds: ratios, percentiles, distance to the machine's limit.

    Every model in every engine and precision; what cannot run is told with its reason.
    """
    from scr_live.bench.config import BenchConfig, check  # noqa: PLC0415 - keeps --help quick

    config = BenchConfig(
        models=tuple(model or [DEFAULT_MODEL]),
        engines=_names(engine),
        precisions=_names(precision),
        sizes=(None,) if size is None else tuple(_side("--size", one) for one in _names(size)),
        threads=threads,
        seconds=seconds,
        rounds=rounds,
        seed=seed,
        frame=_frame(frame),
        has_throughput=throughput,
        has_memory=memory,
        has_floor=floor,
        has_layers=layers,
        pipeline=pipeline,
        is_realtime=realtime,
        json=json,
        plot=plot,
    )
    check(config)
    if pipeline is None:
        _measure_engines(config)
    else:
        _measure_paths(config, pipeline)


def _measure_engines(config: "BenchConfig") -> None:
    from scr_live.bench.command import measure_engines  # noqa: PLC0415 - keeps --help quick
    from scr_live.files import write_json  # noqa: PLC0415

    with console.BenchView() as view:
        report = measure_engines(config, progress=view.progress, tell=view.note)
    if config.json is not None:
        write_json(config.json, report.as_dict())
    if config.plot is not None and report.first is not None:
        from scr_live.bench.plot import write_plot  # noqa: PLC0415 - an extra

        write_plot(config.plot, report)
    console.tell_bench(report)
    if report.first is None:
        raise ScrLiveError("Nothing could be measured: the reasons stand above. See `scr-live doctor`.")


def _measure_paths(config: "BenchConfig", clip: str) -> None:
    from scr_live.bench.paths import measure_paths  # noqa: PLC0415 - keeps --help quick
    from scr_live.files import write_json  # noqa: PLC0415
    from scr_live.heap import keep_memory_level  # noqa: PLC0415

    keep_memory_level()  # as `run` does
    with console.BenchView() as view:
        report = measure_paths(config, clip, progress=view.progress, tell=view.note)
    if config.json is not None:
        write_json(config.json, report.as_dict())
    console.tell_paths(report, json=config.json)
    if not any(path.is_measured for path in report.paths):
        raise ScrLiveError("Nothing could be measured: the reasons stand above. See `scr-live doctor`.")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


def _side(option: str, text: str) -> int:
    if not text.isdecimal():
        raise OptionError(f"{option} must be whole numbers, separated by commas; found {text!r}.")
    return int(text)


def _frame(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise OptionError(f"--frame must be WIDTHxHEIGHT, such as 1280x720; found {text!r}.")
    return int(width), int(height)
