import pytest
from tiny_models import write_card, write_export, write_model

from scr_live.card import file_sha256
from scr_live.errors import CardError, ModelNotFoundError
from scr_live.shipped import (
    DEFAULT_MODEL,
    data_dir,
    find_model,
    find_weights,
    model_for,
    model_names,
    read_model,
)


def test_the_default_model_is_shipped_and_whole():
    model = find_model(DEFAULT_MODEL)
    assert DEFAULT_MODEL in model_names()
    assert model.card.name == DEFAULT_MODEL
    assert model.card.sha256 == model.sha256 != ""
    assert model.path.is_relative_to(data_dir())


def test_a_path_with_its_card_is_a_model(tmp_path):
    path = write_model(tmp_path, threshold=0.3)
    model = find_model(str(path))
    assert (model.path, model.card.threshold) == (path, 0.3)


def test_a_file_without_a_card_is_refused(tmp_path):
    path = write_model(tmp_path)
    path.with_suffix(".json").unlink()
    with pytest.raises(CardError, match="has no card"):
        find_model(str(path))


def test_an_exchanged_file_is_refused(tmp_path):
    path = write_model(tmp_path)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(CardError, match="not the file its card describes"):
        find_model(str(path))


@pytest.mark.parametrize(
    "name",
    ["", ".", "nix", "nix.onnx", "../export/scr-net-lite0", "/", "a" * 300],
    ids=lambda name: name[:20],
)
def test_what_is_no_model_is_named_with_those_that_are_there(name):
    with pytest.raises(ModelNotFoundError, match=rf"No model .*{DEFAULT_MODEL}"):
        find_model(name)


def test_weights_are_not_for_the_onnx_engines():
    with pytest.raises(ModelNotFoundError, match="--engine pytorch"):
        find_model("folder/weights.safetensors")


def test_a_training_run_that_has_no_best_weights_yet_is_explained(tmp_path):
    with pytest.raises(ModelNotFoundError, match=r"best\.safetensors from the first validation on"):
        model_for("auto", str(tmp_path))


@pytest.mark.parametrize("name", ["nix", "nix.safetensors", "a" * 300], ids=lambda name: name[:20])
def test_weights_that_are_not_there(name):
    with pytest.raises(ModelNotFoundError, match="No weights for"):
        find_weights(name)


def test_an_onnx_file_is_no_weights(tmp_path):
    with pytest.raises(ModelNotFoundError, match=r"\.safetensors"):
        find_weights(str(write_model(tmp_path)))


def test_weights_are_found_by_path_with_their_card(tmp_path):
    path = tmp_path / "mine.safetensors"
    path.write_bytes(b"not read here")
    write_card(path, {"name": "mine", "input_size": 64})
    assert find_weights(str(path)) == read_model(path)


@pytest.fixture
def training_run(tmp_path):
    """The folder of a training run, as far as it matters here."""
    for name in ("best", "last"):
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(name.encode())
        write_card(path, {"name": "mine", "input_size": 64, "sha256": file_sha256(path)})
    return tmp_path


@pytest.mark.parametrize("engine", ["auto", "pytorch"])
def test_the_best_weights_of_a_run_are_taken(engine, training_run):
    best = training_run / "best.safetensors"
    assert model_for(engine, str(training_run)) == model_for(engine, str(best)) == read_model(best)
    assert read_model(best).holds_weights
    last = training_run / "last.safetensors"
    assert model_for(engine, str(last)).path == last


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_a_run_is_not_for_the_onnx_engines(engine, training_run):
    with pytest.raises(ModelNotFoundError, match="--engine pytorch"):
        model_for(engine, str(training_run))


def test_auto_takes_an_onnx_file_where_one_is_named(tmp_path):
    path = write_model(tmp_path)
    assert model_for("auto", str(path)).path == path
    assert not model_for("auto", DEFAULT_MODEL).holds_weights
    assert model_for("constant", "whatever") is None


# --- the other files of an export -----------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_a_variant_is_found_and_checked_by_the_manifest(precision, tmp_path):
    model = read_model(write_export(tmp_path))
    variant = model.variant(precision=precision)
    assert variant.precision == precision
    assert variant.sha256 == file_sha256(variant.path)
    assert variant.card.sha256 == variant.sha256
    assert variant.path.parent == tmp_path
    assert variant.variant(precision="fp32").path == model.path  # there and back


def test_a_variant_named_by_its_path_is_the_same(tmp_path):
    model = read_model(write_export(tmp_path))
    assert find_model(str(tmp_path / "tiny-int8.onnx")) == model.variant(precision="int8")
    assert model.precision == "fp32"


def test_a_variant_that_was_never_exported_is_told_with_the_command_that_writes_it(tmp_path):
    model = read_model(write_export(tmp_path, precisions=("fp32",)))
    with pytest.raises(ModelNotFoundError, match=r"no int8 file of tiny.*--precision int8 --calibration"):
        model.variant(precision="int8")
    with pytest.raises(ModelNotFoundError, match=r"no fp32 file in plugin form of tiny"):
        model.variant(precision="fp32", form="plugin")


def test_a_model_without_a_manifest_has_no_variants(tmp_path):
    with pytest.raises(
        ModelNotFoundError, match=r"no fp16 file.*manifest\.json would name it.*scr-live export"
    ):
        read_model(write_model(tmp_path)).variant(precision="fp16")


def test_a_variant_that_is_gone_is_named(tmp_path):
    model = read_model(write_export(tmp_path))
    (tmp_path / "tiny-fp16.onnx").unlink()
    with pytest.raises(ModelNotFoundError, match=r"names tiny-fp16\.onnx, which is gone"):
        model.variant(precision="fp16")


@pytest.mark.parametrize("find", ["by variant", "by path"])
def test_an_exchanged_variant_is_refused(find, tmp_path):
    model = read_model(write_export(tmp_path))
    path = tmp_path / "tiny-int8.onnx"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(CardError, match=r"tiny-int8\.onnx is not the file"):
        model.variant(precision="int8") if find == "by variant" else find_model(str(path))


def test_a_damaged_manifest_stops_no_run_of_the_file_the_card_describes(tmp_path):
    path = write_model(tmp_path)
    (tmp_path / "manifest.json").write_text("{", encoding="utf-8")
    assert find_model(str(path)).path == path
    with pytest.raises(CardError, match=r"manifest\.json cannot be read"):
        find_model(str(path)).variant(precision="int8")


def test_a_file_that_only_lies_beside_an_export_has_none_of_its_variants(tmp_path):
    write_export(tmp_path)
    stranger = read_model(write_model(tmp_path, name="stranger"))
    with pytest.raises(ModelNotFoundError, match="no int8 file of stranger"):
        stranger.variant(precision="int8")
