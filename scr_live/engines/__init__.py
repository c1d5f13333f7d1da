"""What runs the network: one protocol, and one function that picks the implementation."""

from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from scr_live.errors import InferenceError
from scr_live.frames import Mask


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What runs where, for the summary, the statistics and the status line."""

    backend: str
    """openvino, onnxruntime, pytorch, constant ..."""
    device: str
    precision: str
    """bf16, fp16, fp32 or int8: what the arithmetic really is."""
    input_size: int
    """s: the engine takes (s, s, 3) uint8 RGB."""
    versions: tuple[tuple[str, str], ...] = ()
    model_sha256: str = ""
    """Of the file that is run, which may be another of the same export than the one named; empty: none is."""
    reason: str = ""
    """Why this engine was picked, and what was passed over for what cause; without a full stop."""

    @property
    def kind(self) -> str:
        """What computes where and how, in words: two engines alike have the same."""
        return f"{self.backend} on {self.device} in {self.precision}"


class Engine(Protocol):
    """A context manager used by one thread at a time.

    `infer` takes an (s, s, 3) uint8 RGB image and returns an (s, s) float32 probability; the result belongs
    to the caller, the engine never writes into it again. Failure is an InferenceError, and so is its use
    after it was closed. It may be used from another thread than the one that opened it.
    """

    @property
    def info(self) -> EngineInfo:
        """What it is; it does not change."""
        ...

    def infer(self, image: NDArray[np.uint8]) -> Mask:
        """One picture in, its probability out."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def closed(backend: str) -> InferenceError:
    """What `infer` raises once the engine was closed."""
    return InferenceError(
        f"The {backend} engine is closed and cannot infer. Open it anew; this is a mistake in the program "
        "that calls it."
    )
