"""The compiled kernel on a GPU, through cuda-bindings."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from host_kernel import LEVELS, ODD, PRECISIONS, tensors

from scr_live.convert.semantic_warp.reference import rounding_bound, semantic_warp

SCRIPT = Path(__file__).parents[2] / "scripts" / "gpu_semantic_warp.py"

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module")
def script():
    if not SCRIPT.exists():
        pytest.skip(f"needs {SCRIPT.name}, which is part of the repository alone")
    spec = importlib.util.spec_from_file_location("gpu_semantic_warp", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def device(script):
    pytest.importorskip("cuda.bindings.driver", reason="needs cuda-bindings", exc_type=ImportError)
    try:
        kernel = script.DeviceKernel()
    except (OSError, RuntimeError) as missing:
        pytest.skip(f"needs an NVIDIA GPU and its driver: {missing}")
    with kernel:
        yield kernel


def assert_close(out, up, low, flow):
    reference = semantic_warp(up, low, flow)
    assert (np.abs(out.astype(np.float64) - reference) <= rounding_bound(up, low, reference)).all()


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("shape", [*LEVELS, *ODD, (64, 112, 112), (16, 448, 448)], ids=str)
def test_the_gpu_is_the_reference(device, shape, precision):
    batch = 1 if shape[1] > 100 else 3
    arrays = tensors(shape, precision, batch=batch)
    assert_close(device.run(*arrays), *arrays)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("flow_scale", [1e-6, 20.0, 6e4])
def test_however_large_the_flow_is(device, flow_scale, precision):
    arrays = tensors((5, 17, 24), precision, flow_scale=flow_scale, batch=2)
    assert_close(device.run(*arrays), *arrays)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf], ids=str)
def test_a_flow_that_is_no_number_leaves_the_lower_level_as_it_is(device, strange, precision):
    up, low, flow = tensors((3, 5, 8), precision)
    flow[:] = strange
    assert (device.run(up, low, flow) == low).all()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_memory_off_the_alignment_of_pairs_gives_the_same(device, precision):
    arrays = tensors((7, 12, 14), precision, batch=2)
    assert device.run(*arrays, shift=1).tobytes() == device.run(*arrays).tobytes()


def test_more_images_than_a_grid_has_blocks(device):
    arrays = tensors((1, 2, 2), "fp16", batch=70_000)
    assert_close(device.run(*arrays), *arrays)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_gpu_computes_the_same_bits_as_the_cpu(device, plain_kernel, precision):
    """Nothing is contracted but where the source says so."""
    if not plain_kernel.has(precision):
        pytest.skip("this g++ has no half precision of its own (_Float16)")
    arrays = tensors((7, 33, 40), precision, batch=2)
    assert device.run(*arrays).tobytes() == plain_kernel.run(*arrays).tobytes()
