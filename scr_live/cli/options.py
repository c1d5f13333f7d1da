"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

from scr_live import files

Model = Annotated[
    str,
    typer.Option(
        help="A shipped model, or the path of an ONNX file or of weights (.safetensors) with the card beside "
        "it, or of the folder of a training run."
    ),
]
EngineName = Annotated[
    str,
    typer.Option(
        help="auto (the fastest that works here; it says which, and why not another), openvino, onnxruntime, "
        "tensorrt, tensorrt-rtx, pytorch or constant (a fake)."
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        help="auto (the fastest of the engine that is close to fp32), fp32, bf16, fp16 or int8. int8, and "
        "fp16 on onnxruntime and TensorRT, run a file of their own, which scr-live export writes beside the "
        "fp32 one."
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option(help="Probability from which a pixel is marked. Without: the model card's."),
]
Threads = Annotated[
    int, typer.Option(min=0, help="CPU threads of the engine, up to 4 a core; 0: it decides.")
]
Json = Annotated[Path | None, typer.Option(help="Write all figures to this JSON file.")]


def dated(path: Path | None) -> Path | None:
    """Put the time of the start for {time}: a service that is started anew records to a new file."""
    return None if path is None else files.dated(path)
