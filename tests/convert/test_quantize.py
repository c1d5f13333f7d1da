import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="needs onnx, of the extra `export`")
pytest.importorskip("onnxruntime", reason="needs ONNX Runtime, of the extra `export`")

import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from tiny_convolutions import LABELS, PROJECT, SIZE, STEM, images, network, write_network

from scr_live.card import ModelCard
from scr_live.convert.quantize import quantize
from scr_live.errors import (
    DataError,
    EngineUnavailableError,
    ModelError,
    ModelNotFoundError,
    OutputUnwritableError,
)
from scr_live.shipped import Model

LOOSE = 1.0
"""A loss that everything stays below."""


@pytest.fixture
def source(tmp_path):
    return write_network(tmp_path / "tiny.onnx")


@pytest.fixture
def out(tmp_path):
    return tmp_path / "tiny-int8.onnx"


def made(source, out, **options):
    """Quantise; the result and the file."""
    options = {"images": images(), "max_loss": LOOSE} | options
    return quantize(source, out, **options), onnx.load(out)


def convolutions(model):
    """By the name of the float weights: its weights and the node that makes what it reads."""
    makers = {name: node for node in model.graph.node for name in node.output}
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    found = {}
    for label, node in zip(LABELS, (n for n in model.graph.node if n.op_type == "Conv"), strict=True):
        weights = makers.get(node.input[1])
        found[label] = (
            constants[node.input[1]] if weights is None else constants[weights.input[0]],
            makers[node.input[0]].op_type,
        )
    return found


def answers(path, pictures):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {"image": picture[None]})[0] for picture in pictures])


def test_every_convolution_reads_8_bits_and_weights_of_8_bits(source, out):
    result, model = made(source, out)
    onnx.checker.check_model(model, full_check=True)
    assert (result.kept, result.layers) == ((), 4)
    for weights, maker in convolutions(model).values():
        assert (weights.dtype, maker) == (np.int8, "DequantizeLinear")
        assert 48 < np.abs(weights).max() <= 64  # two products with a byte fit into 16 bits


def test_weights_have_a_step_a_channel_around_0_and_activations_one_of_uint8(source, out):
    _, model = made(source, out)
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear":
            assert constants[node.input[1]].shape == ()
            assert constants[node.input[2]].dtype == np.uint8
        elif node.op_type == "DequantizeLinear" and node.input[0] in constants:
            assert constants[node.input[1]].shape == constants[node.input[0]].shape[:1]
            assert not constants[node.input[2]].any()


def test_no_float_copy_of_quantised_weights_stays_in_the_file(source, out):
    _, model = made(source, out)
    floats = {t.name for t in model.graph.initializer if t.data_type == TensorProto.FLOAT}
    assert not {name for name in floats if name.endswith(".weight")}
    assert {name for name in floats if name.endswith(".bias")} == {f"{label}.bias" for label in LABELS}


def test_only_convolutions_are_quantised_and_inputs_and_outputs_stay(source, out):
    _, model = made(source, out)
    before = onnx.load(source)
    kinds = [node.op_type for node in model.graph.node if not node.op_type.endswith("eLinear")]
    assert sorted(kinds) == sorted(node.op_type for node in before.graph.node)
    assert list(model.graph.input) == list(before.graph.input)
    assert list(model.graph.output) == list(before.graph.output)
    assert list(model.opset_import) == list(before.opset_import)


def test_onnxruntime_answers_nearly_the_same(source, out):
    made(source, out)
    pictures = images(6)
    assert np.abs(answers(out, pictures) - answers(source, pictures)).mean() < 0.01


def test_openvino_answers_nearly_the_same_and_computes_in_int8(source, out):
    made(source, out)
    engines = pytest.importorskip("scr_live.engines.openvino", exc_type=ImportError)
    pictures = images(6)
    model = Model(out, ModelCard(name="tiny", input_size=SIZE), "")
    with engines.OpenVinoEngine(model, precision="fp32", threads=1) as engine:
        found = np.stack([engine.infer(picture) for picture in pictures])
        assert engine.info.precision == "int8"
    assert np.abs(found - answers(source, pictures)).mean() < 0.01


def test_a_layer_that_8_bits_spoil_stays_in_float(tmp_path, out):
    source = write_network(tmp_path / "loud.onnx", loud=True)
    result, model = made(source, out, max_loss=0.01)
    assert [kept.split()[0] for kept in result.kept] == [PROJECT]
    assert result.layers == 3
    assert result.loss <= 2 * 0.01
    weights, maker = convolutions(model)[PROJECT]
    assert (weights.dtype, maker) == (np.float32, "Relu")
    assert convolutions(model)[STEM][0].dtype == np.int8
    pictures = images(6)
    assert np.abs(answers(out, pictures) - answers(source, pictures)).mean() < 0.01


def test_a_layer_in_float_reads_unrounded_what_others_read_rounded(tmp_path, out):
    graph = network(loud=True)
    second = helper.make_node("Conv", ["deeper", "other.weight"], ["again"])
    graph.graph.node.insert(8, second)
    graph.graph.node[9].input[1] = "again"  # of the Add
    weights = np.zeros((8, 8, 1, 1), np.float32)
    graph.graph.initializer.append(numpy_helper.from_array(weights, "other.weight"))
    source = tmp_path / "two.onnx"
    onnx.save(graph, source)
    result, model = made(source, out, max_loss=0.01)
    assert [kept.split()[0] for kept in result.kept] == [PROJECT]
    readers = [node for node in model.graph.node if node.op_type == "Conv"]
    makers = {name: node.op_type for node in model.graph.node for name in node.output}
    assert [makers[node.input[0]] for node in readers[2:4]] == ["Relu", "DequantizeLinear"]


def test_equal_weights_of_a_layer_in_float_and_one_in_int8(tmp_path, out):
    graph = network(loud=True)
    weights = np.eye(8, dtype=np.float32)[:, :, None, None]
    graph.graph.initializer.append(numpy_helper.from_array(weights, "shared.weight"))
    for place, (read, written) in enumerate((("low", "low_again"), ("deeper", "deeper_again"))):
        graph.graph.node.insert(5 + 3 * place, helper.make_node("Conv", [read, "shared.weight"], [written]))
    graph.graph.node[6].input[0], graph.graph.node[9].input[0] = "low_again", "deeper_again"
    source = tmp_path / "shared.onnx"
    onnx.save(graph, source)
    made(source, out, max_loss=0.01)
    onnx.checker.check_model(onnx.load(out), full_check=True)
    assert np.isfinite(answers(out, images())).all()


def test_the_score_decides_and_gets_fp32_first(tmp_path, source, out):
    asked = []

    def score(path):
        """As if int8 were good enough from the second candidate on."""
        asked.append(path)
        assert len(answers(path, images(1))) == 1
        return {1: 0.9, 2: 0.88}.get(len(asked), 0.899)

    result, model = made(source, out, score=score, max_loss=0.005)
    assert asked[0] == source
    assert len(asked) == 3
    assert not asked[1].exists()
    assert (len(result.kept), result.layers) == (1, 3)
    assert result.loss == pytest.approx(0.001)
    assert sum(weights.dtype == np.float32 for weights, _ in convolutions(model).values()) == 1


def test_a_candidate_that_finds_no_room_is_told_and_nothing_stays(source, out):
    def refuse(path):
        if path != source:
            raise AssertionError("asked of a candidate that could not be written")
        (out.parent / f"candidate-{out.name}.partial").mkdir()  # in the way, as a full disk is
        return 0.9

    with pytest.raises(OutputUnwritableError, match="Cannot write"):
        quantize(source, out, images=images(), score=refuse)
    assert not out.exists()


def test_what_is_never_good_enough_is_refused_and_nothing_written(source, out):
    out.write_bytes(b"before")
    with pytest.raises(ModelError, match=r"still loses 0\.2000 with 2 of 4") as caught:
        quantize(source, out, images=images(), score=lambda path: 0.9 if path == source else 0.7)
    assert "fp16" in str(caught.value)
    assert out.read_bytes() == b"before"


def test_a_score_that_is_no_number_is_never_good_enough(source, out):
    with pytest.raises(ModelError, match="still loses nan"):
        quantize(source, out, images=images(), score=lambda path: float("nan"))
    assert not out.exists()


def test_progress_tells_what_is_done(source, out):
    lines = []
    made(source, out, progress=lines.append)
    assert "3 pictures" in lines[0]
    assert "0 of 4 convolutions in float" in lines[-1]


@pytest.mark.parametrize("batch", [2, "batch"])
def test_other_batches(tmp_path, source, out, batch):
    made(source, out)
    many = write_network(tmp_path / "many.onnx", batch=batch)
    _, model = made(many, tmp_path / "many-int8.onnx")
    steps = [
        {t.name: numpy_helper.to_array(t) for t in graph.graph.initializer if t.name.endswith("_scale")}
        for graph in (model, onnx.load(out))
    ]
    assert steps[0].keys() == steps[1].keys()
    assert all(np.allclose(steps[0][name], steps[1][name], rtol=1e-4) for name in steps[0])


def test_two_runs_give_equal_bytes_whatever_the_order_of_sets(tmp_path, out):
    source = write_network(tmp_path / "loud.onnx", loud=True)
    made(source, out, max_loss=0.01)
    code = (
        "import sys, hashlib; from pathlib import Path; sys.path.insert(0, sys.argv[1])\n"
        "from tiny_convolutions import images; from scr_live.convert.quantize import quantize\n"
        "out = Path(sys.argv[3]); quantize(Path(sys.argv[2]), out, images=images(), max_loss=0.01)\n"
        "print(hashlib.sha256(out.read_bytes()).hexdigest())"
    )
    arguments = [str(Path(__file__).parent), str(source), str(tmp_path / "again.onnx")]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={"PYTHONHASHSEED": "12345", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
        timeout=50,
    )
    assert done.stdout.split() == [hashlib.sha256(out.read_bytes()).hexdigest()]


def test_it_prints_nothing(source, out, capfd):
    made(source, out)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("pictures", "found"),
    [
        ([], "there are none"),
        ([np.zeros((8, 8, 3), np.uint8)], r"\(8, 8, 3\) uint8"),
        ([*images(2), np.zeros((SIZE, SIZE, 3), np.float32)], "Picture 2 .* float32"),
        ([np.zeros((3, SIZE, SIZE), np.uint8)], r"\(3, 16, 16\)"),
    ],
)
def test_pictures_of_another_kind_are_refused(source, out, pictures, found):
    with pytest.raises(DataError, match=found):
        quantize(source, out, images=pictures)
    assert not out.exists()


def test_no_file_at_all(tmp_path, out):
    with pytest.raises(ModelNotFoundError, match="There is no file"):
        quantize(tmp_path / "none.onnx", out, images=images())


@pytest.mark.parametrize("content", [b"", b"no ONNX at all", b"\x08\x0a"])
def test_a_file_of_another_kind(tmp_path, out, content):
    path = tmp_path / "other.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"other\.onnx cannot be quantised: expected a valid ONNX file"):
        quantize(path, out, images=images())


def test_half_is_refused(tmp_path, out):
    path = write_network(tmp_path / "half.onnx", half=True)
    with pytest.raises(ModelError, match=r"must be in fp32 .* float16"):
        quantize(path, out, images=images())


def test_int8_is_refused(source, out, tmp_path):
    made(source, out)
    with pytest.raises(ModelError, match="quantised already"):
        quantize(out, tmp_path / "twice.onnx", images=images())


def test_the_plugin_form_is_refused(tmp_path, out):
    graph = network()
    graph.graph.node[4].domain = "scr"
    graph.opset_import.append(helper.make_opsetid("scr", 1))
    path = tmp_path / "plugin.onnx"
    onnx.save(graph, path)
    with pytest.raises(ModelError, match="native form"):
        quantize(path, out, images=images())


def test_a_network_without_convolutions_is_refused(tmp_path, out):
    nodes = [
        helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["real"], ["answer"]),
    ]
    graph = helper.make_graph(
        nodes,
        "means",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, (1, SIZE, SIZE, 3))],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, (1, 1, 1, 1))],
    )
    path = tmp_path / "means.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)
    with pytest.raises(ModelError, match="no convolution"):
        quantize(path, out, images=images())


def test_another_input_is_refused(tmp_path, out):
    graph = network()
    graph.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT
    path = tmp_path / "floats.onnx"
    onnx.save(graph, path)
    with pytest.raises(ModelError, match=r"uint8.*found image \[1, 16, 16, 3\] float"):
        quantize(path, out, images=images())


def test_without_onnxruntime_it_says_what_to_install(source, out, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(EngineUnavailableError, match=r'pip install "scr-live\[export\]"'):
        quantize(source, out, images=images())
