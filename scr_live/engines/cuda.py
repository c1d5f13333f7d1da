"""A CUDA stream with its memory and graphs, freed as a whole."""

import ctypes
from collections.abc import Callable
from contextlib import ExitStack
from types import ModuleType, TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from scr_live.errors import EngineError, EngineUnavailableError, InferenceError


class Stream:
    """One stream and everything that is made through it; closing frees all, the last first.

    Used by one thread at a time. What it has handed out must not be used after it is closed. Lack of memory
    and the like are an EngineUnavailableError; failure of work that was queued is an InferenceError.
    """

    def __init__(self, cudart: ModuleType) -> None:
        self._cudart = cudart
        self._owned = ExitStack()
        flags = cudart.cudaStreamNonBlocking
        stream = self._made(cudart.cudaStreamCreateWithFlags(flags), "making a stream")
        self._stream = stream
        self._owned.callback(cudart.cudaStreamDestroy, stream)

    @property
    def handle(self) -> int:
        """The stream as other libraries want it."""
        return int(self._stream)

    def host_array(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """An array in page-locked memory, filled with zeros: the GPU copies from and to it by itself."""
        kind = np.dtype(dtype)
        count = int(np.prod(shape, dtype=np.int64))
        address = int(
            self._made(self._cudart.cudaMallocHost(count * kind.itemsize), "allocating page-locked memory")
        )
        self._owned.callback(self._cudart.cudaFreeHost, address)
        memory = (ctypes.c_uint8 * (count * kind.itemsize)).from_address(address)
        array: NDArray[Any] = np.frombuffer(memoryview(memory), kind).reshape(shape)
        array[...] = 0
        return array

    def device_memory(self, size_bytes: int) -> int:
        """Memory on the GPU; returns its address."""
        address = int(self._made(self._cudart.cudaMalloc(size_bytes), "allocating memory on the GPU"))
        self._owned.callback(self._cudart.cudaFree, address)
        return address

    def upload(self, source: NDArray[Any], target: int) -> None:
        """Queue a copy to the GPU."""
        kind = self._cudart.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._queued(
            self._cudart.cudaMemcpyAsync(target, source.ctypes.data, source.nbytes, kind, self._stream),
            "copying to the GPU",
        )

    def download(self, source: int, target: NDArray[Any]) -> None:
        """Queue a copy from the GPU; `target` holds it once `synchronize` has returned."""
        kind = self._cudart.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._queued(
            self._cudart.cudaMemcpyAsync(target.ctypes.data, source, target.nbytes, kind, self._stream),
            "copying from the GPU",
        )

    def synchronize(self) -> None:
        """Wait until all that was queued is done."""
        self._queued(self._cudart.cudaStreamSynchronize(self._stream), "computing")

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        """Record what `work` queues, without running it; returns what queues all of it at once.

        InferenceError: something in it cannot be recorded. The stream can be used on.
        """
        cudart = self._cudart
        mode = cudart.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self._queued(cudart.cudaStreamBeginCapture(self._stream, mode), "beginning a graph")
        try:
            work()
        except BaseException:
            self._abandon_capture()
            raise
        graph = self._queued(cudart.cudaStreamEndCapture(self._stream), "recording a graph")
        try:
            ready = self._queued(cudart.cudaGraphInstantiate(graph, 0), "preparing a graph")
        finally:
            cudart.cudaGraphDestroy(graph)
        self._owned.callback(cudart.cudaGraphExecDestroy, ready)

        def replay() -> None:
            self._queued(cudart.cudaGraphLaunch(ready, self._stream), "starting a graph")

        return replay

    def close(self) -> None:
        """Wait for what runs, and free everything. Twice is once."""
        self._cudart.cudaStreamSynchronize(self._stream)
        # What the calls answer is not looked at: after a failure, which was raised, all of them repeat it.
        self._owned.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _abandon_capture(self) -> None:
        error, graph = self._cudart.cudaStreamEndCapture(self._stream)
        if error == self._cudart.cudaError_t.cudaSuccess:
            self._cudart.cudaGraphDestroy(graph)
        self._cudart.cudaGetLastError()  # else the next call answers with this one's error

    def _made(self, answer: tuple[Any, ...], doing: str) -> Any:  # noqa: ANN401 - the vendor's handles
        return self._value(answer, doing, EngineUnavailableError, "Close other programs that use the GPU, or")

    def _queued(self, answer: tuple[Any, ...], doing: str) -> Any:  # noqa: ANN401 - the vendor's handles
        return self._value(answer, doing, InferenceError, "If it happens again,")

    def _value(self, answer: tuple[Any, ...], doing: str, kind: type[EngineError], remedy: str) -> Any:  # noqa: ANN401 - the vendor's handles
        error, *values = answer
        if error == self._cudart.cudaError_t.cudaSuccess:
            return values[0] if values else None
        name = bytes(self._cudart.cudaGetErrorName(error)[1]).decode()
        text = bytes(self._cudart.cudaGetErrorString(error)[1]).decode()
        self._cudart.cudaGetLastError()
        raise kind(f"CUDA failed while {doing}: {text} ({name}). {remedy} use another engine with --engine.")
