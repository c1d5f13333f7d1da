"""Nobody holds a connection for ever by sending or taking nothing."""

import asyncio
import socket
import threading

import pytest

pytest.importorskip("fastapi", reason="needs fastapi, of the extra `web`")

import uvicorn
from web_fakes import AnsweringHub, shown

from scr_live.sinks.web import protocols
from scr_live.sinks.web.app import create_app

HEAD_S = STILL_S = 0.3


@pytest.fixture
def served(monkeypatch):
    """(port, hub, loop) of a server whose patience is short."""
    monkeypatch.setattr(protocols, "HEAD_S", HEAD_S)
    monkeypatch.setattr(protocols, "STILL_S", STILL_S)
    hub = AnsweringHub()
    config = uvicorn.Config(
        create_app(hub),
        http=protocols.PatientHttp,
        ws=protocols.PatientWebSocket,
        lifespan="off",
        log_config=None,
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
    yield listener.getsockname()[1], hub, loops[0]
    server.should_exit = True
    thread.join()


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
