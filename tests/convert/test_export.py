"""The export, really made once: some 10 s on a slow core, most of it imports."""

import hashlib
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch, of the extra `export`")
pytest.importorskip("safetensors", reason="needs safetensors, of the extra `export`")
pytest.importorskip("onnx", reason="needs onnx, of the extra `export`")
pytest.importorskip("onnxscript", reason="needs onnxscript, of the extra `export`")

import onnx
import torch
from onnx import numpy_helper
from tiny_checkpoint import SIZE, trained_like, write_checkpoint

import scr_live
from scr_live.card import ModelCard, file_sha256
from scr_live.convert import making
from scr_live.convert.command import export
from scr_live.convert.config import ExportConfig
from scr_live.convert.making import Listeners
from scr_live.convert.runners import OnnxSession
from scr_live.convert.to_onnx import OPSET
from scr_live.engines.openvino import OpenVinoEngine
from scr_live.errors import ModelError
from scr_live.manifest import read_manifest
from scr_live.network.config import NetworkConfig
from scr_live.network.scr_net import Segmenter
from scr_live.phantom.options import PhantomOptions
from scr_live.phantom.render import render
from scr_live.shipped import read_model

torch.set_num_threads(1)
pytestmark = pytest.mark.timeout(180)  # whichever test comes first makes the export

FILES = ["tiny-fp16-plugin.onnx", "tiny-fp16.onnx", "tiny-plugin.onnx", "tiny.onnx"]


def ignore(*_):
    pass


QUIET = Listeners(note=ignore, progress=ignore, publishing=ignore)


def run(ckpt, out, **options):
    return export(ExportConfig(ckpt=ckpt, out=out, threads=1, **options), QUIET)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="module")
def exported(tmp_path_factory, checkpoint):
    """Export once; tests only read."""
    return run(checkpoint, tmp_path_factory.mktemp("export") / "new" / "tiny")


@pytest.fixture
def folder(exported):
    return exported.folder


def picture(seed=0, size=SIZE):
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)


def torch_answer(image, network=None):
    with torch.inference_mode():
        return Segmenter(network or trained_like()).eval()(torch.from_numpy(image[None]))[0].numpy()


def test_the_folder_holds_every_form_and_precision_the_card_and_the_manifest(folder):
    assert sorted(path.name for path in folder.iterdir()) == sorted([*FILES, "card.json", "manifest.json"])
    assert [path.name for path in folder.parent.iterdir()] == ["tiny"]


def test_openvino_answers_what_torch_answers(folder):
    expected = torch_answer(picture())
    assert np.ptp(expected) > 0.05  # a constant answer would prove nothing
    with OpenVinoEngine(read_model(folder / "tiny.onnx"), precision="fp32") as engine:
        assert np.abs(engine.infer(picture()) - expected).max() <= 1e-4


def test_the_card_describes_the_fp32_file_and_passes_its_check(folder):
    model = read_model(folder / "tiny.onnx")  # checks the hash
    digest = hashlib.sha256((folder / "tiny.onnx").read_bytes()).hexdigest()
    assert model.card == ModelCard(name="tiny", input_size=SIZE, threshold=0.4, sha256=digest)


def test_the_manifest_names_every_file_origin_and_figures(exported, checkpoint):
    folder, manifest = exported.folder, read_manifest(exported.folder)
    assert manifest == exported.manifest
    assert manifest.weights_sha256 == file_sha256(checkpoint)
    assert manifest.exporter["scr-live"] == scr_live.__version__
    assert sorted(one.file for one in manifest.artifacts) == FILES
    for one in manifest.artifacts:
        content = (folder / one.file).read_bytes()
        assert (one.sha256, one.bytes) == (hashlib.sha256(content).hexdigest(), len(content))
        assert (one.kind, one.opset, one.batch, one.input_size) == ("onnx", OPSET, 1, SIZE)
        assert one.parity
        for figures in one.parity.values():
            assert figures["images"] == 8
            assert figures["flipped_share"] < 0.01


@pytest.mark.parametrize("file", ["tiny.onnx", "tiny-fp16.onnx"])
def test_the_graph_takes_bytes_answers_probability_and_is_folded(folder, file):
    model = onnx.load(folder / file)
    (image,), (probability,) = model.graph.input, model.graph.output
    assert (image.name, probability.name) == ("image", "probability")
    assert image.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert probability.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    assert [side.dim_value for side in image.type.tensor_type.shape.dim] == [1, SIZE, SIZE, 3]
    assert [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")] == [OPSET]
    operators = [node.op_type for node in model.graph.node]
    assert operators.count("GridSample") == 4
    assert operators[0] == "Cast"  # TensorRT takes uint8 for nothing else
    assert not {"BatchNormalization", "Constant", "Identity", "Dropout"} & set(operators)
    assert {node.domain for node in model.graph.node} <= {"", "ai.onnx"}


@pytest.mark.parametrize("file", FILES)
def test_a_file_says_what_it_is_and_nothing_of_the_machine_that_made_it(folder, checkpoint, file):
    content, model = (folder / file).read_bytes(), onnx.load(folder / file)
    for place in (folder, Path(torch.__file__).parent, Path(scr_live.__file__).parent):
        assert str(place).encode() not in content
    for trace in (rb"\.py\b", b"site-packages", b"Traceback", b'File "', rb"[^\w.]/(home|root|usr|tmp)/"):
        assert not re.search(trace, content), trace
    assert {entry.key: entry.value for entry in model.metadata_props} == {
        "name": "tiny",
        "weights_sha256": file_sha256(checkpoint),
        "form": "plugin" if "plugin" in file else "native",
        "precision": "fp16" if "fp16" in file else "fp32",
        "scr-live": scr_live.__version__,
    }
    for node in model.graph.node:
        assert not node.doc_string
        assert not node.metadata_props


@pytest.fixture
def again(folder, tmp_path):
    """An earlier export, to be replaced."""
    shutil.copytree(folder, tmp_path / "again")
    return tmp_path / "again"


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_second_export_is_the_same_bytes(folder, checkpoint, again):
    (again / "tiny.onnx").unlink()
    run(checkpoint, again)
    assert contents(again) == contents(folder)


def test_an_export_of_less_takes_away_what_the_earlier_one_had_besides(
    folder, checkpoint, again, monkeypatch
):
    traced = onnx.load(folder / "tiny.onnx")  # takes the most time of an export
    monkeypatch.setattr(making, "trace", lambda *_, **__: traced)
    (again / "README.md").write_text("mine")
    run(checkpoint, again, precisions=("fp32",), forms=("native",))
    assert sorted(contents(again)) == ["README.md", "card.json", "manifest.json", "tiny.onnx"]
    assert (again / "tiny.onnx").read_bytes() == (folder / "tiny.onnx").read_bytes()


@pytest.fixture(scope="module")
def picture_set(tmp_path_factory):
    """Phantom frames as an image set without masks."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "images").mkdir()
    for index in range(6):
        frame, _ = render(PhantomOptions(width=64, height=64), 40 * index)
        assert cv2.imwrite(str(folder / "images" / f"{index}.png"), frame[..., ::-1])
    return folder


@pytest.fixture(scope="module")
def calm():
    """A network with few pixels near 0.5, as after training."""
    network = trained_like()
    with torch.no_grad():
        for side in network.side:
            side.weight.mul_(0.3)
            side.bias.fill_(-1.0)
    return network


@pytest.fixture(scope="module")
def open_batch(tmp_path_factory, calm, picture_set):
    """Export once, of another size than the card's and in every precision."""
    pytest.importorskip("onnxruntime", reason="needs onnxruntime, of the extra `export`")
    checkpoint = write_checkpoint(tmp_path_factory.mktemp("calm"), network=calm)
    out = tmp_path_factory.mktemp("open") / "out"
    precisions = ("fp32", "fp16", "int8")
    return run(checkpoint, out, batch=0, size=2 * SIZE, precisions=precisions, calibration=picture_set)


def test_an_open_batch_is_answered_picture_by_picture(open_batch, calm):
    size = 2 * SIZE
    runtime = pytest.importorskip("onnxruntime", reason="needs onnxruntime, of the extra `export`")
    assert {(one.batch, one.input_size) for one in open_batch.manifest.artifacts} == {(0, size)}
    images = np.stack([picture(seed, size) for seed in range(3)])
    session = runtime.InferenceSession(open_batch.folder / "tiny.onnx", providers=["CPUExecutionProvider"])
    (answers,) = session.run(None, {"image": images})
    assert answers.shape == (3, size, size)
    for image, answer in zip(images, answers, strict=True):
        assert np.abs(answer - torch_answer(image, calm)).max() <= 1e-4


def test_int8_in_both_forms_beside_the_fp32_file(open_batch):
    files = {one.file: one for one in open_batch.manifest.artifacts}
    assert sorted(files) == sorted([*FILES, "tiny-int8-plugin.onnx", "tiny-int8.onnx"])
    assert set(files["tiny-int8.onnx"].parity) == {"openvino int8", "onnxruntime int8"}
    operators = {node.op_type for node in onnx.load(open_batch.folder / "tiny-int8-plugin.onnx").graph.node}
    assert {"QuantizeLinear", "SemanticWarp"} <= operators
    assert any(note.startswith("int8: ") for note in open_batch.notes)
    assert any("Calibrated on 6 pictures" in note for note in open_batch.notes)


def test_an_engine_is_built_from_the_native_form_and_named_in_the_manifest(
    folder, checkpoint, tmp_path, monkeypatch
):
    pytest.importorskip("tensorrt_rtx", reason="needs tensorrt-rtx, of the extra `rtx`")
    traced = onnx.load(folder / "tiny.onnx")
    monkeypatch.setattr(making, "trace", lambda *_, **__: traced)
    made = run(checkpoint, tmp_path / "out", engines=("tensorrt-rtx",), precisions=("fp16",))
    (engine,) = (one for one in made.manifest.artifacts if one.kind != "onnx")
    assert (engine.file, engine.form, engine.precision) == ("tiny-fp16.rtx.engine", "native", "fp16")
    assert engine.sha256 == file_sha256(tmp_path / "out" / engine.file)
    native = made.manifest.find(precision="fp16")
    assert engine.builder["onnx_sha256"] == native.sha256
    names = {path.name for path in (tmp_path / "out").iterdir()}
    told = any(note.startswith(f"{engine.file} was built and has not run here: ") for note in made.notes)
    assert told is not bool(engine.parity)
    assert names == {*files_of(made), "card.json", "manifest.json", "tiny-fp16.rtx.engine.log"}


def files_of(made):
    return {one.file for one in made.manifest.artifacts}


def test_half_is_as_close_as_half_can_be(folder):
    pytest.importorskip("onnxruntime", reason="needs onnxruntime, of the extra `export`")
    card = ModelCard(name="tiny", input_size=SIZE)
    with OnnxSession(folder / "tiny-fp16.onnx", card, threads=1) as half:
        error = np.abs(half.infer(picture()) - torch_answer(picture()))
    assert 1e-7 < error.max() < 1e-2  # not the fp32 file under another name


@pytest.fixture(scope="module")
def without_warps(tmp_path_factory):
    """Export once, for two pictures at a time."""
    folder = tmp_path_factory.mktemp("without")
    network = trained_like(NetworkConfig(encoder="plain", width=4, scm=False, srm=False))
    return run(write_checkpoint(folder, network=network), folder / "out", batch=2)


def test_a_network_without_warps_has_its_native_form_alone(without_warps):
    assert [one.file for one in without_warps.manifest.artifacts] == ["tiny.onnx", "tiny-fp16.onnx"]


def test_a_batch_is_compared_by_what_takes_one(without_warps):
    """OpenVINO's engine takes one picture."""
    fp32, fp16 = without_warps.manifest.artifacts
    assert (fp32.batch, fp16.batch) == (2, 2)
    assert (set(fp32.parity), set(fp16.parity)) == ({"onnxruntime fp32"}, {"onnxruntime fp16"})


def test_an_export_that_computes_something_else_is_refused_and_leaves_nothing(
    folder, checkpoint, tmp_path, monkeypatch
):
    traced = onnx.load(folder / "tiny.onnx")

    def trace_unfaithfully(*_, **__):
        """As if the exporter had got one weight wrong."""
        weights = next(
            tensor for tensor in traced.graph.initializer if tensor.name.startswith("network.side.")
        )
        weights.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weights) + 0.01, weights.name))
        return traced

    monkeypatch.setattr(making, "trace", trace_unfaithfully)
    with pytest.raises(
        ModelError,
        match=r"tiny\.onnx differs from PyTorch, computed by openvino fp32.*0\.0001.*Nothing was written",
    ):
        run(checkpoint, tmp_path / "new" / "out")
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_leaves_nothing_and_the_earlier_export_as_it_was(folder, checkpoint, again):
    def interrupt(_text):
        assert len(list(again.parent.iterdir())) == 1
        working = {path.name for path in again.iterdir()} - {path.name for path in folder.iterdir()}
        assert working == {".again.partial", ".again.partial.lock"}
        raise KeyboardInterrupt

    config = ExportConfig(ckpt=checkpoint, out=again, forms=("native",), threads=1)
    with pytest.raises(KeyboardInterrupt):
        export(config, Listeners(note=interrupt, progress=ignore, publishing=ignore))
    assert contents(again) == contents(folder)
