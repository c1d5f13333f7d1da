"""What this machine reaches: multiply-adds a second in large products, bytes a second in copies.

The limits that a network is held against are measured, not read from a data sheet: with the same library,
precision and number of threads, and in the same rounds as the networks. The best that was ever seen counts.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from scr_live.engines.openvino import settings_for, shared_core  # before openvino: it hides its telemetry

if TYPE_CHECKING:
    import openvino

FLOATS: Final = ("fp32", "bf16", "fp16")

_PRODUCTS: Final = (512, 768)  # sides of square matrices
_CONVOLUTIONS: Final = ((64, 56), (256, 28))  # channels in and out, side; 3 x 3
_WARM_UPS, _TIMES = 2, 3
_COPIED_BYTES: Final = tuple(
    1 << power for power in range(17, 28, 2)
)  # 128 KB to 128 MB, from caches to memory
_COPY_S: Final = 0.01
_COPY_TIMES: Final = 5


_Operation: TypeAlias = "tuple[openvino.Model, tuple[int, ...], int]"
"""A graph, the shape of its input, its multiply-adds."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A compiled graph of one large operation."""

    name: str
    macs: int
    run: Callable[[], object]


class PeakProbes:
    """Large products and convolutions in one precision; a contestant of `rounds.play`."""

    def __init__(
        self, precision: str, threads: int, *, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._probes = _probes(precision, threads)
        self._clock = clock
        self.best: dict[str, float] = {}
        """Multiply-adds a second of each probe, the best so far."""

    def turn(self) -> None:
        """Run each a few times."""
        for probe in self._probes:
            for _ in range(_WARM_UPS):
                probe.run()
            for _ in range(_TIMES):
                began_at = self._clock()
                probe.run()
                rate = probe.macs / max(self._clock() - began_at, 1e-9)
                self.best[probe.name] = max(rate, self.best.get(probe.name, 0.0))

    @property
    def peak(self) -> float:
        """The best of all, in multiply-adds a second; 0 before the first turn."""
        return max(self.best.values(), default=0.0)


class Bandwidth:
    """Bytes read and written a second by copying as many as `size`, over and over, in so many threads.

    What fits into a cache is copied from there, so a small layer is not held against the memory.
    """

    def __init__(self, rates: Mapping[int, float]) -> None:
        self.rates = dict(sorted(rates.items()))

    def at(self, size: float) -> float:
        """The best rate of this and of all larger sizes; beyond the largest that of the largest."""
        larger = [rate for bytes_, rate in self.rates.items() if bytes_ >= size]
        return max(larger) if larger else next(reversed(self.rates.values()))


def measure_bandwidth(threads: int, *, sizes: Sequence[int] = _COPIED_BYTES) -> Bandwidth:
    """Copy blocks of these sizes (read and written together), and keep the best rate of each."""
    with ThreadPoolExecutor(threads, "copy") as pool:
        return Bandwidth({size: _copy_rate(pool, threads, size) for size in sizes})


def _copy_rate(pool: ThreadPoolExecutor, threads: int, size: int) -> float:
    words = max(1, size // 2 // threads // 4)
    pairs = [(np.ones(words, np.float32), np.ones(words, np.float32)) for _ in range(threads)]
    moved = 2 * 4 * words * threads
    times = max(1, round(_COPY_S * 20e9 / moved))

    def copy(pair: tuple[Any, Any]) -> None:
        for _ in range(times):
            np.copyto(pair[1], pair[0])

    best = 0.0
    for _ in range(_COPY_TIMES):
        began_at = time.perf_counter()
        list(pool.map(copy, pairs))
        best = max(best, times * moved / max(time.perf_counter() - began_at, 1e-9))
    return best


def _probes(precision: str, threads: int) -> list[Probe]:
    probes = [
        _probe(
            f"convolution {channels} channels {side} x {side}",
            _convolution(channels, side, is_int8=precision == "int8"),
            precision,
            threads,
        )
        for channels, side in _CONVOLUTIONS
    ]
    if precision in FLOATS:
        probes += [_probe(f"matrix product {side}", _product(side), precision, threads) for side in _PRODUCTS]
    return probes


def _probe(name: str, operation: "_Operation", precision: str, threads: int) -> Probe:
    graph, shape, macs = operation
    settings = settings_for(precision if precision in FLOATS else "fp32", threads)
    request = shared_core().compile_model(graph, "CPU", settings).create_infer_request()
    values = np.random.default_rng(0).random(shape, np.float32)
    return Probe(name, macs, lambda: request.infer([values]))


def _product(side: int) -> "_Operation":
    """(side, side) times a constant of the same; its answer is reduced, so that it need not be copied out."""
    import openvino  # noqa: PLC0415 - see above
    from openvino import opset13 as opset  # noqa: PLC0415

    shape = (side, side)
    left = opset.parameter(shape, np.float32)
    right = opset.constant(np.random.default_rng(1).random(shape, np.float32))
    product = opset.matmul(left, right, transpose_a=False, transpose_b=False)
    reduced = opset.reduce_max(product, opset.constant(np.array([0, 1])))
    return openvino.Model([reduced], [left], "product"), shape, side**3


def _convolution(channels: int, side: int, *, is_int8: bool) -> "_Operation":
    """3 x 3, as many channels in as out; int8: quantised as the export does, unsigned in, signed weights."""
    import openvino  # noqa: PLC0415 - see above
    from openvino import opset13 as opset  # noqa: PLC0415

    shape = (1, channels, side, side)
    image = opset.parameter(shape, np.float32)
    weights = np.random.default_rng(1).random((channels, channels, 3, 3), np.float32) - np.float32(0.5)
    taken, kernel = image, opset.constant(weights)
    if is_int8:
        low, zero, high = np.float32(-1), np.float32(0), np.float32(1)
        taken = opset.fake_quantize(image, zero, high, zero, high, 256)
        kernel = opset.fake_quantize(kernel, low, high, low, high, 255)
    answer = opset.convolution(taken, kernel, [1, 1], [1, 1], [1, 1], [1, 1])
    reduced = opset.reduce_mean(answer, opset.constant(np.array([2, 3])), keep_dims=True)
    return openvino.Model([reduced], [image], "convolution"), shape, channels * channels * 9 * side * side
