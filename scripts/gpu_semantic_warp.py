"""Run the compiled kernel of the semantic warp on a GPU: compare it with float64, time it, write JSON.

    PYTHONPATH=. python scripts/gpu_semantic_warp.py --out out/gpu_semantic_warp.json

Needs an NVIDIA GPU from compute capability 7.5, driver 580 or newer, numpy and cuda-bindings; no CUDA toolkit
and no TensorRT. Under `compute-sanitizer` (--samples 2) it also shows accesses out of bounds.
"""

import argparse
import ctypes
import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from scr_live.convert.semantic_warp import KERNEL_NAMES, PTX, launch
from scr_live.convert.semantic_warp.reference import rounding_bound, semantic_warp
from scr_live.gpu import find_gpu

LEVELS = {
    "lite0 at 352": [(48, 22), (48, 44), (48, 88)],
    "plain at 224": [(128, 28), (64, 56), (32, 112), (16, 224)],
    "plain at 448": [(128, 56), (64, 112), (32, 224), (16, 448)],
}
"""Channels and side of the SCMs."""

BATCHES = (1, 8)
ODD = [(2, 6, 11, 11), (3, 7, 13, 12), (1, 9, 12, 13), (1, 1, 1, 1), (2, 5, 1, 7), (1, 2, 31, 257)]
DTYPES = {"fp32": np.float32, "fp16": np.float16}
LAUNCHES_A_SAMPLE = 20
"""Launches of one graph between two events: one alone is shorter than the events' resolution."""


class DeviceKernel:
    """The compiled kernel on the first GPU. OSError, RuntimeError, ImportError: it cannot be reached."""

    def __init__(self) -> None:
        from cuda.bindings import driver  # noqa: PLC0415 - not everywhere

        self._cuda = driver
        self._owned: list[int] = []
        self._call("cuInit", 0)
        self._device = self._call("cuDeviceGet", 0)
        self._context = self._call("cuDevicePrimaryCtxRetain", self._device)
        self._call("cuCtxSetCurrent", self._context)
        self._module = self._call("cuModuleLoadData", PTX.read_bytes() + b"\0")
        self._functions = {
            precision: self._call("cuModuleGetFunction", self._module, name.encode())
            for precision, name in KERNEL_NAMES.items()
        }
        self._stream = self._call("cuStreamCreate", driver.CUstream_flags.CU_STREAM_NON_BLOCKING)
        self._events = [self._call("cuEventCreate", driver.CUevent_flags.CU_EVENT_DEFAULT) for _ in range(2)]

    @staticmethod
    def facts() -> dict[str, str]:
        """What was measured on, and what."""
        return {**asdict(find_gpu()), "ptx_sha256": hashlib.sha256(PTX.read_bytes()).hexdigest()}

    def run(self, up: NDArray[Any], low: NDArray[Any], flow: NDArray[Any], *, shift: int = 0) -> NDArray[Any]:
        """out; `shift`: elements that every tensor lies off the start of its memory."""
        out = np.full_like(low, np.nan)
        with self._memory():
            places = [self._upload(array, shift) for array in (up, low, flow, out)]
            self._call("cuCtxSynchronize")  # uploads go through another stream
            self._launch(up.shape, up.dtype, places)
            self._call("cuStreamSynchronize", self._stream)
            self._call("cuMemcpyDtoH", out.ctypes.data, places[3], out.nbytes)
        return out

    def time_us(self, shape: tuple[int, int, int, int], precision: str, *, samples: int) -> dict[str, Any]:
        """Microseconds of one launch, and of a copy within the GPU that moves as many bytes."""
        up, low, flow = tensors(shape, precision)
        moved = 3 * low.nbytes + flow.nbytes
        with self._memory():
            places = [self._upload(array, 0) for array in (up, low, flow, low)]
            source, target = self._allocate(moved // 2), self._allocate(moved // 2)
            self._call("cuCtxSynchronize")
            kernel = self._samples(lambda: self._launch(shape, low.dtype, places), samples)
            copy = self._samples(
                lambda: self._call("cuMemcpyDtoDAsync", target, source, moved // 2, self._stream), samples
            )
        return {
            "bytes_moved": moved,
            "kernel_us": percentiles(kernel),
            "copy_us": percentiles(copy),
            "kernel_over_copy": float(np.median(kernel) / np.median(copy)),
            "gigabytes_per_s": float(moved / np.median(kernel) / 1e3),
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for event in self._events:
            self._call("cuEventDestroy", event)
        self._call("cuStreamDestroy", self._stream)
        self._call("cuModuleUnload", self._module)
        self._call("cuDevicePrimaryCtxRelease", self._device)

    def _launch(self, shape: tuple[int, ...], dtype: np.dtype[Any], places: list[int]) -> None:
        batch, channels, height, width = shape
        start = launch.geometry(batch, channels, height=height, width=width)
        *inputs, out = places
        values = (*inputs, *start.args, out)
        types = (*[ctypes.c_void_p] * 3, *[ctypes.c_int] * 4, ctypes.c_void_p)
        function = self._functions["fp16" if dtype == np.float16 else "fp32"]
        self._call("cuLaunchKernel", function, *start.grid, *start.block, 0, self._stream, (values, types), 0)

    def _samples(self, work: Callable[[], object], samples: int) -> NDArray[np.float64]:
        mode = self._cuda.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
        self._call("cuStreamBeginCapture", self._stream, mode)
        for _ in range(LAUNCHES_A_SAMPLE):
            work()
        graph = self._call("cuStreamEndCapture", self._stream)
        whole = self._call("cuGraphInstantiate", graph, 0)
        first, last = self._events
        result = []
        for index in range(samples + 10):  # the first ones warm up
            self._call("cuEventRecord", first, self._stream)
            self._call("cuGraphLaunch", whole, self._stream)
            self._call("cuEventRecord", last, self._stream)
            self._call("cuEventSynchronize", last)
            if index >= 10:  # noqa: PLR2004
                elapsed_ms = self._call("cuEventElapsedTime", first, last)
                result.append(elapsed_ms * 1e3 / LAUNCHES_A_SAMPLE)
        self._call("cuGraphExecDestroy", whole)
        self._call("cuGraphDestroy", graph)
        return np.array(result)

    @contextmanager
    def _memory(self) -> Iterator[None]:
        try:
            yield
        finally:
            while self._owned:
                self._call("cuMemFree", self._owned.pop())

    def _allocate(self, count: int) -> int:
        address = int(self._call("cuMemAlloc", max(count, 1)))
        self._owned.append(address)
        return address

    def _upload(self, array: NDArray[Any], shift: int) -> int:
        place = self._allocate(array.nbytes + shift * array.itemsize) + shift * array.itemsize
        self._call("cuMemcpyHtoD", place, np.ascontiguousarray(array).ctypes.data, array.nbytes)
        return place

    def _call(self, name: str, *arguments: object) -> Any:  # noqa: ANN401 - the vendor's types
        error, *results = getattr(self._cuda, name)(*arguments)
        if error != self._cuda.CUresult.CUDA_SUCCESS:
            raise OSError(f"{name} failed: {error.name}")
        return results[0] if results else None


def tensors(
    shape: tuple[int, int, int, int], precision: str, *, flow_scale: float = 2.0, seed: int = 0
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Random up, low and flow in that precision."""
    rng = np.random.default_rng(seed)
    batch, _, height, width = shape
    dtype = DTYPES[precision]
    up, low = (rng.normal(size=shape).astype(dtype) for _ in range(2))
    flow = flow_scale * rng.normal(size=(batch, 2, height, width))
    return up, low, flow.astype(dtype)


def percentiles(values: NDArray[np.float64]) -> dict[str, float]:
    """The usual ones, rounded to nanoseconds."""
    return {f"p{percent}": round(float(np.percentile(values, percent)), 3) for percent in (50, 95, 99)}


def compare(
    kernel: DeviceKernel, shape: tuple[int, int, int, int], precision: str, *, shift: int = 0
) -> dict[str, Any]:
    """How far the GPU is from the reference, as a share of what roundings allow: at most 1 is right."""
    up, low, flow = tensors(shape, precision)
    strange = np.array([np.nan, np.inf, -np.inf, 6e4, -6e4, 0.0, -1.0, 0.5], flow.dtype)
    places = np.linspace(0, flow.size - 1, len(strange)).astype(int)
    flow.reshape(-1)[places] = strange
    out = kernel.run(up, low, flow, shift=shift)
    reference = semantic_warp(up, low, flow)
    error = np.abs(out.astype(np.float64) - reference)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.nan_to_num(error / rounding_bound(up, low, reference), nan=np.inf)
    return {
        "precision": precision,
        "shape": list(shape),
        "shift": shift,
        "max_error": float(error.max()),
        "share_of_bound": float(share.max()),
        "equal_to_rounded_reference": float((out == reference.astype(out.dtype)).mean()),
        "right": bool((error <= rounding_bound(up, low, reference)).all()),
    }


def main() -> None:
    """Compare, time, write; exit code 1 if a comparison fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True, help="JSON file")
    parser.add_argument("--samples", type=int, default=300, help="samples of each timing")
    options = parser.parse_args()
    try:
        device = DeviceKernel()
    except (ImportError, OSError, RuntimeError) as missing:
        sys.exit(f"There is no GPU to run on: {missing}")
    with device as kernel:
        compared, timed = [], []
        levels = [(name, channels, side) for name, each in LEVELS.items() for channels, side in each]
        for precision in DTYPES:
            shapes = ODD + [(2, channels, side, side) for _, channels, side in levels]
            compared += [
                compare(kernel, shape, precision, shift=shift) for shape in shapes for shift in (0, 1)
            ]
            for name, channels, side in levels:
                for batch in BATCHES:
                    shape = (batch, channels, side, side)
                    figures = kernel.time_us(shape, precision, samples=options.samples)
                    timed.append({"network": name, "precision": precision, "shape": shape, **figures})
                    print(f"{precision} {shape}: {figures['kernel_us']} copy {figures['copy_us']}")
        report = {**kernel.facts(), "compared": compared, "timed": timed}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    wrong = [each for each in compared if not each["right"]]
    print(f"{len(compared)} comparisons, {len(wrong)} wrong; {options.out}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
