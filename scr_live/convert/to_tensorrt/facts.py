"""What an engine depends on: with another of these it must be built again."""

from pathlib import Path
from types import ModuleType

from scr_live.card import file_sha256
from scr_live.gpu import Gpu

TURING = "7.5"
PORTABLE = "8.0 and newer"


def engine_facts(onnx: Path, library: ModuleType, *, name: str, form: str, gpu: Gpu | None) -> dict[str, str]:
    """Everything that decides what is in an engine file, by name.

    An engine of TensorRT is for one GPU and driver. One of TensorRT-RTX runs on all GPUs from 8.0 on, or on
    Turing alone, whatever it was built on, or without any.
    """
    facts = {"library": name, "version": str(library.__version__), "onnx_sha256": file_sha256(onnx)}
    if name == "tensorrt-rtx":
        facts["compute_capability"] = TURING if is_turing(gpu) else PORTABLE
    elif gpu is not None:
        facts |= {"gpu": gpu.name, "compute_capability": gpu.compute_capability, "driver": gpu.driver}
    if form == "plugin":
        from scr_live.convert import semantic_warp  # noqa: PLC0415 - only this form needs it

        facts["warp_kernel_sha256"] = file_sha256(semantic_warp.PTX)
    return facts


def is_turing(gpu: Gpu | None) -> bool:
    """Whether TensorRT-RTX has to be told: its engines for other GPUs do not run on these."""
    return gpu is not None and gpu.compute_capability == TURING
