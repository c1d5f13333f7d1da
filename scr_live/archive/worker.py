"""What runs inside a worker process: one video after another, for the archive that started it."""

import contextlib
import socket

from scr_live.archive.engines import EngineKeeper
from scr_live.archive.judging import job_of, judge
from scr_live.errors import ScrLiveError
from scr_live.heap import keep_memory_level
from scr_live.processes.giving_way import connection_of_run, give_way
from scr_live.processes.wire import receive, send


def main(parent_pid: int) -> None:
    """Serve the archive whose connection is the standard input."""
    connection = connection_of_run()
    give_way(parent_pid, niceness=0)
    keep_memory_level()
    # ConnectionError: the archive has hung up, and nobody is to be told.
    with connection, contextlib.suppress(ConnectionError), EngineKeeper() as engines:
        while True:
            _serve(connection, receive(connection).facts["job"], engines)


def _serve(connection: socket.socket, facts: dict[str, object], engines: EngineKeeper) -> None:
    def moved(frames: int, expected: int | None) -> None:
        send(connection, "moved", frames=frames, expected=expected)

    try:
        results = judge(job_of(facts), engines, moved=moved)
    except ScrLiveError as error:
        send(connection, "failed", error=type(error).__name__, text=str(error))
    else:
        send(connection, "ended", results=results)
