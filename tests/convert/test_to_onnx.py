"""The export, really made once: some 10 s on a slow core, most of it imports."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch, of the extra `train`")
pytest.importorskip("safetensors", reason="needs safetensors, of the extra `train`")
pytest.importorskip("onnx", reason="needs onnx, of the extra `train`")
pytest.importorskip("onnxscript", reason="needs onnxscript, of the extra `train`")

import onnx
import torch

import scr_live
from scr_live.card import ModelCard
from scr_live.convert.to_onnx import OPSET, export_onnx
from scr_live.engines.openvino import OpenVinoEngine
from scr_live.errors import ModelError
from scr_live.network.config import NetworkConfig
from scr_live.network.scr_net import ScrNet, Segmenter
from scr_live.shipped import read_model

torch.set_num_threads(1)
pytestmark = pytest.mark.timeout(180)  # whichever test comes first makes the export

SIZE = 32
CONFIG = NetworkConfig(encoder="plain", width=4)
CARD = ModelCard(name="tiny", input_size=SIZE, sha256="a" * 64, threshold=0.4, network=CONFIG.as_dict())


def trained_like(config=CONFIG):
    """Random, but with flows and side outputs of a size that errors would show in."""
    torch.manual_seed(0)
    network = ScrNet(config)
    with torch.no_grad():
        for name, value in network.named_parameters():
            if ".offset." in name or name.startswith("side."):
                value.copy_(torch.randn(value.shape) * 0.3)
    return network.eval()


def pictures(count=2):
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8) for _ in range(count)]


def torch_answer(network, image):
    with torch.inference_mode():
        return Segmenter(network).eval()(torch.from_numpy(image[None]))[0].numpy()


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    """Export once: the folder and the figures returned. Tests only read."""
    folder = tmp_path_factory.mktemp("export") / "tiny"
    return folder, export_onnx(trained_like(), CARD, folder=folder, images=pictures())


@pytest.fixture
def folder(export):
    return export[0]


@pytest.fixture
def graph(folder):
    return onnx.load(folder / "tiny.onnx")


def test_the_folder_holds_model_card_and_manifest(folder):
    assert sorted(path.name for path in folder.iterdir()) == ["card.json", "manifest.json", "tiny.onnx"]


def test_openvino_answers_what_torch_answers(folder):
    network, (image,) = trained_like(), pictures(1)
    expected = torch_answer(network, image)
    assert np.ptp(expected) > 0.05  # a constant answer would prove nothing
    with OpenVinoEngine(read_model(folder / "tiny.onnx"), precision="fp32") as engine:
        assert np.abs(engine.infer(image) - expected).max() <= 1e-4


def test_the_figures_are_measured_on_every_engine_at_hand(export):
    figures = export[1]
    assert figures["openvino fp32"].images == 2
    assert set(figures) <= {"openvino fp32", "openvino bf16", "onnxruntime fp32"}
    assert all(parity.max_error <= 1e-4 for name, parity in figures.items() if name.endswith("fp32"))


def test_the_card_describes_the_file_and_passes_its_check(folder):
    model = read_model(folder / "tiny.onnx")  # checks the hash
    digest = hashlib.sha256((folder / "tiny.onnx").read_bytes()).hexdigest()
    assert model.card == ModelCard(name="tiny", input_size=SIZE, threshold=0.4, sha256=digest)


def test_the_manifest_names_file_origin_and_figures(export):
    folder, figures = export
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    (artifact,) = manifest["artifacts"]
    content = (folder / artifact["file"]).read_bytes()
    assert artifact["sha256"] == hashlib.sha256(content).hexdigest()
    assert artifact["bytes"] == len(content)
    assert artifact["opset"] == OPSET
    assert artifact["input"]["shape"] == [1, SIZE, SIZE, 3]
    assert artifact["parity_with_pytorch"] == {name: parity.as_dict() for name, parity in figures.items()}
    assert manifest["weights_sha256"] == CARD.sha256
    assert manifest["exporter"]["scr-live"] == scr_live.__version__


def test_the_graph_takes_bytes_and_answers_probability(graph):
    (image,), (probability,) = graph.graph.input, graph.graph.output
    assert (image.name, probability.name) == ("image", "probability")
    assert image.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert probability.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    assert [entry.version for entry in graph.opset_import if entry.domain in ("", "ai.onnx")] == [OPSET]
    assert "GridSample" in {node.op_type for node in graph.graph.node}
    assert {node.domain for node in graph.graph.node} <= {"", "ai.onnx"}


def test_the_file_tells_nothing_of_the_machine_that_made_it(folder, graph):
    content = (folder / "tiny.onnx").read_bytes()
    for place in (folder, Path(torch.__file__).parent, Path(scr_live.__file__).parent):
        assert str(place).encode() not in content
    for trace in (rb"\.py\b", b"site-packages", b"Traceback", b'File "', rb"[^\w.]/(home|root|usr|tmp)/"):
        assert not re.search(trace, content), trace
    assert not graph.metadata_props
    for node in graph.graph.node:
        assert not node.doc_string
        assert not node.metadata_props


def test_a_second_export_is_the_same_file(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "again")  # over an older export
    export_onnx(trained_like(), CARD, folder=tmp_path / "again", images=pictures())
    for name in ("tiny.onnx", "card.json", "manifest.json"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes(), name


class Unfaithful(ScrNet):
    """Computes one thing when it is exported and another when it runs."""

    def forward(self, image):
        logits = super().forward(image)
        return logits if torch.compiler.is_exporting() else logits + 0.01


def test_an_export_that_computes_something_else_is_refused_and_leaves_nothing(tmp_path):
    torch.manual_seed(0)
    network = Unfaithful(NetworkConfig(encoder="plain", width=4, scm=False, srm=False))
    with pytest.raises(
        ModelError, match=r"differs from PyTorch on openvino fp32.*allowed 0\.0001.*Nothing was written"
    ):
        export_onnx(network, CARD, folder=tmp_path, images=pictures(1))
    assert not list(tmp_path.iterdir())


def test_an_export_without_pictures_to_compare_on_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one picture"):
        export_onnx(trained_like(), CARD, folder=tmp_path, images=[])
    assert not list(tmp_path.iterdir())
