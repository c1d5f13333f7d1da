"""Multiply-adds of tiny ONNX files, counted by hand."""

import numpy as np
import onnx
import pytest
from bench_fakes import samples_of
from onnx import TensorProto, helper, numpy_helper
from tiny_models import write_export

from scr_live.bench import limits
from scr_live.bench.cards import unread_model
from scr_live.bench.combinations import Combination
from scr_live.bench.floor import Limits, floor_of
from scr_live.bench.layers import Layer, Profile, profile
from scr_live.bench.operations import macs_by_layer
from scr_live.bench.peaks import Bandwidth, PeakProbes, measure_bandwidth
from scr_live.bench.report import Row
from scr_live.engines import EngineInfo
from scr_live.engines.openvino import read_onnx
from scr_live.shipped import read_model


def write(path, node, inputs, weights):
    """One node from a float input of that shape, with one constant."""
    graph = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, inputs)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.zeros(weights, np.float32), "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


CASES = {
    # 4 x 4 answers in 5 channels, each of 3 channels and 9 places
    "convolution": (
        ("Conv", {"pads": [1, 1, 1, 1]}),
        (1, 3, 4, 4),
        (5, 3, 3, 3),
        4 * 4 * 5 * 3 * 9,
    ),
    # every other place, and the border is cut: 2 x 2 answers
    "strided": (("Conv", {"strides": [2, 2]}), (1, 3, 5, 5), (5, 3, 3, 3), 2 * 2 * 5 * 3 * 9),
    # 6 channels in 2 groups: an answer sees three of them
    "grouped": (("Conv", {"group": 2}), (1, 6, 4, 4), (8, 3, 1, 1), 4 * 4 * 8 * 3),
    # each channel by itself
    "depthwise": (
        ("Conv", {"group": 6, "pads": [2, 2, 2, 2]}),
        (1, 6, 4, 4),
        (6, 1, 5, 5),
        4 * 4 * 6 * 25,
    ),
    # every value in is spread over 2 x 2 places of 5 channels
    "transposed": (("ConvTranspose", {"strides": [2, 2]}), (1, 3, 4, 4), (3, 5, 2, 2), 4 * 4 * 3 * 5 * 4),
    "transposed and grouped": (
        ("ConvTranspose", {"strides": [2, 2], "group": 3}),
        (1, 3, 4, 4),
        (3, 1, 2, 2),
        4 * 4 * 3 * 1 * 4,
    ),
    "matrix product": (("MatMul", {}), (7, 11), (11, 13), 7 * 11 * 13),
    "many products": (("MatMul", {}), (2, 3, 7, 11), (11, 13), 2 * 3 * 7 * 11 * 13),
    "Gemm": (("Gemm", {}), (7, 11), (11, 13), 7 * 11 * 13),
    "Gemm, transposed": (("Gemm", {"transA": 1, "transB": 1}), (11, 7), (13, 11), 7 * 11 * 13),
    "nothing to multiply": (("Add", {}), (1, 3, 4, 4), (1, 3, 4, 4), 0),
}


@pytest.mark.parametrize("name", CASES)
def test_multiply_adds(name, tmp_path):
    (kind, attributes), inputs, weights, expected = CASES[name]
    path = write(
        tmp_path / "one.onnx", helper.make_node(kind, ["x", "w"], ["y"], **attributes), inputs, weights
    )
    assert sum(macs_by_layer(read_onnx(path)).values()) == expected


def test_an_open_side_cannot_be_counted(tmp_path):
    node = helper.make_node("Conv", ["x", "w"], ["y"])
    path = write(tmp_path / "one.onnx", node, (1, 3, "height", 4), (5, 3, 1, 1))
    with pytest.raises(ValueError, match="not fixed"):
        macs_by_layer(read_onnx(path))


def test_all_multiply_adds_of_a_file_are_found_in_the_layers_that_run(tmp_path):
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])
    path = write(tmp_path / "one.onnx", node, (1, 3, 128, 128), (32, 3, 3, 3))
    found = profile(unread_model(path), precision="fp32", threads=1, runs=2)
    assert found.macs == 128 * 128 * 32 * 3 * 9  # far more than a microsecond, below which none is counted
    assert sum(layer.macs for layer in found.layers) == found.macs


def test_a_quantised_file_is_counted_too(tmp_path):
    model = read_model(write_export(tmp_path, precisions=("fp32", "int8")))
    assert profile(model.variant(precision="int8"), precision="int8", threads=1, runs=1).macs == 16 * 16 * 3


# --- floors ---------------------------------------------------------------------------------------------


def layer(ms=1.0, macs=0, moved=0, precision="fp32"):
    return Layer("a", "Convolution", "jit", precision, ms, macs, moved, ("a",))


LIMITS = Limits(2, {"fp32": 1e9, "int8": 4e9}, Bandwidth({1000: 8e9, 1_000_000: 2e9}))


@pytest.mark.parametrize(
    ("one", "floor_ms"),
    [
        (layer(macs=1_000_000), 1.0),
        (layer(macs=1_000_000, precision="int8"), 0.25),
        (layer(macs=1_000_000, precision="bf16"), 0.25),  # not measured: against the best there is
        (layer(moved=1_000_000), 0.5),
        (layer(moved=1000), 1000 / 8e9 * 1000),  # out of a cache
        (layer(moved=4_000_000), 2.0),  # beyond the largest block
        (layer(macs=400_000, moved=1_000_000), 0.5),
        (layer(), 0.0),
    ],
)
def test_a_floor_is_the_larger_of_computing_and_moving(one, floor_ms):
    found = floor_of(Profile((one,), one.macs), LIMITS).layers[0]
    assert found.floor_ms == pytest.approx(floor_ms)
    assert found.times == (None if floor_ms == 0 else pytest.approx(1.0 / floor_ms))


def test_a_network_is_the_sum_of_its_layers():
    both = (layer(3.0, macs=1_000_000), layer(1.0, moved=1_000_000))
    found = floor_of(Profile(both, 1_000_000), LIMITS)
    assert (found.floor_ms, found.compute_ms, found.layers_ms) == pytest.approx((1.5, 1.0, 4.0))
    assert found.as_dict()["macs_found_in_layers"] == 1_000_000


def test_a_larger_block_that_is_copied_quicker_bounds_the_smaller_ones():
    assert Bandwidth({10: 1.0, 100: 3.0, 1000: 2.0}).at(5) == 3.0
    assert Bandwidth({10: 1.0, 100: 3.0, 1000: 2.0}).at(500) == 2.0
    assert Bandwidth({10: 1.0, 100: 3.0, 1000: 2.0}).at(5000) == 2.0


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_probes_keep_the_best_of_all_rounds(precision):
    ticks = iter(range(10**6))
    probes = PeakProbes(precision, 1, clock=lambda: next(ticks))  # every run takes one second
    assert probes.peak == 0.0
    probes.turn()
    assert probes.peak == max(64 * 64 * 9 * 56 * 56, 256 * 256 * 9 * 28 * 28, 768**3 * (precision == "fp32"))


def test_every_size_of_block_has_a_rate():
    rates = measure_bandwidth(2, sizes=(1 << 12, 1 << 14)).rates
    assert list(rates) == [1 << 12, 1 << 14]
    assert all(rate > 0 for rate in rates.values())


def test_one_file_at_two_sizes_has_two_floors(monkeypatch):
    asked = []

    def with_floor(row, info, _limits):
        asked.append(info.input_size)
        return row

    monkeypatch.setattr(limits, "_with_floor", with_floor)
    infos = [EngineInfo("openvino", "CPU", "fp32", size, model_sha256="1" * 64) for size in (64, 128, 64)]
    samples = samples_of([10.0])
    rows = [
        Row(Combination("model", "openvino", "fp32", info.input_size), info=info, samples=samples)
        for info in infos
    ]
    limits.floors(rows, None)
    assert asked == [64, 128]
