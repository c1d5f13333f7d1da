"""Nobody holds a connection for ever by sending or taking nothing."""

import asyncio
import contextlib
import socket
import threading

import pytest

pytest.importorskip("fastapi", reason="needs fastapi, of the extra `web`")

import uvicorn
from web_fakes import AnsweringHub, shown

from scr_live.sinks.web import protocols
from scr_live.sinks.web.app import create_app

HEAD_S = STILL_S = 0.3


@contextlib.contextmanager
def serving():
    """(port, hub, loop) of a server."""
    hub = AnsweringHub()
    config = uvicorn.Config(
        create_app(hub),
        http=protocols.PatientHttp,
        ws=protocols.PatientWebSocket,
        lifespan="off",
        log_config=None,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    loops = []

    async def serve():
        loops.append(asyncio.get_running_loop())
        await server.serve(sockets=[listener])

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    while not server.started:
        thread.join(0.01)
    try:
        yield listener.getsockname()[1], hub, loops[0]
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def served(monkeypatch):
    """A server whose patience is short."""
    monkeypatch.setattr(protocols, "HEAD_S", HEAD_S)
    monkeypatch.setattr(protocols, "STILL_S", STILL_S)
    with serving() as served:
        yield served


@pytest.fixture
def port(monkeypatch):
    """That of a server whose patience is longer than that of the tests."""
    monkeypatch.setattr(protocols, "HEAD_S", 60.0)
    with serving() as (port, _, _):
        yield port


def connected(port):
    connection = socket.create_connection(("127.0.0.1", port))
    connection.settimeout(20)
    return connection


def is_cut(connection):
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        pass
    return True


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: y\r\n"])
def test_a_head_that_does_not_come_is_not_waited_for(sent, served):
    with connected(served[0]) as connection:
        connection.sendall(sent)
        assert is_cut(connection)


def test_neither_is_the_head_of_a_second_request(served):
    with connected(served[0]) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET /healthz HT")
        assert is_cut(connection)


def test_who_takes_nothing_is_cut_and_counts_no_more(served):
    port, hub, loop = served
    with connected(port) as connection:
        connection.sendall(b"GET /video.mjpeg HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert connection.recv(10) == b"HTTP/1.1 2"
        while not hub.viewers:
            threading.Event().wait(0.01)
        for number in range(1, 1000):
            loop.call_soon_threadsafe(hub.show, shown(number, b"x" * 1_000_000))
            threading.Event().wait(0.02)
            if not hub.viewers:
                break
        assert hub.viewers == 0


def test_a_connection_that_is_used_stays(served):
    with connected(served[0]) as connection:
        connection.sendall(b"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        taken = b""
        while taken.count(b"event: status") < 3:  # for three times as long as patience lasts
            piece = connection.recv(65536)
            assert piece
            taken += piece


REQUEST = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def answered(connection):
    connection.sendall(REQUEST)
    found = b""
    while not found.endswith(b"\nok\n"):
        piece = connection.recv(1000)
        if not piece:
            return False
        found += piece
    return found.startswith(b"HTTP/1.1 200")


def test_who_has_not_asked_yet_is_not_cut_for_those_that_have_their_answer(port):
    """A first request may be under way while others are answered."""
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(connected(port))
        others = []
        for _ in range(protocols.MOST_IDLE + 20):
            others.append(stack.enter_context(connected(port)))
            assert answered(others[-1])
        assert is_cut(others[0])
        assert answered(first)


def test_who_has_just_been_answered_may_ask_again(port):
    with contextlib.ExitStack() as stack:
        others = [stack.enter_context(connected(port)) for _ in range(protocols.MOST_IDLE + 20)]
        asks = stack.enter_context(connected(port))
        assert answered(asks)
        assert answered(asks)
        assert is_cut(others[0])
