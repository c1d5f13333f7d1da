"""Which GPU is here, as its driver tells it; each way of having none has its own sentence."""

import sys

import pytest
from gpu_fakes import FakeCudart, FakeDriver, install

from scr_live import gpu
from scr_live.errors import EngineUnavailableError
from scr_live.gpu import find_gpu, load_cudart, read_gpu, visible_gpu


@pytest.fixture
def driver_file(monkeypatch, tmp_path):
    monkeypatch.setattr(gpu, "_DRIVER_VERSION", tmp_path / "version")
    return tmp_path / "version"


def test_the_gpu_is_described_by_what_engines_depend_on(driver_file):
    found = read_gpu(FakeDriver(version=12080, capability=(8, 6)))
    assert (found.name, found.compute_capability, found.driver) == ("NVIDIA Fake 1", "8.6", "CUDA 12.8")


def test_the_drivers_own_version_is_named_where_the_system_tells_it(driver_file):
    driver_file.write_text("580.95.05\n")
    assert read_gpu(FakeDriver()).driver == "580.95.05 (CUDA 13.0)"


@pytest.mark.parametrize(
    ("driver", "words"),
    [(FakeDriver(init=100), "CUDA error 100"), (FakeDriver(devices=0), "CUDA_VISIBLE_DEVICES")],
    ids=["no device", "hidden"],
)
def test_a_driver_without_a_gpu_says_so_with_its_reason(driver, words):
    with pytest.raises(EngineUnavailableError, match=words):
        read_gpu(driver)


def test_without_a_driver_there_is_a_sentence_and_no_visible_gpu(monkeypatch):
    install(monkeypatch, FakeCudart(driver=0))
    with pytest.raises(EngineUnavailableError, match="No NVIDIA driver was found"):
        find_gpu()
    assert visible_gpu() is None


def test_a_driver_that_is_older_than_the_bindings_need_is_said(monkeypatch):
    install(monkeypatch, FakeCudart(driver=12080, needs=13000))
    assert visible_gpu() is not None
    with pytest.raises(EngineUnavailableError, match="older than the installed cuda-bindings need"):
        load_cudart()


def test_without_cuda_bindings_there_is_the_command_that_installs_them(monkeypatch):
    for name in [*(name for name in sys.modules if name.split(".")[0] == "cuda"), "cuda"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(EngineUnavailableError, match=r'`pip install "scr-live\[tensorrt\]"`'):
        load_cudart()


def test_looking_for_the_real_gpu_finds_it_or_says_what_is_missing():
    told = ""
    try:
        assert find_gpu().name
    except EngineUnavailableError as error:
        told = str(error)
    assert (visible_gpu() is None) == bool(told)
    assert not told or "river" in told


def test_the_real_bindings_load_or_say_what_is_too_old():
    pytest.importorskip("cuda.bindings.runtime", reason="cuda-bindings are not installed")
    told = ""
    try:
        assert load_cudart().cudaGetDeviceCount
    except EngineUnavailableError as error:
        told = str(error)
    assert not told or "driver" in told
