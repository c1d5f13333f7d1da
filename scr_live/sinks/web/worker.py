"""What runs in the server's process: listen to the run, answer viewers, end with the run."""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

import uvicorn

from scr_live.processes.giving_way import connection_of_run, give_way
from scr_live.processes.wire import Message, receive, send
from scr_live.sinks.web.app import create_app
from scr_live.sinks.web.desk import Facts
from scr_live.sinks.web.guard import MOST_HEAD, Guard
from scr_live.sinks.web.hub import Hub, Told
from scr_live.sinks.web.jpeg import Camera
from scr_live.sinks.web.protocols import PatientHttp, PatientLoop, PatientWebSocket

NICENESS: Final = 15
"""How much it gives way to the video and to the model."""
ALIVE_EVERY_S: Final = 0.5
_FAREWELL_S: Final = 0.7
_IDLE_S: Final = 15
_MOST_CONNECTIONS: Final = 300
_LONGEST_WORD: Final = 1024  # of a viewer's message


def main(parent_pid: int) -> None:
    """Serve the run whose connection is the standard input."""
    connection = connection_of_run()
    give_way(parent_pid, niceness=NICENESS)
    _, (number, *_), _, _ = socket.recv_fds(connection, 1, 1)
    with connection, socket.socket(fileno=number) as listener, contextlib.suppress(ConnectionError):
        facts = receive(connection).facts
        with asyncio.Runner(loop_factory=PatientLoop) as runner:
            runner.run(_serve(connection, listener, facts))


async def _serve(connection: socket.socket, listener: socket.socket, facts: Facts) -> None:
    def tell(kind: str, **facts: Any) -> None:  # noqa: ANN401 - facts as JSON has them
        with contextlib.suppress(OSError):  # the run has gone: the reader notices
            send(connection, kind, **facts)

    hub = Hub(tell)
    app = Guard(
        create_app(hub),
        host=str(facts["host"]),
        port=int(facts["port"]),
        token=str(facts["token"]),
        secret=str(facts["secret"]),
        is_secure=bool(facts["certificate"]),
    )
    server = _Server(
        uvicorn.Config(
            app,
            http=PatientHttp,
            ws=PatientWebSocket,
            ws_max_size=_LONGEST_WORD,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            log_level="error",  # a word for each odd request would be read in the run
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_IDLE_S,
            timeout_graceful_shutdown=1,
            limit_concurrency=_MOST_CONNECTIONS,
            h11_max_incomplete_event_size=MOST_HEAD,
            ssl_certfile=facts["certificate"] or None,
            ssl_keyfile=facts["key"] or None,
        )
    )
    reader = _Reader(connection, hub, asyncio.get_running_loop())
    threading.Thread(target=reader.run, name="reader", daemon=True).start()
    alive = asyncio.create_task(_beat(tell))
    end = asyncio.create_task(_end(hub, server))
    await server.serve(sockets=[listener])
    alive.cancel()
    end.cancel()


class _Server(uvicorn.Server):
    """One that leaves the signals alone: the run decides when it ends."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _beat(tell: Callable[[str], None]) -> None:
    """Say that the loop goes round."""
    while True:
        tell("alive")
        await asyncio.sleep(ALIVE_EVERY_S)


async def _end(hub: Hub, server: uvicorn.Server) -> None:
    """Give viewers a moment to hear of the end."""
    while hub.state == "going":
        await hub.news.wait()
    await asyncio.sleep(_FAREWELL_S)
    server.should_exit = True


class _Reader:
    """Hears the run, in a thread of its own; pictures become JPEG here, once for all viewers."""

    def __init__(self, connection: socket.socket, hub: Hub, loop: asyncio.AbstractEventLoop) -> None:
        self._connection = connection
        self._hub = hub
        self._loop = loop
        self._camera = Camera()

    def run(self) -> None:
        """Go on until the run hangs up; whatever else ends it ends the server, which is then started anew."""
        try:
            with contextlib.suppress(OSError):
                while True:
                    self._hear(receive(self._connection))
        finally:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._hub.end, "gone")

    def _hear(self, message: Message) -> None:
        facts, hub = message.facts, self._hub
        match message.kind:
            case "picture":
                shown, cuts = self._camera.take(message, hub.widths)
                self._in_loop(hub.show, shown)
                for number, jpeg in cuts:
                    self._in_loop(hub.sightings.keep_picture, number, jpeg)
            case "status":
                self._in_loop(hub.tell_status, facts["status"], facts["metrics"])
            case "event":
                told = facts["facts"]
                self._camera.hear(told)
                event = Told(facts["seq"], told["event"], json.dumps(told))
                self._in_loop(hub.tell_event, event, told)
            case "answer":
                self._in_loop(hub.answer, facts["number"], facts)
            case _:
                pass

    def _in_loop(self, call: Callable[..., None], *arguments: object) -> None:
        self._loop.call_soon_threadsafe(call, *arguments)
