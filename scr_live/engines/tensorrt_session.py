"""One engine of TensorRT or TensorRT-RTX, loaded: its buffers, its context and its CUDA graph."""

import contextlib
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scr_live.convert.to_tensorrt import MessageLog, as_logger
from scr_live.engines.cuda import Stream
from scr_live.engines.engine_cache import CachedEngine
from scr_live.errors import EngineUnavailableError, InferenceError, OutputUnwritableError
from scr_live.file_lock import locked
from scr_live.files import make_folder, write_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

WARM_UP_RUNS = 2
"""TensorRT wants one before a graph is recorded; the second shows that nothing is still being set up."""


class Session:
    """Runs a serialised engine with one input and one output on one stream; closing frees everything.

    jit_cache: where TensorRT-RTX keeps what it compiles for this GPU; it is read, and written if it grew.
    """

    def __init__(
        self,
        library: ModuleType,
        cudart: ModuleType,
        *,
        engine: CachedEngine,
        title: str,
        jit_cache: Path | None = None,
    ) -> None:
        self._trt, self._title = library, title
        self._log = MessageLog()
        self._logger = as_logger(library, self._log)
        self._runtime = library.Runtime(self._logger)
        self._engine = self._loaded(engine)
        self._arrays: dict[str, NDArray[Any]] = {}
        self._addresses: dict[str, int] = {}
        with contextlib.ExitStack() as undo:
            self._stream = undo.enter_context(Stream(cudart))
            self._context = self._make_context(jit_cache)
            self._bind()
            self._replay: Callable[[], None] | None = None
            self.said = self._warm_up()
            """How it runs: as a graph, or why not."""
            self._keep_jit(jit_cache)
            undo.pop_all()

    @property
    def inputs(self) -> list[tuple[tuple[int, ...], str]]:
        """Shape and dtype of the inputs, in numpy's words."""
        return [(self._arrays[name].shape, str(self._arrays[name].dtype)) for name in self._inputs]

    def run(self, network_input: NDArray[Any]) -> NDArray[Any]:
        """Copy in, compute, copy out. The result is overwritten by the next run: the caller copies it."""
        self._arrays[self._inputs[0]][...] = network_input
        (self._replay or self._enqueue)()
        self._stream.synchronize()
        return self._arrays[self._outputs[0]]

    def close(self) -> None:
        """Free all memory, of the GPU and page-locked. Call it once; nothing works afterwards."""
        self._arrays.clear()
        self._stream.close()  # the graph goes before what it runs
        del self._replay, self._context, self._jit, self._engine, self._runtime

    def _loaded(self, found: CachedEngine) -> Any:  # noqa: ANN401 - a class of the vendor's
        reason = self._invalidity(found.plan)
        engine = None if reason else self._runtime.deserialize_cuda_engine(found.plan)
        if engine is None:
            raise EngineUnavailableError(
                f"{self._title} cannot load {found.path} on this GPU: "
                f"{reason or _stated(self._log.complaint)}. "
                "Delete this file, and the engine is built anew; or use --engine openvino."
            )
        return engine

    def _invalidity(self, plan: bytes) -> str:
        """What TensorRT-RTX finds wrong by looking at the engine's header; empty: nothing."""
        if not hasattr(self._runtime, "get_engine_validity"):
            return ""
        validity, found = self._runtime.get_engine_validity(plan)
        if validity != self._trt.EngineValidity.INVALID:
            return ""
        names = self._trt.EngineInvalidityDiagnostics.__members__
        reasons = [name.replace("_", " ").lower() for name, bit in names.items() if int(bit) & int(found)]
        return ", ".join(reasons) or "it is not valid here"

    def _make_context(self, jit_cache: Path | None) -> Any:  # noqa: ANN401
        self._jit = None
        if jit_cache is None or not hasattr(self._trt, "IRuntimeCache"):
            context = self._engine.create_execution_context()
        else:
            settings = self._engine.create_runtime_config()
            self._jit = settings.create_runtime_cache()
            with contextlib.suppress(OSError):  # there is none yet
                self._jit.deserialize(jit_cache.read_bytes())  # one of another driver is refused, and remade
            settings.set_runtime_cache(self._jit)
            context = self._engine.create_execution_context(settings)
        if context is None:
            raise EngineUnavailableError(
                f"{self._title} cannot prepare its engine: {_stated(self._log.complaint)}. Close other "
                "programs that use the GPU, or use --engine openvino."
            )
        return context

    def _bind(self) -> None:
        """Give every input and output its memory, once and for all."""
        engine, modes = self._engine, self._trt.TensorIOMode
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        self._inputs = [name for name in names if engine.get_tensor_mode(name) == modes.INPUT]
        self._outputs = [name for name in names if engine.get_tensor_mode(name) == modes.OUTPUT]
        for name in names:
            shape = tuple(engine.get_tensor_shape(name))
            if min(shape, default=1) < 1:
                raise EngineUnavailableError(
                    f"The engine leaves the size of {name} open ({shape}); expected a fixed one. Build it "
                    "again with scr-live, which fixes it."
                )
            array = self._stream.host_array(shape, np.dtype(self._trt.nptype(engine.get_tensor_dtype(name))))
            self._arrays[name] = array
            self._addresses[name] = self._stream.device_memory(array.nbytes)
            self._context.set_tensor_address(name, self._addresses[name])

    def _enqueue(self) -> None:
        for name in self._inputs:
            self._stream.upload(self._arrays[name], self._addresses[name])
        if not self._context.execute_async_v3(self._stream.handle):
            raise InferenceError(
                f"{self._title} failed: {_stated(self._log.latest_complaint)}. If it happens again, use "
                "another engine with --engine."
            )
        for name in self._outputs:
            self._stream.download(self._addresses[name], self._arrays[name])

    def _warm_up(self) -> str:
        """Run, then record copies and network as one graph, which the CPU starts with a single call."""
        for _ in range(WARM_UP_RUNS):
            self._enqueue()
            self._stream.synchronize()
        capturable = getattr(self._context, "is_stream_capturable", None)
        if capturable is not None and not capturable(self._stream.handle):
            return f"without a CUDA graph, which {self._title} does not allow for this engine"
        try:
            replay = self._stream.capture(self._enqueue)
            replay()
            self._stream.synchronize()
        except InferenceError as error:
            return f"without a CUDA graph, which could not be recorded ({error})"
        self._replay = replay
        return "as a CUDA graph"

    def _keep_jit(self, jit_cache: Path | None) -> None:
        if jit_cache is None or self._jit is None:
            return
        compiled = self._jit.serialize()
        content = b"" if compiled is None else bytes(compiled)
        if content and not (jit_cache.is_file() and jit_cache.stat().st_size == len(content)):
            lock = locked(jit_cache.with_name(f"{jit_cache.name}.lock"))  # others may start just now too
            with contextlib.suppress(OutputUnwritableError):  # then the next start compiles again
                make_folder(jit_cache.parent)
                with lock:
                    write_bytes(jit_cache, content)


def _stated(complaint: str) -> str:
    return complaint.rstrip(".") or "it gives no reason"
