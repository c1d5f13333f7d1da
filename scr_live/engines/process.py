"""The process of an isolated engine, seen from the run: started, listened to, looked at, killed, reaped."""

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from concurrent.futures import Future
from pathlib import Path
from typing import IO, Final

KEPT_LINES: Final = 20
"""Of what the process printed, for error messages."""

_LONGEST_LINE = 4096
_START = (
    "import sys; sys.path[:] = sys.argv[2:]; from scr_live.engines.worker import main; main(int(sys.argv[1]))"
)

log = logging.getLogger(__name__)


class EngineProcess:
    """A child process in a session of its own, so that a Ctrl-C of the terminal does not reach it.

    A keeper thread starts it, logs what it prints and reaps it: that thread lives as long as the process,
    because on Linux a child may ask to die with the *thread* that started it. All methods may be called from
    any thread. OSError: no process can be started.
    """

    def __init__(self, connection: socket.socket) -> None:
        """`connection` is the child's end; it is closed here."""
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        started: Future[subprocess.Popen[bytes]] = Future()
        self._keeper = threading.Thread(
            target=self._keep, args=(started, connection), name="engine-process", daemon=True
        )
        self._keeper.start()
        self._process = started.result()

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def last_words(self) -> str:
        """The last line that it printed; empty: none."""
        return next((line for line in reversed(self._lines) if line), "")

    @property
    def resident_mb(self) -> float | None:
        """How much memory it takes; None where the system does not tell, or it has ended."""
        with contextlib.suppress(OSError, IndexError):
            pages = int(Path(f"/proc/{self.pid}/statm").read_bytes().split()[1])
            return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
        return None

    @property
    def ending(self) -> str:
        """How it ended, in words that follow "the process"; only once `wait` was true."""
        code = self._process.wait()
        if code >= 0:
            return f"ended with exit code {code}"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return f"was ended by {name}"

    def wait(self, timeout_s: float) -> bool:
        """Wait until it has ended and left nothing behind; False if it has not in that time."""
        self._keeper.join(timeout_s)
        return not self._keeper.is_alive()

    def kill(self) -> None:
        """End it and what it has started at once; in vain while it hangs inside the kernel."""
        if self._process.poll() is not None:
            return
        with contextlib.suppress(OSError):
            if sys.platform == "win32":
                self._process.kill()
            else:
                os.killpg(self.pid, signal.SIGKILL)

    def _keep(self, started: "Future[subprocess.Popen[bytes]]", connection: socket.socket) -> None:
        try:
            with connection:
                process = _start(connection)
        except BaseException as error:  # noqa: BLE001 - raised where it was asked for
            started.set_exception(error)
            return
        started.set_result(process)
        if process.stdout is not None:
            with process.stdout:
                self._listen(process.stdout)
        process.wait()

    def _listen(self, words: IO[bytes]) -> None:
        """Keep the last lines, and the terminal free of them."""
        while piece := words.readline(_LONGEST_LINE):
            line = piece.decode(errors="replace").rstrip()
            self._lines.append(line)
            log.info("engine process: %s", line)


def _start(connection: socket.socket) -> "subprocess.Popen[bytes]":
    """Start an interpreter like ours whose standard input is the connection, its outputs one pipe to us."""
    command = [sys.executable, "-u", "-c", _START, str(os.getpid()), *sys.path]
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.BELOW_NORMAL_PRIORITY_CLASS
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            creationflags=flags,
        )
        process.stdin.write(connection.share(process.pid))
        process.stdin.close()
        return process
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        command,
        stdin=connection.fileno(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
