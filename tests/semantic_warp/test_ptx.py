"""The compiled kernel that the package carries."""

import re
import shutil
import subprocess
import sys

import pytest

from scr_live.convert.semantic_warp import KERNEL_NAMES, PTX
from scr_live.convert.semantic_warp.ptx import PARAMETERS, compile_ptx, parameters_of
from scr_live.errors import EngineUnavailableError

needs_nvcc = pytest.mark.skipif(shutil.which("nvcc") is None, reason="needs nvcc of the CUDA toolkit")


@pytest.fixture(scope="module")
def shipped():
    return PTX.read_text(encoding="ascii")


def test_the_package_carries_both_kernels_with_the_parameters_in_tensorrts_order(shipped):
    assert parameters_of(shipped) == dict.fromkeys(KERNEL_NAMES.values(), PARAMETERS)


def test_it_is_for_the_oldest_gpus_and_for_drivers_of_cuda_13(shipped):
    assert re.search(r"^\.target sm_75$", shipped, re.MULTILINE)
    assert re.search(r"^\.version 9\.0$", shipped, re.MULTILINE)  # a later one is refused by driver 580


def test_neighbouring_pixels_are_moved_in_pairs_and_through_the_read_only_cache(shipped):
    for name, pair in ((KERNEL_NAMES["fp32"], "v2.f32"), (KERNEL_NAMES["fp16"], "v2.u16")):
        body = shipped[shipped.index(f".entry {name}(") :].split("\n}\n")[0]
        assert f"ld.global.nc.{pair}" in body
        assert f"st.global.{pair}" in body


@needs_nvcc
@pytest.mark.parametrize("architecture", [75, 80, 90])
def test_it_compiles_for_newer_gpus_with_the_same_entry_points(shipped, architecture):
    compiled = compile_ptx(architecture=architecture)
    assert f".target sm_{architecture}" in compiled
    assert parameters_of(compiled) == parameters_of(shipped)


@needs_nvcc
def test_compiling_anew_gives_what_the_package_carries(shipped):
    if (
        "release 13.0,"
        not in subprocess.run(["nvcc", "--version"], capture_output=True, text=True, check=True).stdout
    ):
        pytest.skip("needs nvcc of CUDA 13.0, which wrote the one of the package")
    assert compile_ptx() == shipped


@needs_nvcc
@pytest.mark.parametrize("architecture", [75, 86, 90])
def test_nothing_spills_to_memory(tmp_path, architecture):
    assembler = shutil.which("ptxas")
    if assembler is None:
        pytest.skip("needs ptxas of the CUDA toolkit on the path")
    command = [assembler, "-v", f"-arch=sm_{architecture}", str(PTX), "-o", str(tmp_path / "kernel.cubin")]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert re.findall(r"(\d+) bytes spill stores, (\d+) bytes spill loads", told) == [("0", "0")] * 2


def test_without_nvcc_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EngineUnavailableError, match=r"needs nvcc .* Install the CUDA toolkit 13\.0, or use"):
        compile_ptx()


def test_importing_what_an_engine_needs_loads_no_vendor():
    code = """
import sys
import scr_live.convert.semantic_warp
from scr_live.convert.semantic_warp import launch, plugin, ptx, reference
print(sorted({"cuda", "onnx", "onnxruntime", "tensorrt", "torch"} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
