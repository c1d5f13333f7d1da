"""A GPU that is none: CUDA's runtime with memory of its own and a queue, and both TensorRT libraries on it.

Work that is queued is done when somebody waits for it, and not before. Memory that is used after it was
freed, or freed twice, is an AssertionError. `fail_at` makes the n-th CUDA call fail.
"""

# ruff: noqa: N802, N815 - the names are the vendor's

import ctypes
import enum
import sys
import weakref
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from scr_live import gpu


class CudaError(enum.IntEnum):
    cudaSuccess = 0
    cudaErrorMemoryAllocation = 2
    cudaErrorInsufficientDriver = 35
    cudaErrorStreamCaptureUnsupported = 900


class FakeCudart(ModuleType):
    """What `cuda.bindings.runtime` is, as far as it is used."""

    cudaError_t = CudaError
    cudaMemcpyKind = SimpleNamespace(cudaMemcpyHostToDevice=1, cudaMemcpyDeviceToHost=2)
    cudaStreamCaptureMode = SimpleNamespace(cudaStreamCaptureModeThreadLocal=1)
    cudaStreamNonBlocking = 1

    def __init__(self, *, driver=13000, needs=13000, capability=(8, 9)):
        super().__init__("cuda.bindings.runtime")
        self.driver, self.needs, self.capability = driver, needs, capability
        self.live = {}  # handle -> what it is; memory with its buffer
        self.freed = []
        self.calls = 0
        self.fail_at = None
        self.refuse_graphs = False
        self.queue = []
        self.recording = None
        self._next = 1

    # --- device -----------------------------------------------------------------------------------------

    def cudaGetDeviceCount(self):
        if self.needs > self.driver:
            return CudaError.cudaErrorInsufficientDriver, None
        return CudaError.cudaSuccess, 1

    def cudaGetErrorName(self, error):
        return CudaError.cudaSuccess, error.name.encode()

    def cudaGetErrorString(self, error):
        return CudaError.cudaSuccess, b"that did not work"

    def cudaGetLastError(self):
        return (CudaError.cudaSuccess,)

    # --- what is made and freed -------------------------------------------------------------------------

    def cudaStreamCreateWithFlags(self, flags):
        return self._made("stream")

    def cudaMallocHost(self, size):
        return self._allocated("pinned", size)

    def cudaMalloc(self, size):
        return self._allocated("device", size)

    def cudaStreamDestroy(self, handle):
        return self._free(handle, "stream")

    def cudaFreeHost(self, handle):
        return self._free(handle, "pinned")

    def cudaFree(self, handle):
        return self._free(handle, "device")

    def cudaGraphDestroy(self, handle):
        return self._free(handle, "graph")

    def cudaGraphExecDestroy(self, handle):
        return self._free(handle, "ready graph")

    # --- work -------------------------------------------------------------------------------------------

    def cudaMemcpyAsync(self, target, source, size, kind, stream):
        if failure := self._called():
            return (failure,)
        self.put(lambda: ctypes.memmove(self.memory(target), self.memory(source), size))
        return (CudaError.cudaSuccess,)

    def cudaStreamSynchronize(self, stream):
        if failure := self._called():
            return (failure,)
        assert stream in self.live
        assert self.recording is None, "waiting while a graph is recorded is not allowed"
        work, self.queue = self.queue, []
        for step in work:
            step()
        return (CudaError.cudaSuccess,)

    def cudaStreamBeginCapture(self, stream, mode):
        if failure := self._called():
            return (failure,)
        self.recording = []
        return (CudaError.cudaSuccess,)

    def cudaStreamEndCapture(self, stream):
        work, self.recording = self.recording, None
        failure = self._called()
        if self.refuse_graphs:
            failure = CudaError.cudaErrorStreamCaptureUnsupported
        return (failure, None) if failure else (CudaError.cudaSuccess, self._handle(["graph", work]))

    def cudaGraphInstantiate(self, graph, flags):
        if failure := self._called():
            return failure, None
        return CudaError.cudaSuccess, self._handle(["ready graph", self.live[graph][1]])

    def cudaGraphLaunch(self, ready, stream):
        if failure := self._called():
            return (failure,)
        for step in self.live[ready][1]:
            self.put(step)
        return (CudaError.cudaSuccess,)

    def put(self, step):
        (self.queue if self.recording is None else self.recording).append(step)

    def memory(self, address):
        known = (
            start <= address < start + len(what[1])
            for start, what in self.live.items()
            if what[0] in ("pinned", "device")
        )
        assert any(known), "memory that is not there"
        return address

    def array(self, address, shape, dtype):
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        raw = (ctypes.c_uint8 * size).from_address(self.memory(address))
        return np.frombuffer(raw, dtype).reshape(shape)

    def _called(self):
        self.calls += 1
        return CudaError.cudaErrorMemoryAllocation if self.calls == self.fail_at else None

    def _made(self, kind):
        failure = self._called()
        return (failure, None) if failure else (CudaError.cudaSuccess, self._handle([kind]))

    def _allocated(self, kind, size):
        if failure := self._called():
            return failure, None
        buffer = ctypes.create_string_buffer(b"\xee" * size, size)
        address = ctypes.addressof(buffer)
        self.live[address] = [kind, buffer]
        return CudaError.cudaSuccess, address

    def _handle(self, what):
        handle, self._next = self._next, self._next + 1
        self.live[handle] = what
        return handle

    def _free(self, handle, kind):
        assert self.live.pop(handle)[0] == kind
        self.freed.append(kind)
        return (CudaError.cudaSuccess,)


class FakeDriver:
    """What `libcuda` is, as far as it is asked which GPU is there. `init`, `devices`: how it has none."""

    def __init__(self, *, version=13000, capability=(8, 9), init=0, devices=1):
        self.version, self.capability, self.init, self.devices = version, capability, init, devices

    def cuInit(self, flags):
        return self.init

    def cuDeviceGet(self, target, ordinal):
        return _put(target, 0) if ordinal < self.devices else 101

    def cuDeviceGetName(self, buffer, length, device):
        buffer.value = b"NVIDIA Fake 1"
        return 0

    def cuDeviceGetAttribute(self, target, attribute, device):
        return _put(target, self.capability[{75: 0, 76: 1}[attribute]])

    def cuDriverGetVersion(self, target):
        return _put(target, self.version)


def load_no_driver(load_driver=gpu.load_driver):
    """What happens where there is no driver, on a machine that has one too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gpu, "_DRIVER", "libcuda-of-nobody.so.1")
        return load_driver()


def _put(target, value):
    target._obj.value = value
    return 0


class FakeTensorRt(ModuleType):
    """What `tensorrt` is, as far as it is used: its engines answer the mean of the colours, over 255."""

    ILogger = type("ILogger", (), {})
    IProgressMonitor = type("IProgressMonitor", (), {})
    TensorIOMode = SimpleNamespace(INPUT=1, OUTPUT=2)
    BuilderFlag = SimpleNamespace(TF32=7)
    NetworkDefinitionCreationFlag = SimpleNamespace(STRONGLY_TYPED=1)

    def __init__(self, cudart, *, version="10.13.3.9", size=16, name="tensorrt"):
        super().__init__(name)
        self.__version__ = version
        self.cudart, self.size = cudart, size
        self.parsed, self.built, self.loaded = [], [], []
        self.executions = 0
        self.refuses = False
        self.living = weakref.WeakSet()

    def nptype(self, dtype):
        return dtype

    def Builder(self, logger):
        return FakeBuilder(self, logger)

    def OnnxParser(self, network, logger):
        def parse(content):
            self.parsed.append(content)
            return True

        return SimpleNamespace(parse=parse, num_errors=0)

    def Runtime(self, logger):
        return FakeRuntime(self, logger)


class FakeTensorRtRtx(FakeTensorRt):
    """What `tensorrt_rtx` has besides."""

    IRuntimeCache = type("IRuntimeCache", (), {})
    ComputeCapability = SimpleNamespace(SM75="SM75")
    EngineValidity = SimpleNamespace(VALID="valid", INVALID="invalid")
    EngineInvalidityDiagnostics = SimpleNamespace(
        __members__={"VERSION_MISMATCH": 1, "UNSUPPORTED_CC": 2, "OLD_CUDA_DRIVER": 4}
    )

    def __init__(self, cudart, *, version="1.7.1.116", size=16):
        super().__init__(cudart, version=version, size=size, name="tensorrt_rtx")
        self.validity = ("valid", 0)
        self.capturable = True
        self.jit_known = None

    def Runtime(self, logger):
        runtime = FakeRuntime(self, logger)
        runtime.get_engine_validity = lambda plan: self.validity
        return runtime


class FakeBuilder:
    def __init__(self, library, logger):
        self.library, self.logger = library, logger

    def create_network(self, flags):
        return SimpleNamespace(flags=flags)

    def create_builder_config(self):
        config = SimpleNamespace(cleared=[], capability=None)
        config.clear_flag = config.cleared.append
        config.set_compute_capability = lambda which, index: setattr(config, "capability", which)
        config.create_timing_cache = lambda content: SimpleNamespace(
            content=content, serialize=lambda: content + b"+1"
        )
        config.set_timing_cache = lambda cache, ignore_mismatch: setattr(config, "timings", cache) or True
        config.get_timing_cache = lambda: config.timings
        return config

    def build_serialized_network(self, network, config):
        self.library.built.append((network, config))
        config.progress_monitor.phase_start("Timing", None, 2)
        config.progress_monitor.step_complete("Timing", 0)
        self.logger.log(2, "a word of warning")
        return b"plan of a network"


class FakeRuntime:
    def __init__(self, library, logger):
        self.library, self.logger = library, logger

    def deserialize_cuda_engine(self, plan):
        if self.library.refuses or not plan.startswith(b"plan"):
            self.logger.log(1, "Serialization assertion failed: magic tag does not match.")
            return None
        self.library.loaded.append(plan)
        engine = FakeEngine(self.library)
        self.library.living.add(engine)
        return engine


class FakeEngine:
    num_io_tensors = 2

    def __init__(self, library):
        self.library = library
        size = library.size
        self.tensors = {
            "image": ((1, size, size, 3), np.uint8, 1),
            "answer": ((1, size, size), np.float32, 2),
        }

    def get_tensor_name(self, index):
        return list(self.tensors)[index]

    def get_tensor_shape(self, name):
        return self.tensors[name][0]

    def get_tensor_dtype(self, name):
        return self.tensors[name][1]

    def get_tensor_mode(self, name):
        return self.tensors[name][2]

    def create_runtime_config(self):
        library = self.library

        def deserialize(content):
            library.jit_known = content
            return True

        cache = SimpleNamespace(deserialize=deserialize, serialize=lambda: b"compiled kernels")
        return SimpleNamespace(create_runtime_cache=lambda: cache, set_runtime_cache=lambda cache: True)

    def create_execution_context(self, settings=None):
        return FakeContext(self)


class FakeContext:
    def __init__(self, engine):
        self.engine, self.library = engine, engine.library
        self.addresses = {}
        library = engine.library
        if isinstance(library, FakeTensorRtRtx):
            self.is_stream_capturable = lambda stream: library.capturable

    def set_tensor_address(self, name, address):
        self.addresses[name] = address

    def execute_async_v3(self, stream):
        cudart, tensors, addresses = self.library.cudart, self.engine.tensors, dict(self.addresses)
        assert stream in cudart.live

        def compute():
            self.library.executions += 1
            image = cudart.array(addresses["image"], *tensors["image"][:2])
            cudart.array(addresses["answer"], *tensors["answer"][:2])[...] = image.mean(axis=-1) / 255

        cudart.put(compute)
        return True


def install(monkeypatch, cudart, **libraries):
    """Put the fakes where `import` finds them, their GPU where the driver would be; version 0: nowhere."""
    driver = FakeDriver(version=cudart.driver, capability=cudart.capability)
    monkeypatch.setattr(gpu, "load_driver", lambda: driver if cudart.driver else load_no_driver())
    package, bindings = ModuleType("cuda"), ModuleType("cuda.bindings")
    package.bindings, bindings.runtime = bindings, cudart
    modules = {"cuda": package, "cuda.bindings": bindings, "cuda.bindings.runtime": cudart, **libraries}
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
