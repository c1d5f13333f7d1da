"""Which GPU is here; each way of having none has its own sentence."""

import sys

import pytest
from gpu_fakes import CudaError, FakeCudart

from scr_live import gpu
from scr_live.errors import EngineUnavailableError
from scr_live.gpu import find_gpu, load_cudart


@pytest.fixture
def no_driver_file(monkeypatch, tmp_path):
    monkeypatch.setattr(gpu, "_DRIVER_VERSION", tmp_path / "version")
    return tmp_path / "version"


def test_the_gpu_is_described_by_what_engines_depend_on(no_driver_file):
    found = find_gpu(FakeCudart(driver=12080, capability=(8, 6)))
    assert (found.name, found.compute_capability, found.driver) == ("NVIDIA Fake 1", "8.6", "CUDA 12.8")


def test_the_drivers_own_version_is_named_where_the_system_tells_it(no_driver_file):
    no_driver_file.write_text("580.95.05\n")
    assert find_gpu(FakeCudart()).driver == "580.95.05 (CUDA 13.0)"


@pytest.mark.parametrize(
    ("cudart", "words"),
    [
        (FakeCudart(driver=0, count=(CudaError.cudaErrorInsufficientDriver, None)), "No NVIDIA driver"),
        (FakeCudart(driver=11040, count=(CudaError.cudaErrorInsufficientDriver, None)), r"CUDA 11\.4.*newer"),
        (FakeCudart(count=(CudaError.cudaErrorNoDevice, None)), "no usable GPU: cudaErrorNoDevice"),
        (FakeCudart(count=(CudaError.cudaSuccess, 0)), "CUDA_VISIBLE_DEVICES"),
    ],
    ids=["no driver", "old driver", "no device", "hidden"],
)
def test_no_gpu_is_said_with_its_reason(cudart, words):
    with pytest.raises(EngineUnavailableError, match=words) as caught:
        find_gpu(cudart)
    assert "\n" not in str(caught.value)


def test_without_cuda_bindings_there_is_the_command_that_installs_them(monkeypatch):
    for name in [*(name for name in sys.modules if name.split(".")[0] == "cuda"), "cuda"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(EngineUnavailableError, match=r'`pip install "scr-live\[tensorrt\]"`'):
        load_cudart()


def test_the_real_bindings_answer_on_a_machine_without_a_gpu_too():
    pytest.importorskip("cuda.bindings.runtime", reason="cuda-bindings are not installed")
    told = ""
    try:
        assert find_gpu().name
    except EngineUnavailableError as error:
        told = str(error)
    assert not told or "river" in told
