"""int8: the convolutions of an fp32 file in 8 bits, calibrated on pictures, as many as accuracy allows."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray

from scr_live.convert.quantize_graph import read_float_model
from scr_live.convert.quantize_search import Search
from scr_live.errors import DataError, ModelError
from scr_live.files import write_bytes

Score = Callable[[Path], float]

DIFFERENCE_PER_LOSS: Final = 2.0
"""How far the answers may differ without a score, in `max_loss`: Dice loses less, errors cancel out."""


@dataclass(frozen=True, slots=True)
class Quantized:
    """What was written."""

    kept: tuple[str, ...]
    """Convolutions left in float by their weights' names, and why, the most sensitive first."""
    layers: int
    """Convolutions in int8."""
    ranges: str
    """How the ranges of the activations were chosen."""
    loss: float
    """By how much the score is lower than that of fp32; without one, the difference of the answers."""


def quantize(  # noqa: PLR0913 - each optional
    onnx_fp32: Path,
    out: Path,
    *,
    images: Sequence[NDArray[np.uint8]],
    score: Score | None = None,
    max_loss: float = 0.005,
    progress: Callable[[str], None] | None = None,
) -> Quantized:
    """Write an fp32 export in native form as int8 (QDQ), whole or not at all; equal inputs give equal bytes.

    images: (s, s, 3) RGB as the network gets them, some tens, none of them used for scoring. score: of a
    candidate file, higher is better; it is asked for the fp32 file first. max_loss: what int8 may cost, in
    units of the score; without one, see DIFFERENCE_PER_LOSS.

    ModelError: no such file can be quantised, or none is good enough. DataError: pictures of another kind.
    EngineUnavailableError: ONNX Runtime is missing.
    """
    tell = progress or _silent
    source = read_float_model(onnx_fp32)
    _check_images(images, source.size)
    limit = max_loss if score is not None else max_loss * DIFFERENCE_PER_LOSS
    with _beside(out) as candidate_path:
        scored = None if score is None else _Scored(score, onnx_fp32, candidate_path)
        search = Search(source, images, tell)
        loss_of = search.difference if scored is None else scored.loss
        for candidate in search.candidates():
            loss = loss_of(candidate.graph)
            tell(f"{len(candidate.kept)} of {len(source.layers)} convolutions in float: loss {loss:.4f}")
            if loss <= limit:
                write_bytes(out, candidate.graph.SerializeToString(deterministic=True))
                return Quantized(
                    candidate.kept, len(source.layers) - len(candidate.kept), search.ranges, loss
                )
    raise ModelError(
        f"int8 still loses {loss:.4f} with {len(candidate.kept)} of {len(source.layers)} convolutions of "
        f"{onnx_fp32} left in float, and {limit:g} are allowed. Calibrate on more pictures, of the kind "
        "that the network was trained on, or use fp16."
    )


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """A file that is gone at the end, on the disk that has to have room for the result anyway."""
    path = out.with_name(f"candidate-{out.name}")
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


class _Scored:
    """The user's score as a loss against fp32."""

    def __init__(self, score: Score, reference: Path, candidate: Path) -> None:
        self._score = score
        self._candidate = candidate
        self._reference = score(reference)

    def loss(self, graph: onnx.ModelProto) -> float:
        write_bytes(self._candidate, graph.SerializeToString(deterministic=True))
        return self._reference - self._score(self._candidate)


def _silent(text: str) -> None:
    """Tell nobody."""


def _check_images(images: Sequence[NDArray[np.uint8]], size: int) -> None:
    if not images:
        raise DataError("int8 is calibrated on pictures, and there are none. Give some tens.")
    for index, image in enumerate(images):
        if image.shape != (size, size, 3) or image.dtype != np.uint8:
            raise DataError(
                f"Picture {index} to calibrate on must be ({size}, {size}, 3) uint8, as the network gets it; "
                f"found {image.shape} {image.dtype}."
            )
