"""The GPU as its driver tells it, without any package."""

from types import SimpleNamespace

import pytest

from scr_live.gpu import read_gpu, visible_gpu


def driver(*, init=0, devices=1):
    """A CUDA driver library, as far as it is asked here."""

    def put(target, value):
        target._obj.value = value
        return 0

    def name(buffer, length, device):
        buffer.value = b"Test GPU"
        return 0

    return SimpleNamespace(
        cuInit=lambda flags: init,
        cuDeviceGet=lambda target, ordinal: put(target, 0) if ordinal < devices else 101,
        cuDeviceGetName=name,
        cuDeviceGetAttribute=lambda target, attribute, device: put(target, {75: 8, 76: 9}[attribute]),
        cuDriverGetVersion=lambda target: put(target, 13000),
    )


def test_the_driver_tells_the_gpu():
    gpu = read_gpu(driver())
    assert (gpu.name, gpu.compute_capability) == ("Test GPU", "8.9")
    assert "CUDA 13.0" in gpu.driver


@pytest.mark.parametrize("broken", [driver(init=100), driver(devices=0)], ids=["no device", "hidden"])
def test_a_driver_without_a_gpu_is_none(broken):
    assert read_gpu(broken) is None


def test_looking_for_a_gpu_raises_nothing_here():
    assert visible_gpu() is None or visible_gpu().name
