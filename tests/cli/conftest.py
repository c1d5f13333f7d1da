"""The command line as a user meets it: in this process where that is enough, else in one of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import scr_live
from scr_live.cli import main

ROOT = Path(scr_live.__file__).parents[1]


@dataclass(frozen=True)
class Done:
    """What a command left."""

    code: int
    out: str
    err: str


@pytest.fixture
def cli(monkeypatch, capfd) -> Callable[..., Done]:
    """cli("run", "--source", path, ...) -> Done, in this process."""

    def call(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["scr-live", *map(str, arguments)])
        capfd.readouterr()
        code = main()
        return Done(code, *capfd.readouterr())

    return call


@pytest.fixture
def start() -> Callable[..., subprocess.Popen[str]]:
    """start("run", ..., code=None, **environment): the same in a process; `code` stands for `-m scr_live`."""

    def begin(*arguments: object, code: str | None = None, **environment: str) -> subprocess.Popen[str]:
        how = ["-m", "scr_live"] if code is None else ["-c", code]
        return subprocess.Popen(
            [sys.executable, *how, *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return begin


@pytest.fixture
def finish() -> Callable[[subprocess.Popen[str]], Done]:
    """Wait for the end of what was started."""

    def wait(process: subprocess.Popen[str]) -> Done:
        try:
            out, err = process.communicate(timeout=40)
        finally:
            process.kill()
        return Done(process.returncode, out, err)

    return wait
