import json
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scr_live.card import ModelCard, check_hash, file_sha256, find_card, read_card
from scr_live.errors import CardError, InferenceError, ModelError

GOOD = {"name": "mine", "input_size": 4}


def card(**changes):
    return ModelCard.from_dict({**GOOD, **changes}, origin="the card")


def test_what_is_written_is_what_is_read(tmp_path):
    original = card(
        layout="NCHW",
        dtype="float32",
        color="BGR",
        mean=[1, 2, 3],
        std=[4, 5, 6],
        output="class_logits",
        output_channel=1,
        threshold=0.4,
        network={"encoder": "plain", "width": None},
    )
    path = tmp_path / "card.json"
    path.write_text(json.dumps(original.as_dict()), encoding="utf-8")
    assert read_card(path) == original


def test_name_and_size_are_enough():
    plain = card()
    assert (plain.layout, plain.dtype, plain.color, plain.output) == ("NHWC", "uint8", "RGB", "probability")
    assert plain.threshold == 0.5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, "name"),
        ({"name": 3}, "name"),
        ({"input_size": 0}, "from 1 to 4096"),
        ({"input_size": 5000}, "from 1 to 4096"),
        ({"input_size": "352"}, "input_size"),
        ({"input_size": True}, "input_size"),
        ({"input_size": 352.0}, "input_size"),
        ({"layout": "HWC"}, "NHWC, NCHW"),
        ({"layout": None}, "NHWC, NCHW"),
        ({"dtype": "float16"}, "uint8, float32"),
        ({"color": "bgr"}, "RGB, BGR"),
        ({"output": "mask"}, "probability, logits, class_logits"),
        ({"output_channel": -1}, "output_channel"),
        ({"output_channel": "0"}, "output_channel"),
        ({"dtype": "float32", "mean": [1, 2]}, "list of three numbers"),
        ({"dtype": "float32", "mean": 1}, "list of three numbers"),
        ({"dtype": "float32", "mean": [1, 2, "x"]}, "list of three numbers"),
        ({"dtype": "float32", "mean": [1, 2, math.nan]}, "list of three numbers"),
        ({"dtype": "float32", "std": [1, 0, 1]}, "above zero"),
        ({"dtype": "float32", "std": [1, -1, 1]}, "above zero"),
        ({"dtype": "float32", "std": [1, math.inf, 1]}, "list of three numbers"),
        ({"mean": [1, 2, 3]}, "left out for uint8"),
        ({"std": [2, 2, 2]}, "left out for uint8"),
        ({"threshold": 0}, "threshold"),
        ({"threshold": 1}, "threshold"),
        ({"threshold": math.nan}, "threshold"),
        ({"threshold": "0.5"}, "threshold"),
        ({"sha256": "abc"}, "64 hexadecimal"),
        ({"sha256": 7}, "64 hexadecimal"),
        ({"network": "lite0"}, "network"),
        ({"sise": 3}, r"unknown keys \['sise'\]"),
    ],
    ids=str,
)
def test_a_wrong_field_is_named(changes, words):
    with pytest.raises(CardError, match=words):
        card(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"dtype": "float32", "mean": [10**400, 0, 0]},
        {"dtype": "float32", "std": [1, 1, 10**400]},
        {"input_size": 10**400},
        {"input_size": 10**5000},
        {"output_channel": -(10**5000)},
        {"threshold": 10**5000},
        {"layout": "N" * 9999},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_number_or_text_without_end_is_a_short_card_error(changes):
    with pytest.raises(CardError, match="of a model card must be") as caught:
        card(**changes)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("values", [[], "card", None, 3])
def test_a_card_is_an_object(values):
    with pytest.raises(CardError, match="JSON object"):
        ModelCard.from_dict(values, origin="the card")


def test_a_byte_order_mark_does_no_harm(tmp_path):
    (tmp_path / "card.json").write_text(json.dumps(GOOD), encoding="utf-8-sig")
    assert read_card(tmp_path / "card.json") == card()


@pytest.mark.parametrize("missing", ["name", "input_size"])
def test_a_missing_key_is_named(missing):
    with pytest.raises(CardError, match=rf"missing keys \['{missing}'\]"):
        ModelCard.from_dict({key: value for key, value in GOOD.items() if key != missing}, origin="the card")


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(("", "RGB", "a")), st.lists
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # of a loaded machine
@given(st.dictionaries(st.sampled_from(list(ModelCard.__dataclass_fields__)), JSON_VALUES))
def test_whatever_json_says_it_is_a_card_or_a_card_error(values):
    try:
        made = ModelCard.from_dict(values, origin="the card")
    except CardError:
        return
    assert made.input_size >= 1


# --- files ----------------------------------------------------------------------------------------------


def test_the_card_of_its_own_name_goes_first(tmp_path):
    model = tmp_path / "x.onnx"
    (tmp_path / "card.json").write_text("{}")
    assert find_card(model).name == "card.json"
    (tmp_path / "x.json").write_text("{}")
    assert find_card(model).name == "x.json"


def test_a_missing_card_says_which_files_were_expected(tmp_path):
    with pytest.raises(CardError, match=r"x\.json or card\.json"):
        find_card(tmp_path / "x.onnx")


NO_JSON = {
    "empty": b"",
    "broken": b"{",
    "UTF-16": b"\xff\xfe{}",
    "Python": b"{'name': 1}",
    "digits": b'{"name": "a", "input_size": ' + b"3" * 5000 + b"}",
    "nested": b"[" * 100_000,
    "nested object": b'{"a":' * 100_000,
}


@pytest.mark.parametrize("content", NO_JSON.values(), ids=NO_JSON)
def test_what_is_no_json_is_a_card_error(content, tmp_path):
    path = tmp_path / "card.json"
    path.write_bytes(content)
    with pytest.raises(CardError, match="cannot be read as JSON"):
        read_card(path)


def test_a_card_that_is_not_there_is_a_card_error(tmp_path):
    with pytest.raises(CardError, match="does not exist"):
        read_card(tmp_path / "card.json")


def test_the_hash_is_checked(tmp_path):
    model = tmp_path / "x.onnx"
    model.write_bytes(b"abc")
    right = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert check_hash(model, card()) == right
    assert check_hash(model, card(sha256=right)) == right
    assert check_hash(model, card(sha256=right.upper())) == right
    with pytest.raises(CardError, match=r"states sha256 0000.*the file has ba7816bf8f01cfea"):
        check_hash(model, card(sha256="0" * 64))


def test_a_model_that_cannot_be_read_is_a_model_error(tmp_path):
    with pytest.raises(ModelError, match="cannot be read"):
        file_sha256(tmp_path)


# --- pixels in, probability out -------------------------------------------------------------------------


def test_the_input_is_what_the_card_says(rng):
    image = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    same = card().to_input(image)
    assert same.dtype == np.uint8
    assert np.array_equal(same, image[None])
    other = card(layout="NCHW", dtype="float32", color="BGR", mean=[10, 20, 30], std=[2, 4, 8]).to_input(
        image
    )
    assert other.dtype == np.float32
    assert other.flags.c_contiguous
    for channel, (mean, std) in enumerate(((10, 2), (20, 4), (30, 8))):
        assert np.allclose(other[0, channel], (image[..., 2 - channel].astype(float) - mean) / std)


@pytest.mark.parametrize("shape", [(4, 4), (3, 4, 4), (4, 5, 3), (4, 4, 4), (1, 4, 4, 3), (0,)])
def test_what_is_no_picture_of_that_size_is_refused(shape):
    with pytest.raises(InferenceError, match=r"takes \(4, 4, 3\) uint8"):
        card().to_input(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("shape", [(4, 4), (1, 4, 4), (1, 1, 4, 4)])
def test_leading_axes_of_one_do_not_matter(shape):
    answer = card().to_probability(np.full(shape, 0.25))
    assert answer.shape == (4, 4)
    assert answer.dtype == np.float32


def test_logits_go_through_a_sigmoid_that_does_not_overflow():
    logits = np.array([[-1e30, -1000, -1, 0], [1, 2, 1000, 1e30], [0] * 4, [0] * 4])
    answer = card(output="logits").to_probability(logits)
    assert np.allclose(answer[:2].ravel(), [0, 0, 0.26894142, 0.5, 0.73105858, 0.88079708, 1, 1])


def test_class_logits_go_through_a_softmax_that_does_not_overflow():
    planes = np.zeros((3, 4, 4))
    planes[1] = 1000
    planes[2, 0, 0] = 1000 + math.log(3)
    answer = card(output="class_logits", output_channel=2).to_probability(planes)
    assert answer[0, 0] == pytest.approx(0.75, abs=1e-4)
    assert answer[1, 1] == 0


def test_the_polyp_channel_is_taken():
    planes = np.stack([np.full((4, 4), value) for value in (0.1, 0.2, 0.3)])
    assert np.allclose(card(output_channel=1).to_probability(planes), 0.2)


@pytest.mark.parametrize(
    "answer",
    [
        np.float32(0.5),
        np.zeros(16),
        np.zeros((4, 5)),
        np.zeros((0, 4, 4)),
        np.zeros((4, 4, 1)),
        np.full((4, 4), np.nan),
        np.full((4, 4), 1.01),
        np.full((4, 4), -0.01),
    ],
    ids=["number", "line", "oblong", "nothing", "channel last", "nan", "above one", "below zero"],
)
def test_what_is_no_probability_map_is_refused(answer):
    with pytest.raises(InferenceError):
        card().to_probability(answer)


def test_the_answer_is_no_view_of_the_engines_memory():
    memory = np.zeros((1, 4, 4), np.float32)
    answer = card().to_probability(memory)
    memory[:] = 1
    assert answer.max() == 0


@pytest.mark.parametrize(
    "inputs",
    [
        [],
        [((1, 4, 4, 3), "float32")],
        [((1, 3, 4, 4), "uint8")],
        [((1, 4, 4), "uint8")],
        [((), "uint8")],
        [((2, 4, 4, 3), "uint8")],
        [((1, 4, 4, 3), "uint8"), ((1,), "float32")],
    ],
)
def test_inputs_of_a_file_that_are_not_the_cards_are_refused(inputs):
    with pytest.raises(CardError, match="promises one input, uint8 of 1 x 4 x 4 x 3"):
        card().check_inputs(inputs)


@pytest.mark.parametrize("shape", [(1, 4, 4, 3), (None, 4, 4, 3), (None, None, None, None)])
def test_a_file_may_leave_sides_open(shape):
    card().check_inputs([(shape, "uint8")])
