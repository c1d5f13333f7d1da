"""Building engines: what the libraries are given, what they say, and what is on the disk afterwards.

The builds by TensorRT-RTX are real ones, and need its package and no GPU.
"""

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from gpu_fakes import FakeCudart, FakeTensorRt, FakeTensorRtRtx, install
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from tiny_models import write_model

import scr_live
from scr_live.convert.to_tensorrt import MessageLog, build, load_library
from scr_live.convert.to_tensorrt.graph import form_of, prepared
from scr_live.errors import EngineUnavailableError, ModelError, UnknownEngineError
from scr_live.shipped import find_model, model_names

ROOT = Path(scr_live.__file__).parents[1]
needs_rtx = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx") is None, reason="tensorrt-rtx is not installed"
)


def graph_of(nodes, inputs, outputs):
    values = [helper.make_tensor_value_info(*value) for value in (*inputs, *outputs)]
    graph = helper.make_graph(nodes, "small", values[: len(inputs)], values[len(inputs) :])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("scr", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def saved(model, folder, name="small"):
    path = folder / f"{name}.onnx"
    onnx.save(model, path)
    return path


def with_a_node_nobody_knows(folder):
    node = helper.make_node("Fold", ["image"], ["answer"], name="the_fold", domain="scr")
    shape = (TensorProto.FLOAT, [1, 4])
    return saved(graph_of([node], [("image", *shape)], [("answer", *shape)]), folder)


def in_plugin_form(folder):
    names = ["up", "low", "flow"]
    node = helper.make_node("SemanticWarp", names, ["answer"], name="warp", domain="scr")
    inputs = [(name, TensorProto.FLOAT, [1, 2, 4, 4]) for name in names]
    return saved(graph_of([node], inputs, [("answer", TensorProto.FLOAT, [1, 2, 4, 4])]), folder)


# --- the graph ------------------------------------------------------------------------------------------


def test_uint8_goes_into_casts_alone_and_the_answer_stays_the_same(tmp_path, rng):
    nodes = [
        helper.make_node("Transpose", ["image"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["planes"], ["moved"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["image"], ["direct"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["moved"], ["a"], axes=[1], keepdims=0),
        helper.make_node("ReduceMean", ["direct"], ["b"], axes=[3], keepdims=0),
        helper.make_node("Add", ["a", "b"], ["answer"]),
    ]
    inputs = [("image", TensorProto.UINT8, ["batch", 4, 4, 3])]
    model = graph_of(nodes, inputs, [("answer", TensorProto.FLOAT, ["batch", 4, 4])])
    adapted = prepared(saved(model, tmp_path))
    readers = [node.op_type for node in adapted.graph.node if "image" in node.input]
    assert readers == ["Cast", "Cast"]
    sides = adapted.graph.input[0].type.tensor_type.shape.dim
    assert [side.dim_value for side in sides] == [1, 4, 4, 3]
    image = {"image": rng.integers(0, 256, (1, 4, 4, 3), dtype=np.uint8)}
    onnx.checker.check_model(adapted)
    found, wanted = (ReferenceEvaluator(each).run(None, image)[0] for each in (adapted, model))
    assert np.array_equal(found, wanted)


def test_an_open_size_is_refused_with_the_input_named(tmp_path):
    shape = (TensorProto.FLOAT, [1, "height", 4])
    model = graph_of(
        [helper.make_node("Relu", ["image"], ["answer"])], [("image", *shape)], [("answer", *shape)]
    )
    with pytest.raises(ModelError, match=r"image of .* leaves side 1 open"):
        prepared(saved(model, tmp_path))


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "holds no network"), (b"rubbish " * 50, "cannot be read"), (None, "does not")],
)
def test_what_is_no_onnx_file_is_a_model_error(content, words, tmp_path):
    path = tmp_path / "damaged.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=rf"damaged\.onnx .*{words}"):
        prepared(path)


def test_the_form_is_read_from_the_nodes(tmp_path):
    assert form_of(onnx.load(in_plugin_form(tmp_path))) == "plugin"
    assert form_of(onnx.load(write_model(tmp_path))) == "native"


# --- the libraries --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "module", "command"),
    [
        ("tensorrt", "tensorrt", '`pip install "scr-live[tensorrt]"`'),
        ("tensorrt-rtx", "tensorrt_rtx", '`pip install "scr-live[rtx]"`'),
    ],
)
def test_a_missing_library_gives_the_command_that_installs_it(name, module, command, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(EngineUnavailableError) as caught:
        load_library(name)
    assert command in str(caught.value)


def test_a_tensorrt_that_cannot_compile_the_plugin_into_an_engine_is_too_old(monkeypatch):
    install(monkeypatch, FakeCudart(), tensorrt=FakeTensorRt(None, version="10.12.0.36"))
    with pytest.raises(EngineUnavailableError, match=r"10\.13 or newer is needed, found 10\.12"):
        load_library("tensorrt")


def test_an_unknown_library_is_named_with_those_that_exist():
    with pytest.raises(UnknownEngineError, match=r"'openvino'.*tensorrt, tensorrt-rtx"):
        load_library("openvino")


@pytest.mark.parametrize(("version", "flags"), [("10.13.3.9", 1 << 1), ("11.4.0.106", 0)])
def test_every_network_is_strongly_typed_and_fp32_is_no_tf32(version, flags, monkeypatch, tmp_path):
    cudart = FakeCudart()
    library = FakeTensorRt(cudart, version=version)
    install(monkeypatch, cudart, tensorrt=library)
    built = build(write_model(tmp_path), library="tensorrt", out=tmp_path / "engines" / "tiny.engine")
    ((network, config),) = library.built
    assert network.flags == flags
    assert config.cleared == [library.BuilderFlag.TF32]
    assert built.path.read_bytes() == b"plan of a network"
    assert built.builder["gpu"] == "NVIDIA Fake 1"
    assert built.builder["compute_capability"] == "8.9"
    assert built.builder["version"] == version
    assert "[WARNING] a word of warning" in built.log
    assert built.path.with_name("tiny.engine.log").read_text() == built.log
    assert {path.name for path in built.path.parent.iterdir()} == {"tiny.engine", "tiny.engine.log"}


def test_timings_are_kept_and_taken_up_again(monkeypatch, tmp_path):
    cudart = FakeCudart()
    install(monkeypatch, cudart, tensorrt=FakeTensorRt(cudart))
    model, timings = write_model(tmp_path), tmp_path / "timings"
    for wanted in (b"+1", b"+1+1"):
        build(model, library="tensorrt", out=tmp_path / "tiny.engine", timing_cache=timings)
        assert timings.read_bytes() == wanted


def test_timings_that_cannot_be_kept_cost_only_time(monkeypatch, tmp_path):
    cudart = FakeCudart()
    install(monkeypatch, cudart, tensorrt=FakeTensorRt(cudart))
    (tmp_path / "timings").mkdir()
    built = build(
        write_model(tmp_path),
        library="tensorrt",
        out=tmp_path / "tiny.engine",
        timing_cache=tmp_path / "timings",
    )
    assert built.path.is_file()


def test_without_the_package_onnx_there_is_the_command_that_installs_it(monkeypatch, tmp_path):
    cudart = FakeCudart()
    install(monkeypatch, cudart, tensorrt=FakeTensorRt(cudart))
    model = write_model(tmp_path)
    monkeypatch.delitem(sys.modules, "scr_live.convert.to_tensorrt.graph")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(EngineUnavailableError, match=r'package onnx.*`pip install "scr-live\[tensorrt\]"`'):
        build(model, library="tensorrt", out=tmp_path / "tiny.engine")


@pytest.mark.parametrize(
    ("capability", "target", "stated"),
    [((8, 9), None, "8.0 and newer"), ((12, 0), None, "8.0 and newer"), ((7, 5), "SM75", "7.5")],
)
def test_an_rtx_engine_is_for_all_gpus_but_for_turing_it_is_its_own(
    capability, target, stated, monkeypatch, tmp_path
):
    cudart = FakeCudart(capability=capability)
    library = FakeTensorRtRtx(cudart)
    install(monkeypatch, cudart, tensorrt_rtx=library)
    built = build(write_model(tmp_path), library="tensorrt-rtx", out=tmp_path / "tiny.engine")
    assert library.built[0][1].capability == target
    assert built.builder["compute_capability"] == stated
    assert "gpu" not in built.builder


def test_tensorrt_without_a_gpu_is_unavailable_before_anything_is_written(monkeypatch, tmp_path):
    cudart = FakeCudart(driver=0)
    install(monkeypatch, cudart, tensorrt=FakeTensorRt(cudart))
    with pytest.raises(EngineUnavailableError, match="No NVIDIA driver"):
        build(write_model(tmp_path), library="tensorrt", out=tmp_path / "engines" / "tiny.engine")
    assert not (tmp_path / "engines").exists()


def test_the_plugin_form_is_refused_by_rtx_with_the_form_it_takes(monkeypatch, tmp_path):
    cudart = FakeCudart()
    install(monkeypatch, cudart, tensorrt_rtx=FakeTensorRtRtx(cudart))
    with pytest.raises(ModelError, match=r"takes no plugins.*native form"):
        build(in_plugin_form(tmp_path), library="tensorrt-rtx", out=tmp_path / "tiny.engine")
    assert not (tmp_path / "tiny.engine").exists()


def test_the_log_keeps_the_first_cause_and_leaves_out_what_a_missing_driver_adds():
    log = MessageLog()
    log.add(4, "chatter")
    log.add(1, "[checkMacros] (cudaError 35: CUDA driver version is insufficient for CUDA runtime version)")
    log.add(2, "careful")
    log.add(1, "Error Code 4: the cause\nCUDA driver version is insufficient for CUDA runtime version")
    log.add(1, "what followed")
    assert log.complaint == "Error Code 4: the cause"
    assert log.latest_complaint == "what followed"
    assert "chatter" not in log.text
    assert "[WARNING] careful" in log.text


# --- real builds ----------------------------------------------------------------------------------------


@needs_rtx
@pytest.mark.parametrize("name", model_names())
def test_the_shipped_models_become_rtx_engines_without_a_gpu(name, tmp_path):
    model = find_model(name)
    told = []
    built = build(model.path, library="tensorrt-rtx", out=tmp_path / "e.engine", progress=told.append)
    assert built.path.stat().st_size > model.path.stat().st_size
    assert built.builder["onnx_sha256"] == model.sha256
    assert built.builder["library"] == "tensorrt-rtx"
    assert "Engine generation completed" in built.log
    assert {path.name for path in tmp_path.iterdir()} == {"e.engine", "e.engine.log"}


@needs_rtx
@pytest.mark.parametrize("options", [{}, {"dtype": "float32", "layout": "NCHW"}, {"layout": "NCHW"}])
def test_models_of_every_layout_are_built(options, tmp_path):
    built = build(write_model(tmp_path, **options), library="tensorrt-rtx", out=tmp_path / "e.engine")
    assert built.path.stat().st_size > 0


@needs_rtx
def test_what_the_parser_refuses_is_a_model_error_that_names_the_node(tmp_path):
    nodes = [helper.make_node("StringNormalizer", ["image"], ["answer"], name="the_culprit")]
    shape = (TensorProto.FLOAT, [1, 4])
    path = saved(graph_of(nodes, [("image", *shape)], [("answer", *shape)]), tmp_path)
    old = tmp_path / "e.engine"
    old.write_bytes(b"an older engine")
    with pytest.raises(ModelError, match=r"node the_culprit \(StringNormalizer\): .*\S\. Export") as caught:
        build(path, library="tensorrt-rtx", out=old)
    assert "cudaError" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert old.read_bytes() == b"an older engine"
    assert "the_culprit" in (tmp_path / "e.engine.log").read_text()


CHILD = """
import os, signal, sys
from pathlib import Path
from scr_live.convert.to_tensorrt import build
def progress(text):
    os.kill(os.getpid(), {signal})
try:
    build(Path(sys.argv[1]), library="tensorrt-rtx", out=Path(sys.argv[2]), progress=progress)
except KeyboardInterrupt:
    print("interrupted")
"""


def build_and_end_by(number, out):
    code = CHILD.format(signal=int(number))
    model = find_model("scr-net-lite0").path
    return subprocess.run(
        [sys.executable, "-c", code, str(model), str(out)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


@needs_rtx
def test_ctrl_c_ends_a_build_and_leaves_no_engine(tmp_path):
    done = build_and_end_by(signal.SIGINT, tmp_path / "e.engine")
    assert (done.stdout, done.returncode) == ("interrupted\n", 0)
    assert {path.name for path in tmp_path.iterdir()} == {"e.engine.log"}
    assert "Engine generation completed" not in (tmp_path / "e.engine.log").read_text()  # it stopped midway


@needs_rtx
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_killed_build_leaves_no_engine_and_the_next_one_succeeds(tmp_path):
    out = tmp_path / "e.engine"
    assert build_and_end_by(signal.SIGKILL, out).returncode == -signal.SIGKILL
    assert not out.exists()
    out.with_name("e.engine.partial").write_bytes(b"half")
    build(find_model("scr-net-lite0").path, library="tensorrt-rtx", out=out)
    assert {path.name for path in tmp_path.iterdir()} == {"e.engine", "e.engine.log"}
