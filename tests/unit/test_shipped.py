import pytest
from tiny_models import write_card, write_model

from scr_live.errors import CardError, ModelNotFoundError
from scr_live.shipped import (
    DEFAULT_MODEL,
    data_dir,
    find_model,
    find_weights,
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
