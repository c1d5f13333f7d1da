"""What viewers may ask for is read one way, on both sides of the connection."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scr_live.sinks.web.changes import checked


def test_what_can_be_meant():
    body = {
        "recording": True,
        "overlay": False,
        "threshold": 0.4,
        "alert_after_s": 2,
        "snapshot": True,
        "withdrawal": True,
    }
    assert checked(body) == body


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (None, "Send a JSON object"),
        ([], "Send a JSON object"),
        ({}, "Send a JSON object"),
        ({"volume": 1}, "'volume' cannot be changed"),
        ({"overlay": 1}, "overlay must be true or false; found 1"),
        ({"recording": "/etc/passwd"}, "recording must be true or false; found '/etc/passwd'"),
        ({"overlay": None}, "overlay must be true or false; found None"),
        ({"threshold": 0}, "threshold must be a number from 0.01 to 0.99; found 0"),
        ({"threshold": 1.0}, "threshold must be a number"),
        ({"threshold": True}, "threshold must be a number"),
        ({"threshold": "0.5"}, "threshold must be a number"),
        ({"threshold": float("nan")}, "threshold must be a number"),
        ({"threshold": 10**400}, "threshold must be a number"),
        ({"alert_after_s": 11}, "alert_after_s must be a number from 0 to 10; found 11"),
        ({"snapshot": False}, "snapshot can only be true"),
        ({"x" * 1000: 1}, r"x{10,39}\.\.\. cannot be changed"),
    ],
)
def test_what_cannot_be_meant_is_a_sentence(body, words):
    with pytest.raises(ValueError, match=words):
        checked(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["threshold"]), inner),
)


@given(json_values)
def test_anything_is_either_meant_or_a_sentence(body):
    try:
        changes = checked(body)
    except ValueError as error:
        changes = str(error)
    assert changes if isinstance(changes, dict) else changes.endswith(".")
