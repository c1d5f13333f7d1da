"""A process beside a run, seen from the run: started, listened to, looked at, killed, reaped."""

import contextlib
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from typing import Final

from scr_live.heap import resident_bytes

KEPT_LINES: Final = 20
"""Of what the process printed, for error messages."""

_LONGEST_LINE = 4096
_LOOK_EVERY_MS = 100
_LOOKS_FIRST = hasattr(os, "waitid")  # whether a process has ended can be seen without reaping it
_START = (
    "import importlib, sys; name = sys.argv[1]; pid = int(sys.argv[2]); sys.path[:] = sys.argv[3:]; "
    "importlib.import_module(name).main(pid)"
)

log = logging.getLogger(__name__)


class ChildProcess:
    """A child process in a session of its own, so that a Ctrl-C of the terminal does not reach it.

    A keeper thread starts it, logs what it prints and reaps it: that thread lives as long as the process,
    because on Linux a child may ask to die with the *thread* that started it. What the process has started
    ends with it, unless it has a session of its own. All methods may be called from any thread.
    """

    def __init__(self, connection: socket.socket, *, module: str, name: str) -> None:
        """Start `main(pid of this process)` of the module; `name` is what the process is called in logs.

        `connection` is the child's end; it is closed here, even if no process can be started.
        OSError: there can be no keeper. Nothing here waits for the process: see `failure`.
        """
        self._module = module
        self._name = name
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._lock = threading.Lock()
        """Held for what must not happen between the process's end and its being reaped."""
        self._process: subprocess.Popen[bytes] | None = None
        self._is_reaped = False
        self._is_unwanted = False
        self.failure: BaseException | None = None
        """Why it could not be started; to be read once `wait` was true."""
        self._keeper = threading.Thread(
            target=self._keep, args=(connection,), name=f"{name}-process", daemon=True
        )
        try:
            self._keeper.start()
        except RuntimeError as error:
            connection.close()
            raise OSError(str(error)) from error

    @property
    def pid(self) -> int:
        """Its number; 0 as long as there is no process."""
        return 0 if self._process is None else self._process.pid

    @property
    def last_words(self) -> str:
        """The last line that it printed; empty: none."""
        return next((line for line in reversed(self._lines) if line), "")

    @property
    def resident_mb(self) -> float | None:
        """How much memory it takes; None where the system does not tell, or it has ended."""
        with contextlib.suppress(OSError):
            return resident_bytes(self.pid) / 1e6
        return None

    @property
    def ending(self) -> str:
        """How it ended, in words that follow "the process"; only once `wait` was true."""
        if self._process is None:
            return f"could not be started ({self.failure})"
        code = self._process.wait()  # reaped already
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
        with self._lock:
            self._is_unwanted = True  # even while it is being started
            self._end()

    def _keep(self, connection: socket.socket) -> None:
        try:
            with connection:
                process = _start(connection, self._module)
        except BaseException as error:  # noqa: BLE001 - told where the process is waited for
            self.failure = error
            return
        with self._lock:
            self._process = process
            if self._is_unwanted:
                self._end()
        try:
            if process.stdout is not None:
                with process.stdout:
                    self._listen(process.pid, process.stdout.fileno())
        finally:
            self._reap(process)

    def _end(self) -> None:
        """Kill the process and its group. Until it is reaped nobody else can have its number."""
        if self._process is None or self._is_reaped:
            return
        with contextlib.suppress(OSError):
            if sys.platform == "win32":
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)

    def _reap(self, process: "subprocess.Popen[bytes]") -> None:
        if not _LOOKS_FIRST:
            process.wait()
        else:
            with contextlib.suppress(ChildProcessError):  # somebody else has reaped it
                os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
                with self._lock:
                    self._end()  # what it has left behind
        with self._lock:
            process.wait()
            self._is_reaped = True

    def _listen(self, pid: int, words: int) -> None:
        """Keep the last lines, and the terminal free of them."""
        rest = b""
        while piece := _heard(pid, words):
            *lines, rest = (rest + piece).split(b"\n")
            if len(rest) >= _LONGEST_LINE:
                lines.append(rest)
                rest = b""
            for line in lines:
                self._keep_line(line)
        if rest:
            self._keep_line(rest)

    def _keep_line(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip()
        self._lines.append(text)
        log.info("%s process: %s", self._name, text)


def _heard(pid: int, words: int) -> bytes:
    """What is printed next; empty: all who could print have ended, or the process has, and is silent.

    What it has started may live on with the same output, and for longer than anybody wants to listen.
    """
    if _LOOKS_FIRST:
        output = select.poll()  # unlike the others it needs no descriptor, and takes those above 1023
        output.register(words, select.POLLIN)
        while not output.poll(_LOOK_EVERY_MS):
            if _has_ended(pid):
                return b""
    return os.read(words, _LONGEST_LINE)


def _has_ended(pid: int) -> bool:
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def _start(connection: socket.socket, module: str) -> "subprocess.Popen[bytes]":
    """Start an interpreter like ours whose standard input is the connection, its outputs one pipe to us."""
    command = [sys.executable, "-u", "-c", _START, module, str(os.getpid()), *sys.path]
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
