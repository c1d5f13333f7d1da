"""The NVIDIA GPU of this machine: whether there is one, by its driver alone, and CUDA by cuda-bindings."""

import contextlib
import ctypes
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from scr_live.errors import EngineUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

_DRIVER: Final = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
_DRIVER_VERSION: Final = Path("/sys/module/nvidia/version")
_LONGEST_NAME: Final = 256
_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR


@dataclass(frozen=True, slots=True)
class Gpu:
    """What an engine that is built for one kind of GPU depends on."""

    name: str
    compute_capability: str
    """Such as 8.9."""
    driver: str
    """The driver's own version where the system tells it, and the CUDA version that it serves."""


@cache
def visible_gpu() -> Gpu | None:
    """The first GPU that this process may use; None without a driver or a GPU.

    It loads no package, and costs nothing where there is no driver.
    """
    try:
        driver = ctypes.CDLL(_DRIVER)
    except OSError:
        return None
    return read_gpu(driver)


def read_gpu(driver: ctypes.CDLL) -> Gpu | None:
    """The first GPU of a CUDA driver library; None if it has none or does not answer."""
    device, version = ctypes.c_int(), ctypes.c_int()
    name = ctypes.create_string_buffer(_LONGEST_NAME)
    major, minor = ctypes.c_int(), ctypes.c_int()
    calls: tuple[Callable[[], int], ...] = (  # 0: it worked; the later ones rest on the earlier
        lambda: driver.cuInit(0),
        lambda: driver.cuDeviceGet(ctypes.byref(device), 0),
        lambda: driver.cuDeviceGetName(name, _LONGEST_NAME, device),
        lambda: driver.cuDeviceGetAttribute(ctypes.byref(major), _MAJOR, device),
        lambda: driver.cuDeviceGetAttribute(ctypes.byref(minor), _MINOR, device),
        lambda: driver.cuDriverGetVersion(ctypes.byref(version)),
    )
    if any(call() != 0 for call in calls):
        return None
    return Gpu(
        name=name.value.decode(errors="replace"),
        compute_capability=f"{major.value}.{minor.value}",
        driver=_driver_text(version.value),
    )


def load_cudart() -> ModuleType:
    """CUDA's runtime as Python sees it. EngineUnavailableError: the package is missing."""
    try:
        from cuda.bindings import runtime  # noqa: PLC0415 - an extra
    except (ImportError, OSError) as missing:
        raise EngineUnavailableError(
            "NVIDIA GPUs are used through the package cuda-bindings, which is missing here. Install it with "
            '`pip install "scr-live[tensorrt]"` or, for RTX GPUs, `pip install "scr-live[rtx]"`.'
        ) from missing
    module: ModuleType = runtime
    return module


def find_gpu(cudart: ModuleType | None = None) -> Gpu:
    """The first GPU that CUDA shows. EngineUnavailableError: what is missing, and what to do."""
    cudart = cudart or load_cudart()
    served = _asked(cudart, cudart.cudaDriverGetVersion())
    error, count = cudart.cudaGetDeviceCount()
    if not served:
        raise EngineUnavailableError(
            "No NVIDIA driver was found here. This engine needs an NVIDIA GPU and its driver: install the "
            "driver, check that `nvidia-smi` lists the GPU, or use --engine openvino."
        )
    cuda = _cuda_text(served)
    if error == cudart.cudaError_t.cudaErrorInsufficientDriver:
        raise EngineUnavailableError(
            f"The NVIDIA driver here serves {cuda}, and the installed cuda-bindings need a newer one. Update "
            "the driver, or install the cuda-bindings of your CUDA version."
        )
    if error != cudart.cudaError_t.cudaSuccess or not count:
        raise EngineUnavailableError(
            f"The NVIDIA driver ({cuda}) shows no usable GPU: {_name(cudart, error)}. Check `nvidia-smi` and "
            "the environment variable CUDA_VISIBLE_DEVICES, or use --engine openvino."
        )
    properties = _asked(cudart, cudart.cudaGetDeviceProperties(0))
    return Gpu(
        name=bytes(properties.name).split(b"\0")[0].decode(),
        compute_capability=f"{properties.major}.{properties.minor}",
        driver=_driver_text(served),
    )


def _asked(cudart: ModuleType, answer: Any) -> Any:  # noqa: ANN401 - the vendor's types
    error, value = answer
    if error != cudart.cudaError_t.cudaSuccess:
        raise EngineUnavailableError(
            f"CUDA does not answer: {_name(cudart, error)}. Check the NVIDIA driver with `nvidia-smi`, or "
            "use --engine openvino."
        )
    return value


def _name(cudart: ModuleType, error: object) -> str:
    _, text = cudart.cudaGetErrorName(error)
    return bytes(text).decode()


def _driver_text(served: int) -> str:
    """The driver's own version where the system tells it, and the CUDA version that it serves."""
    with contextlib.suppress(OSError):
        return f"{_DRIVER_VERSION.read_text(encoding='utf-8').strip()} ({_cuda_text(served)})"
    return _cuda_text(served)


def _cuda_text(served: int) -> str:
    """13000 -> CUDA 13.0."""
    return f"CUDA {served // 1000}.{served % 1000 // 10}"
