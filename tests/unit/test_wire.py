"""What goes between a run and a process beside it arrives whole, or is refused."""

import socket
import threading
import time

import numpy as np
import pytest

from scr_live import errors
from scr_live.engines import isolated, worker
from scr_live.errors import EngineError, InferenceError, ScrLiveError
from scr_live.processes.wire import MOST_BYTES, receive, send, send_array

OWN_ERRORS = [
    kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ScrLiveError)
]


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64", "int64", "bool"])
def test_arrays_arrive_as_they_were_whatever_their_layout(dtype, pair, rng):
    ours, theirs = pair
    array = rng.integers(0, 2, (5, 7, 3)).astype(dtype).transpose(1, 0, 2)
    send_array(ours, "image", array)
    message = receive(theirs)
    assert message.kind == "image"
    assert message.array().dtype == array.dtype
    assert np.array_equal(message.array(), array)


def test_a_message_larger_than_the_socket_holds_arrives_whole(pair, rng):
    ours, theirs = pair
    array = rng.integers(0, 256, (1000, 1000, 9), dtype=np.uint8)
    sender = threading.Thread(target=send_array, args=(ours, "image", array))
    sender.start()
    assert np.array_equal(receive(theirs).array(), array)
    sender.join()


def test_texts_that_are_no_proper_unicode_arrive_too(pair):
    ours, theirs = pair
    send(ours, "failed", text="caf\udce9.onnx \N{SNOWMAN}")
    assert receive(theirs).facts["text"] == "caf\udce9.onnx \N{SNOWMAN}"


def test_an_end_that_does_not_read_or_write_is_given_up(pair):
    ours, _ = pair
    with pytest.raises(TimeoutError):
        receive(ours, deadline=time.monotonic() + 0.01)
    with pytest.raises(TimeoutError):
        send(ours, "image", bytes(50_000_000), deadline=time.monotonic() + 0.01)
    with pytest.raises(TimeoutError):
        receive(ours, deadline=time.monotonic() - 1)


@pytest.mark.parametrize("sent", [b"", b"\0\0", b"\0\0\0\x0c\0\0\0\0{"])
def test_an_end_that_has_gone_is_told(sent, pair):
    ours, theirs = pair
    ours.sendall(sent)
    ours.shutdown(socket.SHUT_WR)
    with pytest.raises(ConnectionError):
        receive(theirs)


@pytest.mark.parametrize(
    "sent",
    [
        b"\xff" * 8,
        b"\0\0\0\x02\0\0\0\0[]",
        b"\0\0\0\x02\0\0\0\0{{",
        b"\0\0\0\x02\0\0\0\0\xff\xff",
        b"\0\0\x80\0\0\0\0\0" + 0x8000 * b"[",
    ],
    ids=["huge", "no facts", "no json", "no text", "brackets"],
)
def test_nonsense_is_refused(sent, pair):
    ours, theirs = pair
    ours.sendall(sent)
    with pytest.raises(ValueError, match=r"."):
        receive(theirs)


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"shape": [4, 4], "dtype": "|u1"},
        {"shape": [8], "dtype": "|O"},
        {"shape": [1], "dtype": "|S8"},
        {"shape": [8], "dtype": "rubbish"},
        {"shape": [8], "dtype": "f4,(2"},
        {"shape": "8", "dtype": "|u1"},
    ],
)
def test_an_array_that_is_none_is_refused(facts, pair):
    ours, theirs = pair
    send(ours, "answer", bytes(8), **facts)
    with pytest.raises(ValueError, match=r"."):
        receive(theirs).array()


def test_what_is_too_large_or_holds_no_numbers_is_not_even_sent(pair):
    ours, _ = pair
    with pytest.raises(ValueError, match="is larger than"):
        send_array(ours, "image", np.lib.stride_tricks.as_strided(np.zeros(1, np.uint8), (1, MOST_BYTES + 1)))
    with pytest.raises(ValueError, match="holds no numbers"):
        send_array(ours, "image", np.array(["text"]))


@pytest.mark.parametrize("kind", OWN_ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_of_ours_arrives_as_it_is(kind, pair):
    ours, theirs = pair
    worker._tell_failure(ours, kind("expected this, found that"))
    error = isolated._error_of(receive(theirs), InferenceError, "failed")
    assert type(error) is kind
    assert str(error) == "expected this, found that"


def test_an_error_derived_from_ours_arrives_as_the_one_of_ours(pair):
    class SpecialError(InferenceError):
        pass

    ours, theirs = pair
    worker._tell_failure(ours, SpecialError("too special"))
    assert type(isolated._error_of(receive(theirs), EngineError, "failed")) is InferenceError
