"""Combinations: opened, refused, measured side by side, written down."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest
from bench_fakes import samples_of
from onnx import TensorProto, helper, numpy_helper
from tiny_models import write_model

from scr_live.bench.cards import UnreadCard
from scr_live.bench.combinations import Combination, open_combination, product_of
from scr_live.bench.command import measure_engines
from scr_live.bench.config import BenchConfig, check
from scr_live.bench.load import load_notes
from scr_live.bench.memory import peak_growth_mb, peak_in
from scr_live.bench.report import Report, Row
from scr_live.engines.constant import ConstantEngine
from scr_live.errors import CardError, EngineUnavailableError, OptionError
from scr_live.machine import Load, others_share

QUICK = {"rounds": 2, "frame": (96, 64), "has_memory": False, "has_floor": False, "has_throughput": False}


def test_the_product_has_everything_and_the_first_first():
    found = list(product_of(("a", "b"), ("x", "y"), ("1", "2"), (None,)))
    assert len(found) == 8
    assert found[0] == Combination("a", "x", "1")
    assert len({one.label for one in found}) == 8


def test_what_cannot_run_is_a_row_with_its_reason(tmp_path):
    path = write_model(tmp_path)
    config = BenchConfig((str(path), "nothing-here"), ("openvino",), ("fp32", "int8"), **QUICK)
    report = measure_engines(config)
    assert [row.is_measured for row in report.rows] == [True, False, False, False]
    assert "int8" in report.rows[1].reason
    assert "nothing-here" in report.rows[2].reason
    assert report.rounds == 2
    assert report.first is report.rows[0]


def test_an_engine_that_fails_in_a_round_has_its_reason_and_the_others_go_on():
    def opener(combination, *, threads, progress):
        return ConstantEngine(16, fail_after=20 if combination.precision == "fp16" else None)

    config = BenchConfig(("m",), ("constant",), ("fp32", "fp16"), **{**QUICK, "rounds": 30})
    report = measure_engines(config, opener=opener)
    assert [row.is_measured for row in report.rows] == [True, False]
    assert "told to fail" in report.rows[1].reason
    assert len(report.rows[0].samples.infer) == 30


def test_ratios_are_to_the_first_that_runs():
    rows = (
        Row(Combination("a", "x", "1"), "it cannot"),
        Row(Combination("b", "x", "1"), samples=samples_of([2.0], [4.0], rate=[10.0, 20.0])),
        Row(Combination("c", "x", "1"), samples=samples_of([1.0], [2.0], rate=[30.0, 60.0])),
    )
    report = Report(BenchConfig(), rows, 2, (), {}, {})
    told = report.as_dict()["rows"]
    assert report.first is rows[1]
    assert told[0] == {
        "label": "a x 1",
        "asked": {"model": "a", "engine": "x", "precision": "1", "size": None},
        "reason": "it cannot",
    }
    assert told[1]["ratio_to_first"]["infer"]["median"] == 1.0
    assert told[2]["ratio_to_first"]["infer"]["median"] == 0.5
    assert told[2]["in_flight"]["ratio_to_first"]["median"] == 3.0


def test_what_is_written_has_protocol_machine_load_and_figures(tmp_path):
    path = write_model(tmp_path)
    config = BenchConfig((str(path),), ("openvino",), ("fp32",), **{**QUICK, "has_floor": True}, threads=1)
    report = measure_engines(config)
    told = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert set(told) == {"schema", "protocol", "rows", "limits", "load", "notes", "machine"}
    assert set(told["protocol"]) == {"text", "rounds", "seed", "threads", "frame", "seconds"}
    assert {"cpu", "cores", "packages", "instruction_sets", "clocks_mhz", "governor"} <= set(told["machine"])
    assert set(told["load"]) == {"average_before", "average_after", "others_share_of_cores"}
    (row,) = told["rows"]
    assert set(row["ms"]) == {"prepare", "infer", "finish", "whole"}
    keys = {"count", "mean", "p50", "p95", "p99", "least", "most", "median", "interval_95"}
    assert set(row["ms"]["infer"]) == keys
    assert row["ms"]["infer"]["count"] == sum(map(len, report.rows[0].samples.infer))
    assert len(row["round_medians_ms"]) == 2
    assert row["engine"]["precision"] == "fp32"
    assert row["floor"]["macs"] == 16 * 16 * 3
    assert told["limits"][0]["threads"] == 1
    assert told["limits"][0]["gmacs_a_second"]["fp32"] > 0


def test_an_engine_that_computes_nothing_has_no_floor():
    config = BenchConfig(("",), ("constant",), ("auto",), **{**QUICK, "has_floor": True})
    report = measure_engines(config)
    assert report.limits == ()
    assert (report.rows[0].floor, report.rows[0].no_floor) == (None, "it computes nothing")


# --- files without a card -------------------------------------------------------------------------------


def write_bare(path, kind, shape):
    """A file without a card whose answer is no probability map."""
    axes = numpy_helper.from_array(np.array([1, 2, 3]), "axes")
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["x"], ["real"], to=TensorProto.FLOAT),
            helper.make_node("ReduceSum", ["real", "axes"], ["y"]),
        ],
        "bare",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [axes],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


@pytest.mark.parametrize(
    ("kind", "shape", "layout"),
    [(TensorProto.UINT8, (1, 24, 24, 3), "NHWC"), (TensorProto.FLOAT, (1, 3, 24, 24), "NCHW")],
)
def test_a_file_without_a_card_is_fed_with_what_it_takes(kind, shape, layout, tmp_path):
    path = write_bare(tmp_path / "peer.onnx", kind, shape)
    combination = Combination(str(path), "openvino", "fp32")
    card = combination.find().card
    assert (card.input_size, card.layout) == (24, layout)
    assert isinstance(card, UnreadCard)
    report = measure_engines(BenchConfig((str(path),), ("openvino",), ("fp32",), **QUICK))
    assert report.rows[0].is_measured
    with open_combination(combination) as engine:
        assert not engine.infer(np.full((24, 24, 3), 255, np.uint8)).any()


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((1, 3, 24, 32), "float32"),
        ((1, 24, 24, 4), "uint8"),
        ((1, 3, None, None), "float32"),
        ((1, 3, 24, 24), "uint8"),
        ((2, 3, 24, 24), "float32"),
        ((1, 3, 24, 24), "float16"),
        ((3,), "float32"),
    ],
)
def test_what_cannot_be_fed_without_a_card_is_refused(shape, dtype):
    with pytest.raises(CardError, match="has no card"):
        UnreadCard.of_input("peer", shape, dtype)


def test_a_card_that_is_wrong_is_not_passed_over(tmp_path):
    path = write_model(tmp_path)
    path.with_suffix(".json").write_text("{}", encoding="utf-8")
    with pytest.raises(CardError, match="missing keys"):
        Combination(str(path), "openvino", "fp32").find()


def test_a_fixed_file_is_refused_at_another_size(tmp_path):
    path = write_model(tmp_path)
    with pytest.raises(EngineUnavailableError, match="one size alone: --size 24"):
        open_combination(Combination(str(path), "openvino", "fp32", 24))


# --- the rest -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"precisions": ("fp31",)}, "Unknown precision 'fp31'"),
        ({"seconds": 0.0}, "--seconds"),
        ({"rounds": 0}, "--rounds"),
        ({"frame": (10, 10)}, "--frame"),
        ({"sizes": (0,)}, "--size"),
        ({"engines": ("openvino", "")}, "--engine has an empty name"),
        ({"is_realtime": True}, "--pipeline"),
        ({"pipeline": "a.mp4", "has_layers": True}, "--layers"),
        ({"models": tuple(map(str, range(65)))}, "65 combinations"),
    ],
)
def test_what_cannot_be_meant_is_refused(options, words):
    with pytest.raises(OptionError, match=words):
        check(BenchConfig(**options))


def test_memory_is_what_the_engine_adds(tmp_path):
    path = write_model(tmp_path)
    if peak_in(Path("/proc/self/status")) is None:
        pytest.skip("this system does not tell the peak of a process")
    grown = peak_growth_mb(Combination(str(path), "openvino", "fp32"), threads=1)
    assert grown > 1.0  # OpenVINO's libraries at least
    assert peak_growth_mb(Combination("nothing-here", "openvino", "fp32"), threads=1) is None


def test_the_peak_is_read_from_what_linux_tells(tmp_path):
    status = tmp_path / "status"
    assert peak_in(status) is None
    status.write_text("VmPeak:\t 9 kB\nVmHWM:\t    2000 kB\nVmRSS:\t 7 kB\n")
    assert peak_in(status) == pytest.approx(2.048)


def test_a_busy_machine_is_told():
    assert load_notes(0.1, 0.01, 2) == load_notes(None, None, 2) == []
    assert load_notes(1.5, 0.01, 2) == []  # it lags behind
    assert "The machine was busy" in load_notes(1.5, None, 2)[0]
    assert "Others had 20% of the processor" in load_notes(1.5, 0.2, 2)[0]
    assert "(load average 1.5 on 2 cores before)" in load_notes(1.5, 0.2, 2)[0]


def test_what_others_had_is_the_machine_less_ourselves(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    share = partial(others_share, Load(0.0, 100.0, 10.0), wall_s=10.0)
    assert share(Load(0.0, 112.0, 20.0)) == pytest.approx(0.1)
    assert share(Load(0.0, 105.0, 20.0)) == 0.0
    assert share(Load(0.0, None, 20.0)) is None
