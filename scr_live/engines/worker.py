"""What runs inside an engine process: open one engine, answer images until the run hangs up."""

import contextlib
import importlib
import pickle
import socket
import threading
import traceback
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import numpy as np

from scr_live import errors
from scr_live.engines import Engine
from scr_live.errors import InferenceError, ScrLiveError
from scr_live.processes.giving_way import connection_of_run, give_way
from scr_live.processes.wire import Message, receive, send, send_array

if TYPE_CHECKING:
    from collections.abc import Callable

NICENESS: Final = 10
"""How much the engine gives way to the video: where both want a processor it gets a tenth, else what is left.

Measured at 1080p with a recording on two cores: with 3 a fifth of the pictures was lost, with 10 none; 19
brought the video nothing more, and cost answers."""


def main(parent_pid: int) -> None:
    """Serve the run whose connection is the standard input."""
    connection = connection_of_run()
    give_way(parent_pid, niceness=NICENESS)
    with connection, contextlib.suppress(ConnectionError):  # the run has hung up: nobody is left to be told
        _serve(connection)


def _serve(connection: socket.socket) -> None:
    try:
        engine = _open(connection, receive(connection))
    except Exception as error:  # noqa: BLE001 - of a model, its runtime or its driver: all is told
        _tell_failure(connection, error)
        return
    with engine:
        send(connection, "opened", info=asdict(engine.info))
        while True:
            _answer(connection, engine, receive(connection))


def _open(connection: socket.socket, order: Message) -> Engine:
    """What the factory of the order returns; what it says on its way, from any thread, is passed on."""
    lock = threading.Lock()
    is_open = False

    def tell(text: str) -> None:
        with lock:
            if not is_open:  # else it would fall into the middle of an answer
                send(connection, "progress", text=text)

    module, _, name = str(order.facts["factory"]).partition(":")
    factory: Callable[..., Engine] = getattr(importlib.import_module(module), name)
    engine = factory(**pickle.loads(order.payload), progress=tell)  # noqa: S301 - from the run that started us
    with lock:
        is_open = True
    return engine


def _answer(connection: socket.socket, engine: Engine, order: Message) -> None:
    try:
        answer = engine.infer(order.array())
        if not isinstance(answer, np.ndarray) or answer.dtype.kind not in "?buif":
            kind = answer.dtype if isinstance(answer, np.ndarray) else type(answer).__name__
            raise InferenceError(  # noqa: TRY301 - told as any other failure is
                f"The {engine.info.backend} engine should answer a map of numbers, and answered {kind}. Use "
                "another engine with --engine."
            )
    except Exception as error:  # noqa: BLE001 - of a model, its runtime or its driver: all is told
        _tell_failure(connection, error)
    else:
        send_array(connection, "answer", answer)


def _tell_failure(connection: socket.socket, error: Exception) -> None:
    """Tell of an error as one of our own where it is one, else with its name; its traceback is logged."""
    if isinstance(error, ScrLiveError):
        known = (kind.__name__ for kind in type(error).__mro__ if vars(errors).get(kind.__name__) is kind)
        send(connection, "failed", error=next(known), text=str(error))
    else:
        traceback.print_exception(error)
        send(connection, "failed", error="", text=f"{type(error).__name__}: {error}")
