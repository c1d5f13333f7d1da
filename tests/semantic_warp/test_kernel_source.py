"""The kernel's own source, run on the CPU, against the float64 reference."""

import subprocess

import numpy as np
import pytest
from host_kernel import LEVELS, ODD, PRECISIONS, build, tensors

from scr_live.convert.semantic_warp import launch
from scr_live.convert.semantic_warp.reference import rounding_bound, semantic_warp


@pytest.fixture(params=PRECISIONS)
def precision(request, kernel):
    if not kernel.has(request.param):
        pytest.skip(
            "this g++ has no half precision of its own (_Float16): versions before 12, and some machines"
        )
    return request.param


def assert_close(out, up, low, flow):
    reference = semantic_warp(up, low, flow)
    error = np.abs(out.astype(np.float64) - reference)
    assert (error <= rounding_bound(up, low, reference)).all()
    return reference


@pytest.mark.parametrize("shape", [*LEVELS[:6], *ODD], ids=str)
def test_it_is_the_reference_at_all_sizes(kernel, precision, shape):
    up, low, flow = tensors(shape, precision, batch=2 if shape[1] < 30 else 1)
    out = kernel.run(up, low, flow)
    reference = assert_close(out, up, low, flow)
    if precision == "fp16":  # a float32 sum lands on the other side of a border of rounding now and then
        differing = (out != reference.astype(np.float16)).sum()
        assert differing <= max(1, out.size // 1000)


def test_it_is_the_reference_at_the_largest_level(plain_kernel):
    """The first level of plain at 448."""
    precision = "fp16" if plain_kernel.has("fp16") else "fp32"
    up, low, flow = tensors((16, 448, 448), precision)
    assert_close(plain_kernel.run(up, low, flow), up, low, flow)


@pytest.mark.parametrize("flow_scale", [1e-6, 0.3, 20.0, 6e4])
def test_it_is_the_reference_however_large_the_flow_is(kernel, precision, flow_scale):
    up, low, flow = tensors((5, 17, 24), precision, flow_scale=flow_scale, batch=2)
    assert_close(kernel.run(up, low, flow), up, low, flow)


def test_it_is_the_reference_on_the_borders(kernel, precision):
    """Every pixel is sent to every place around the border, on it and half outside."""
    height, width = 6, 7
    steps = [-1.5, -1.0, -0.5, 0.0, 0.25, 1.0]
    for target_x in [*steps, *(width - 1 + np.array(steps))]:
        for target_y in [*steps, *(height - 1 + np.array(steps))]:
            up, low, flow = tensors((3, height, width), precision)
            flow[0, 0] = target_x - np.arange(width)
            flow[0, 1] = target_y - np.arange(height)[:, None]
            assert_close(kernel.run(up, low, flow), up, low, flow)


def test_a_flow_of_zero_adds_the_pixel_itself(kernel, precision):
    up, low, flow = tensors((3, 9, 10), precision)
    out = kernel.run(up, low, np.zeros_like(flow))
    assert (out == (up.astype(np.float32) + low.astype(np.float32)).astype(up.dtype)).all()


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf], ids=str)
@pytest.mark.parametrize("component", [0, 1], ids=["dx", "dy"])
def test_a_flow_that_is_no_number_leaves_the_lower_level_as_it_is(kernel, precision, strange, component):
    up, low, flow = tensors((3, 5, 8), precision)
    flow[0, component, 2, 3] = strange
    out = kernel.run(up, low, flow)
    assert (out[:, :, 2, 3] == low[:, :, 2, 3]).all()
    assert_close(out, up, low, flow)


@pytest.mark.parametrize("huge", [3.4e38, -3.4e38, 2.0**31, -(2.0**31), 1e9, 16_777_217.0])
def test_a_huge_flow_samples_nothing(kernel, huge):
    up, low, flow = tensors((2, 5, 8), "fp32")
    flow[:] = huge
    assert (kernel.run(up, low, flow) == low).all()


def test_what_lies_outside_counts_nothing_even_where_the_border_is_infinite(kernel, precision):
    up, low, flow = tensors((2, 4, 6), precision)
    up[..., 0, :] = up[..., -1, :] = up[..., 0] = up[..., -1] = np.inf
    assert (kernel.run(up, low, np.full_like(flow, -50.0)) == low).all()


def test_an_overflow_of_half_precision_becomes_infinite_and_no_nan(kernel):
    if not kernel.has("fp16"):
        pytest.skip("this g++ has no half precision of its own")
    up, low, flow = tensors((2, 4, 6), "fp16", flow_scale=0.0)
    up[:] = low[:] = 60_000.0
    assert np.isposinf(kernel.run(up, low, flow)).all()


def test_both_half_precisions_give_the_same_bits(plain_kernel, cuda_kernel):
    if not plain_kernel.has("fp16"):
        pytest.skip("this g++ has no half precision of its own")
    up, low, flow = tensors((7, 33, 40), "fp16")
    assert plain_kernel.run(up, low, flow).tobytes() == cuda_kernel.run(up, low, flow).tobytes()


@pytest.mark.parametrize("shape", [LEVELS[0], LEVELS[3], *ODD, (1030, 3, 5)], ids=str)
def test_every_element_is_written_once(kernel, precision, shape):
    up, low, flow = tensors(shape, precision, batch=3)
    counts = np.zeros(up.shape, np.int32)
    kernel.run(up, low, flow, counts=counts)
    assert (counts == 1).all()


@pytest.mark.parametrize("grid", [(1, 1, 1), (1, 3, 2), (2, 9, 5)], ids=str)
def test_a_grid_that_is_short_of_channels_and_images_takes_several_of_them(plain_kernel, grid):
    """As where there are more than the 65,535 blocks that CUDA allows."""
    up, low, flow = tensors((19, 9, 14), "fp32", batch=4)
    start = launch.Launch(grid, (128, 1, 1), (4, 19, 9, 14))
    counts = np.zeros(up.shape, np.int32)
    out = plain_kernel.run(up, low, flow, start=start, counts=counts)
    assert (counts == 1).all()
    assert out.tobytes() == plain_kernel.run(up, low, flow).tobytes()


@pytest.mark.parametrize("which", range(3), ids=["up", "low", "flow"])
def test_memory_off_the_alignment_of_pairs_gives_the_same(plain_kernel, which):
    """A pair is 8 bytes: each input in turn begins 4 bytes after such a border."""
    arrays = list(tensors((5, 6, 8), "fp32", batch=2))
    expected = plain_kernel.run(*arrays)
    room = np.empty(arrays[which].size + 2, np.float32)
    begin = 1 - room.ctypes.data % 8 // 4
    shifted = room[begin : begin + arrays[which].size].reshape(arrays[which].shape)
    assert shifted.ctypes.data % 8 == 4
    shifted[...] = arrays[which]
    arrays[which] = shifted
    assert plain_kernel.run(*arrays).tobytes() == expected.tobytes()


def test_no_access_is_out_of_bounds_and_no_conversion_undefined(tmp_path):
    """Random sizes, grids, alignments and flows, under the address and undefined-behaviour sanitizers."""
    options = ("-O1", "-DSCR_FUZZ", "-fno-sanitize-recover=all")
    sanitizers = "-fsanitize=address,undefined,float-cast-overflow"
    program = build(tmp_path, "fuzz", *options, sanitizers)
    done = subprocess.run([program], capture_output=True, text=True, check=False, timeout=50)
    assert (done.returncode, done.stdout) == (0, "clean\n"), done.stderr


def test_the_launch_has_the_numbers_of_the_source(kernel):
    assert kernel.constant("threads_per_block") == launch.THREADS_PER_BLOCK
    assert kernel.constant("pixels_per_thread") == launch.PIXELS_PER_THREAD
    assert kernel.constant("channels_per_thread") == launch.CHANNELS_PER_THREAD
