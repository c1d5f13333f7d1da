"""`python -m scr_live.convert`: export trained weights to ONNX and prove that they compute the same."""

import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from scr_live.errors import DataError, EngineUnavailableError, ScrLiveError
from scr_live.evaluation.image_sets import find_entries, read_image
from scr_live.geometry import shrink
from scr_live.shipped import read_model


def main(
    *,
    weights: Annotated[Path, typer.Option(help=".safetensors file with its card beside it.")],
    out: Annotated[Path, typer.Option(help="Folder for the ONNX file, card.json and manifest.json.")],
    verify: Annotated[
        Path | None, typer.Option(help="Image set whose pictures the export is compared on, besides noise.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="How many pictures of the set to compare.")] = 20,
) -> None:
    """Export SCR-Net to ONNX, preprocessing and sigmoid inside."""
    try:
        from scr_live.convert.to_onnx import export_onnx  # noqa: PLC0415 - needs torch, --help does not
        from scr_live.network.weights import read_network  # noqa: PLC0415
    except ImportError as missing:
        raise EngineUnavailableError(
            f'Export needs the extra `train` ({missing}). Install it with `pip install "scr-live[train]"`.'
        ) from missing
    if not weights.is_file():
        raise DataError(f"No weights at {weights}. Expected a .safetensors file with card.json beside it.")
    model = read_model(weights)
    size = model.card.input_size
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (size, size, 3), dtype=np.uint8) for _ in range(4)]
    if verify is not None:
        images += [shrink(read_image(entry.image), size) for entry in find_entries(verify, None)[:count]]
    network = read_network(model.path, model.card)
    for name, parity in export_onnx(network, model.card, folder=out, images=images).items():
        typer.echo(
            f"{name}: {parity.images} pictures, largest difference {parity.max_error:.2g}, mean "
            f"{parity.mean_error:.2g}, pixels that flip {parity.flipped_share:.2%}"
        )


if __name__ == "__main__":
    try:
        typer.run(main)
    except ScrLiveError as problem:
        typer.echo(f"Error: {problem}", err=True)
        sys.exit(problem.exit_code)
