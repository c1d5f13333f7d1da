"""Messages between a run and a process beside it: a small JSON head and raw bytes after it, on a socket.

What comes back from such a process is never unpickled: a model that writes where it should not, or a server
that was broken into, can send nonsense, which is refused, and cannot make the run execute anything.
"""

import json
import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MOST_BYTES: Final = 1 << 28
"""Of one message: four times the answer of the largest network that a card may describe."""

_LENGTHS = struct.Struct("!II")
_NUMBERS = "?buif"


@dataclass(frozen=True, slots=True)
class Message:
    """One message: what it is, its facts, and the bytes that belong to it, which are the reader's."""

    kind: str
    facts: Mapping[str, Any]
    payload: bytearray

    def array(self) -> NDArray[Any]:
        """The array it carries, in its payload's memory. ValueError: it carries none."""
        shape, kind = self.facts.get("shape"), self.facts.get("dtype")
        try:
            array = np.frombuffer(self.payload, np.dtype(str(kind))).reshape(shape)
        except (TypeError, OverflowError, SyntaxError) as error:  # NumPy parses the name of a kind
            raise ValueError(f"{kind} is no kind of number") from error
        if array.dtype.kind not in _NUMBERS:
            raise ValueError(f"an array of {array.dtype} holds no numbers")
        return array


def send(
    connection: socket.socket,
    kind: str,
    payload: "bytes | memoryview" = b"",
    *,
    deadline: float | None = None,
    **facts: object,
) -> None:
    """Send a message by the deadline of time.monotonic(), if there is one.

    TimeoutError: the other end does not read. ConnectionError: it has gone.
    """
    head = json.dumps({"kind": kind, **facts}).encode()
    size = memoryview(payload).nbytes
    if max(len(head), size) > MOST_BYTES:
        raise ValueError(f"a message of {size} bytes is larger than the {MOST_BYTES} that are possible")
    for part in (_LENGTHS.pack(len(head), size) + head, payload):
        connection.settimeout(_remaining_s(deadline))
        connection.sendall(part)


def send_array(
    connection: socket.socket,
    kind: str,
    array: NDArray[Any],
    *,
    deadline: float | None = None,
    **facts: object,
) -> None:
    """Send an array of numbers, see `send`. ValueError: it holds something else."""
    if array.dtype.kind not in _NUMBERS:
        raise ValueError(f"an array of {array.dtype} holds no numbers")
    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
    send(connection, kind, flat, deadline=deadline, shape=array.shape, dtype=array.dtype.str, **facts)


def receive(
    connection: socket.socket, *, deadline: float | None = None, most_bytes: int = MOST_BYTES
) -> Message:
    """Wait for a message, until the deadline of time.monotonic() if there is one.

    TimeoutError: it did not come in time. ConnectionError: the other end has gone. ValueError: it is
    nonsense. After any of these the connection is of no use.
    """
    head_size, payload_size = _LENGTHS.unpack(_exactly(connection, _LENGTHS.size, deadline=deadline))
    if max(head_size, payload_size) > most_bytes:
        raise ValueError("a message that is larger than any can be")
    try:
        facts = json.loads(_exactly(connection, head_size, deadline=deadline))
    except RecursionError as error:
        raise ValueError("a message of endless brackets") from error
    payload = _exactly(connection, payload_size, deadline=deadline)
    if not isinstance(facts, dict):
        raise ValueError("a message without facts")  # noqa: TRY004 - one error for all nonsense
    return Message(str(facts.pop("kind", "")), facts, payload)


def _exactly(connection: socket.socket, size: int, *, deadline: float | None) -> bytearray:
    taken, room = 0, bytearray(size)
    view = memoryview(room)
    while taken < size:
        connection.settimeout(_remaining_s(deadline))
        count = connection.recv_into(view[taken:])
        if not count:
            raise ConnectionResetError("the other end has gone")
        taken += count
    return room


def _remaining_s(deadline: float | None) -> float | None:
    if deadline is None:
        return None
    remaining_s = deadline - time.monotonic()
    if remaining_s <= 0:
        raise TimeoutError("the time is over")
    return remaining_s
