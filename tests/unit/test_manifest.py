import json
import re

import pytest

from scr_live.errors import CardError, OutputUnwritableError
from scr_live.manifest import Artifact, Manifest, read_manifest, write_manifest

ONNX = Artifact(
    file="tiny.onnx",
    kind="onnx",
    form="native",
    precision="fp32",
    sha256="a" * 64,
    bytes=12,
    input_size=64,
    opset=18,
    parity={"openvino fp32": {"images": 4, "max_error": 1e-6}},
)
ENGINE = Artifact(
    file="tiny-fp16.engine",
    kind="tensorrt",
    form="plugin",
    precision="fp16",
    sha256="b" * 64,
    bytes=34,
    input_size=64,
    batch=0,
    builder={"tensorrt": "11.4", "gpu": "some"},
)
MANIFEST = Manifest("tiny", "c" * 64, {"scr-live": "0"}, (ONNX, ENGINE))


def test_what_is_written_is_read(tmp_path):
    write_manifest(tmp_path, MANIFEST)
    assert read_manifest(tmp_path) == MANIFEST


def test_a_folder_without_a_manifest_has_none(tmp_path):
    assert read_manifest(tmp_path) is None
    assert read_manifest(tmp_path / "missing") is None


def test_an_artifact_is_found_by_kind_form_and_precision():
    assert MANIFEST.find(precision="fp32") is ONNX
    assert MANIFEST.find(kind="tensorrt", form="plugin", precision="fp16") is ENGINE
    assert MANIFEST.find(precision="fp16") is None
    assert MANIFEST.find(form="plugin", precision="fp32") is None


def test_the_file_describes_input_and_output(tmp_path):
    write_manifest(tmp_path, MANIFEST)
    onnx, engine = json.loads((tmp_path / "manifest.json").read_text())["artifacts"]
    assert onnx["input"]["shape"] == [1, 64, 64, 3]
    assert onnx["output"] == {
        "name": "probability",
        "dtype": "float32",
        "shape": [1, 64, 64],
        "meaning": "probability of a polyp",
    }
    assert engine["input"]["shape"] == ["batch", 64, 64, 3]


def damage(tmp_path, change):
    values = json.loads(json.dumps(MANIFEST.as_dict()))
    change(values)
    (tmp_path / "manifest.json").write_text(json.dumps(values))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("file", "../elsewhere.onnx"),
        ("file", "folder\\name.onnx"),
        ("file", ""),
        ("kind", "coreml"),
        ("kind", ["onnx"]),
        ("form", None),
        ("precision", "fp8"),
        ("sha256", "A"),
        ("bytes", -1),
        ("bytes", True),
        ("batch", "any"),
        ("opset", 1.5),
        ("parity_with_pytorch", {"openvino fp32": {"max_error": "small"}}),
        ("builder", {"gpu": 1}),
    ],
)
def test_a_damaged_artifact_is_refused_with_what_is_wrong(tmp_path, key, value):
    damage(tmp_path, lambda values: values["artifacts"][1].update({key: value}))
    with pytest.raises(CardError, match=rf"damaged: {key} must be .*scr-live export"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("key", ["name", "weights_sha256", "exporter", "artifacts"])
def test_what_is_missing_is_named(tmp_path, key):
    damage(tmp_path, lambda values: values.pop(key))
    with pytest.raises(CardError, match=re.escape(f"{key} must be")):
        read_manifest(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"schema": 1}', '{"schema": 9}', '{"schema": [1]}'])
def test_what_is_no_manifest_is_refused(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(CardError, match=re.escape("manifest.json")):
        read_manifest(tmp_path)


def test_a_folder_that_is_not_there_is_not_written_to(tmp_path):
    with pytest.raises(OutputUnwritableError):
        write_manifest(tmp_path / "missing", MANIFEST)
