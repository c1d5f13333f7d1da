"""`scr-live export`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from scr_live import console
from scr_live.cli.options import Threads
from scr_live.cli.signals import stop_on_signals
from scr_live.errors import EngineUnavailableError, ScrLiveError

_INTERRUPTED = 130


def export(  # noqa: PLR0913 - the options of the command
    *,
    ckpt: Annotated[
        Path,
        typer.Option(
            help="Weights (.safetensors or .pt) with their card beside them, the folder of a training run, "
            "or the name of a model of the folder `models`."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the files. Without: export/NAME here. An earlier export in it is replaced."
        ),
    ] = None,
    precision: Annotated[
        str, typer.Option(help="fp32, fp16, int8: several with commas. The fp32 file is always written.")
    ] = "fp32,fp16",
    form: Annotated[
        str,
        typer.Option(
            help="native (runs everywhere), plugin (for TensorRT). The native one is always written."
        ),
    ] = "native,plugin",
    size: Annotated[
        int | None, typer.Option(help="Side of the network's input, a multiple of 32. Without: the card's.")
    ] = None,
    batch: Annotated[int, typer.Option(help="Pictures at once; 0: any number.")] = 1,
    engine: Annotated[
        str,
        typer.Option(
            help="Also build engine files: tensorrt (needs the GPU it is for), tensorrt-rtx. "
            "Several with commas; none: no."
        ),
    ] = "none",
    calibration: Annotated[
        Path | None, typer.Option(help="Image set to calibrate int8 on; its train split if it has one.")
    ] = None,
    verify: Annotated[
        Path | None,
        typer.Option(help="Image set to compare on, Dice included; its val split if it has one."),
    ] = None,
    count: Annotated[
        int, typer.Option(help="Most pictures of --calibration, and of --verify, spread evenly over the set.")
    ] = 100,
    threads: Threads = 0,
) -> None:
    """Export a checkpoint to ONNX and engines, and prove that they compute what PyTorch does.

    A file that differs by more than its precision explains is an error, and nothing is written then.
    """
    with _missing_extra_explained():
        from scr_live.convert.command import export as run_export  # noqa: PLC0415 - needs torch
        from scr_live.convert.config import (  # noqa: PLC0415
            FORMS,
            PRECISIONS,
            ExportConfig,
            choices,
            engine_choices,
        )
        from scr_live.convert.making import Listeners  # noqa: PLC0415

    config = ExportConfig(
        ckpt=ckpt,
        out=out,
        precisions=choices("--precision", precision, PRECISIONS),
        forms=choices("--form", form, FORMS),
        engines=engine_choices(engine),
        size=size,
        batch=batch,
        calibration=calibration,
        verify=verify,
        count=count,
        threads=threads,
    )
    with stop_on_signals() as signals, console.ExportView() as view:
        listeners = Listeners(note=view.note, progress=view.update, publishing=signals.started.set)
        try:
            exported = run_export(config, listeners)
        except (ScrLiveError, RuntimeError, ImportError):
            if signals.stop.is_set() and not signals.started.is_set():
                raise KeyboardInterrupt(_INTERRUPTED) from None  # a library took it for a failure of its own
            raise
    console.tell_export(exported)


@contextmanager
def _missing_extra_explained() -> Iterator[None]:
    try:
        yield
    except ImportError as missing:
        raise EngineUnavailableError(
            f'Export needs the extra `export` ({missing}). Install it with `pip install "scr-live[export]"`.'
        ) from missing
