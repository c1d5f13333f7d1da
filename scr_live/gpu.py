"""The NVIDIA GPU of this machine, by its driver alone; and CUDA's runtime, by cuda-bindings."""

import contextlib
import ctypes
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final

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


def visible_gpu() -> Gpu | None:
    """The first GPU that this process may use; None without one, whatever the cause."""
    try:
        return find_gpu()
    except EngineUnavailableError:
        return None


def find_gpu() -> Gpu:
    """The first GPU that this process may use. EngineUnavailableError: what is missing, and what to do.

    It asks the driver alone: no package is loaded, and without a driver it costs nothing.
    """
    return read_gpu(load_driver())


def load_driver() -> ctypes.CDLL:
    """CUDA's driver library. EngineUnavailableError: there is none."""
    try:
        return ctypes.CDLL(_DRIVER)
    except OSError as missing:
        raise EngineUnavailableError(
            "No NVIDIA driver was found here. This engine needs an NVIDIA GPU and its driver: install the "
            "driver, check that `nvidia-smi` lists the GPU, or use --engine openvino."
        ) from missing


def read_gpu(driver: ctypes.CDLL) -> Gpu:
    """The first GPU of a driver library. EngineUnavailableError: it shows none, and why."""
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
    if failure := next(filter(None, (call() for call in calls)), 0):
        raise EngineUnavailableError(
            f"The NVIDIA driver shows no usable GPU (CUDA error {failure}). Check `nvidia-smi` and the "
            "environment variable CUDA_VISIBLE_DEVICES, or use --engine openvino."
        )
    return Gpu(
        name=name.value.decode(errors="replace"),
        compute_capability=f"{major.value}.{minor.value}",
        driver=_driver_text(version.value),
    )


def load_cudart() -> ModuleType:
    """CUDA's runtime as Python sees it. EngineUnavailableError: it is missing, or newer than the driver."""
    try:
        from cuda.bindings import runtime  # noqa: PLC0415 - an extra
    except (ImportError, OSError) as missing:
        raise EngineUnavailableError(
            "NVIDIA GPUs are used through the package cuda-bindings, which is missing here. Install it with "
            '`pip install "scr-live[tensorrt]"` or, for RTX GPUs, `pip install "scr-live[rtx]"`.'
        ) from missing
    error, _ = runtime.cudaGetDeviceCount()
    if error == runtime.cudaError_t.cudaErrorInsufficientDriver:
        raise EngineUnavailableError(
            "The NVIDIA driver here is older than the installed cuda-bindings need. Update the driver, or "
            "install the cuda-bindings of its CUDA version, which `nvidia-smi` names."
        )
    module: ModuleType = runtime
    return module


def _driver_text(served: int) -> str:
    """The driver's own version where the system tells it, and the CUDA version that it serves."""
    cuda = f"CUDA {served // 1000}.{served % 1000 // 10}"  # 13000 is 13.0
    with contextlib.suppress(OSError):
        return f"{_DRIVER_VERSION.read_text(encoding='utf-8').strip()} ({cuda})"
    return cuda
