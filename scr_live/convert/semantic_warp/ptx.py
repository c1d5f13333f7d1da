"""The compiled kernel: where it lies, what its entry points are, how it is compiled anew."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from scr_live.errors import EngineUnavailableError

_HERE: Final = Path(__file__).parent

SOURCE: Final = _HERE / "semantic_warp.cu"
"""What nvcc compiles. It includes semantic_warp.cuh, which any C++17 compiler takes."""

PTX: Final = _HERE / "semantic_warp.ptx"
"""The compiled kernel, part of the package: any GPU from compute capability 7.5, driver 580 or newer."""

ARCHITECTURE: Final = 75
"""Compute capability the PTX is for, times ten: CUDA 13's lowest. Drivers translate it to any later one."""

KERNEL_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {"fp32": "scr_semantic_warp_fp32", "fp16": "scr_semantic_warp_fp16"}
)
"""Entry points by precision of the tensors."""

PARAMETERS: Final = ("u64", "u64", "u64", "u32", "u32", "u32", "u32", "u64")
"""up, low, flow; batch, channels, height, width; out: TensorRT passes inputs, integers, outputs."""

_ENTRY: Final = re.compile(r"^\.visible \.entry (\w+)\(([^)]*)\)", re.MULTILINE)
_PARAMETER: Final = re.compile(r"\.param \.(\w+)")


def parameters_of(ptx: str) -> dict[str, tuple[str, ...]]:
    """Types of the parameters of each entry point of a PTX text, in their order."""
    return {name: tuple(_PARAMETER.findall(listed)) for name, listed in _ENTRY.findall(ptx)}


def compile_ptx(*, architecture: int = ARCHITECTURE) -> str:
    """Compile the kernel with nvcc, which CUDA 13.0 has; later ones write PTX that driver 580 refuses.

    Sums and products are not contracted but where the source says so: then CPU and GPU compute the same bits.
    EngineUnavailableError: there is no nvcc on the path, or it failed.
    """
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        raise EngineUnavailableError(
            "Compiling the kernel of the semantic warp needs nvcc on the path, and there is none. Install "
            "the CUDA toolkit 13.0, or use the compiled kernel that is part of the package."
        )
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / PTX.name
        options = ("-ptx", f"-arch=compute_{architecture}", "-O3", "-fmad=false", "-std=c++17")
        done = subprocess.run(  # noqa: S603 - nvcc of the path, on our own source
            [nvcc, *options, str(SOURCE), "-o", str(out)], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise EngineUnavailableError(f"{nvcc} cannot compile {SOURCE.name}: {done.stderr.strip()}")
        return out.read_text(encoding="ascii")
