"""The NVIDIA GPU of this machine, reached through cuda-bindings."""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from scr_live.errors import EngineUnavailableError

_DRIVER_VERSION: Final = Path("/sys/module/nvidia/version")


@dataclass(frozen=True, slots=True)
class Gpu:
    """What an engine that is built for one kind of GPU depends on."""

    name: str
    compute_capability: str
    """Such as 8.9."""
    driver: str
    """The driver's own version where the system tells it, and the CUDA version that it serves."""


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
    cuda = f"CUDA {served // 1000}.{served % 1000 // 10}"
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
    own = _driver_version()
    return Gpu(
        name=bytes(properties.name).split(b"\0")[0].decode(),
        compute_capability=f"{properties.major}.{properties.minor}",
        driver=f"{own} ({cuda})" if own else cuda,
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


def _driver_version() -> str:
    with contextlib.suppress(OSError):
        return _DRIVER_VERSION.read_text(encoding="utf-8").strip()
    return ""
