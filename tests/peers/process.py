"""A stream server as a child process that a test can kill, freeze and start again."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

HERE = Path(__file__).parent


class Peer:
    """`with Peer("ts_server.py", port=N, http=True) as peer`: it runs and has its port open."""

    def __init__(self, script: str, **options: object) -> None:
        arguments = [
            f"--{name}={value}" if value is not True else f"--{name}" for name, value in options.items()
        ]
        self._command = [sys.executable, str(HERE / script), *arguments]
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, again after `kill`; returns when its port is open."""
        process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        self._process = process
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            self.kill()
            raise RuntimeError(f"the peer did not start: {' '.join(self._command)}")

    def kill(self) -> None:
        """SIGKILL: it closes nothing and says nothing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def freeze(self) -> None:
        """SIGSTOP: its connections stay, and nothing comes."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)
