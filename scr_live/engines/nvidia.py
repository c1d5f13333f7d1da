"""Whether there is an NVIDIA GPU, asked of its driver alone: this needs no package, unlike scr_live.gpu."""

import ctypes
import sys
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
_LONGEST_NAME = 256
_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR


@dataclass(frozen=True, slots=True)
class NvidiaGpu:
    """The first GPU that this process may use."""

    name: str
    compute_capability: str
    """Such as 8.9."""
    cuda: str
    """The newest CUDA version that the driver serves, such as 13.0."""

    def __str__(self) -> str:
        """One phrase for a person."""
        return f"{self.name}, compute capability {self.compute_capability}, driver for CUDA up to {self.cuda}"


@cache
def nvidia_gpu() -> NvidiaGpu | None:
    """The first NVIDIA GPU; None without a driver or a GPU. Costs nothing where there is no driver."""
    try:
        driver = ctypes.CDLL(_DRIVER)
    except OSError:
        return None
    return read_gpu(driver)


def read_gpu(driver: ctypes.CDLL) -> NvidiaGpu | None:
    """The first GPU of a CUDA driver library; None if it has none or does not answer."""
    device, version = ctypes.c_int(), ctypes.c_int()
    name = ctypes.create_string_buffer(_LONGEST_NAME)
    major, minor = ctypes.c_int(), ctypes.c_int()
    calls: tuple[
        Callable[[], int], ...
    ] = (  # each answers 0 when it worked, and the later ones rest on the earlier
        lambda: driver.cuInit(0),
        lambda: driver.cuDeviceGet(ctypes.byref(device), 0),
        lambda: driver.cuDeviceGetName(name, _LONGEST_NAME, device),
        lambda: driver.cuDeviceGetAttribute(ctypes.byref(major), _MAJOR, device),
        lambda: driver.cuDeviceGetAttribute(ctypes.byref(minor), _MINOR, device),
        lambda: driver.cuDriverGetVersion(ctypes.byref(version)),
    )
    if any(call() != 0 for call in calls):
        return None
    cuda = f"{version.value // 1000}.{version.value % 1000 // 10}"
    return NvidiaGpu(name.value.decode(errors="replace"), f"{major.value}.{minor.value}", cuda)
