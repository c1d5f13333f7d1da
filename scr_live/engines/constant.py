"""An engine without a network: it answers the same map, late or never if told so. For tests and demos."""

import time
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from scr_live.engines import EngineInfo, closed
from scr_live.errors import InferenceError
from scr_live.frames import Mask


class ConstantEngine:
    """Answers `probability` inside a disc around the middle and 0 outside it.

    `radius` is a share of the side: 0 marks nothing, 1 everything. `fail_after` answers are given, then
    every call is an InferenceError.
    """

    def __init__(
        self,
        size: int = 64,
        probability: float = 0.0,
        *,
        radius: float = 0.25,
        delay_s: float = 0.0,
        fail_after: int | None = None,
    ) -> None:
        self._info = EngineInfo(
            "constant", "none", "fp32", size, reason="named by --engine; it runs no network"
        )
        self._answer = _disc(size, radius) * np.float32(probability)
        self._delay_s = delay_s
        self._fail_after = fail_after
        self._answered = 0
        self._is_closed = False

    @property
    def info(self) -> EngineInfo:
        """What it is."""
        return self._info

    def infer(self, image: NDArray[np.uint8]) -> Mask:
        """Return the map, whatever the image; the image's shape is checked as a real engine would."""
        if self._is_closed:
            raise closed(self._info.backend)
        size = self._info.input_size
        if image.shape != (size, size, 3) or image.dtype != np.uint8:
            raise InferenceError(
                f"the constant engine takes ({size}, {size}, 3) uint8, got {image.shape} {image.dtype}; "
                "this is a mistake in the program that calls it"
            )
        if self._fail_after is not None and self._answered >= self._fail_after:
            raise InferenceError(
                f"the constant engine was told to fail after {self._fail_after} answers; leave out "
                "fail_after for one that does not"
            )
        if self._delay_s:
            time.sleep(self._delay_s)
        self._answered += 1
        return self._answer.copy()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_closed = True


def _disc(size: int, radius: float) -> Mask:
    offset = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
    inside = np.hypot(offset[:, None], offset[None, :]) < radius
    return inside.astype(np.float32)
