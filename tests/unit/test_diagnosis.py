"""What `doctor` says of a machine, on a tiny model in place of the shipped one."""

import sys

import pytest
from tiny_models import write_export

from scr_live import diagnosis, shipped
from scr_live.diagnosis import diagnose
from scr_live.gpu import Gpu
from scr_live.shipped import DEFAULT_MODEL


@pytest.fixture
def ship(monkeypatch, tmp_path):
    """A function that ships a tiny model in these precisions."""

    def write(*precisions):
        folder = tmp_path / "export" / DEFAULT_MODEL
        folder.mkdir(parents=True)
        write_export(folder, name=DEFAULT_MODEL, precisions=precisions)
        monkeypatch.setattr(shipped, "data_dir", lambda: tmp_path)

    return write


@pytest.fixture(autouse=True)
def only_engines(monkeypatch):
    """The window and the encoders have tests of their own, and take their time."""
    monkeypatch.setattr(diagnosis, "_encoder", str)
    monkeypatch.setattr(diagnosis, "_display", str)


def checks():
    return {check.name: check for check in diagnose()}


def test_int8_is_tried_where_it_is_shipped(ship):
    ship("fp32", "int8")
    check = checks()["engine openvino int8"]
    assert check.works
    assert not check.needed
    assert "in int8, one frame inferred" in check.found


def test_int8_is_left_out_where_it_is_not_shipped(ship):
    ship("fp32")
    assert "engine openvino int8" not in checks()


def test_a_damaged_int8_file_is_found(ship, tmp_path):
    ship("fp32", "int8")
    path = tmp_path / "export" / DEFAULT_MODEL / f"{DEFAULT_MODEL}-int8.onnx"
    path.write_bytes(path.read_bytes()[:-1])
    check = checks()["engine openvino int8"]
    assert not check.works
    assert "damaged or exchanged" in check.found


@pytest.mark.parametrize(
    ("engine", "packages", "command"),
    [
        ("onnxruntime", ["onnxruntime"], 'pip install "scr-live[onnxruntime]"'),
        ("pytorch", ["torch"], 'pip install "scr-live[train]"'),
        ("tensorrt", ["tensorrt", "cuda"], 'pip install "scr-live[tensorrt]"'),
        ("tensorrt-rtx", ["tensorrt_rtx", "cuda"], 'pip install "scr-live[rtx]"'),
    ],
)
def test_an_engine_that_lacks_a_package_is_told_with_its_command_in_one_line(
    engine, packages, command, ship, monkeypatch
):
    ship("fp32")
    for package in packages:
        monkeypatch.setitem(sys.modules, package, None)
    for module in ("onnx_runtime", "pytorch"):
        monkeypatch.delitem(sys.modules, f"scr_live.engines.{module}", raising=False)
    monkeypatch.setattr(diagnosis, "ENGINES", (engine,))
    check = checks()[f"engine {engine}"]
    assert (check.works, check.needed) == (False, False)
    assert command in check.found
    assert "\n" not in check.found


def test_the_gpu_has_a_line_of_its_own(ship, monkeypatch):
    ship("fp32")
    monkeypatch.setattr(diagnosis, "ENGINES", ())
    monkeypatch.setattr(diagnosis, "visible_gpu", lambda: Gpu("Test GPU", "8.9", "580.1 (CUDA 13.0)"))
    assert checks()["gpu"].found == "Test GPU, compute capability 8.9, driver 580.1 (CUDA 13.0)"
    monkeypatch.setattr(diagnosis, "visible_gpu", lambda: None)
    check = checks()["gpu"]
    assert (check.works, check.needed) == (False, False)
    assert "no NVIDIA driver with a GPU" in check.found
