"""The opening of an engine in a process of its own ends, well or with words, and leaves nothing behind."""

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from engine_processes import is_gone, leaving_nothing, opened, parent_of
from faulty_engines import SIZE, order

from scr_live.controls import Controls
from scr_live.engines import isolated
from scr_live.engines.constant import ConstantEngine
from scr_live.engines.isolated import open_isolated
from scr_live.engines.ladder import EngineLadder, Rung
from scr_live.engines.leash import Leash
from scr_live.errors import (
    EngineUnavailableError,
    UnknownEngineError,
)
from scr_live.frames import Frame
from scr_live.pipeline.board import Board
from scr_live.pipeline.inference import Backoff, Inference
from scr_live.pipeline.routes import STAGES
from scr_live.pipeline.timing import Timings
from scr_live.processes import child

BEHAVE = order("behave")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")


def test_what_the_factory_says_is_passed_on():
    said = []
    with opened(progress=said.append) as engine:
        assert engine.info.backend == "constant"
    assert said == ["warming up", "nearly there: 100 %"]


@pytest.mark.parametrize(
    ("factory", "words"),
    [
        ("cannot_open", "^no such driver.\nInstall it with `do this`.$"),
        ("opens_with_a_mistake", "could not be opened: ZeroDivisionError: by nought"),
        ("exits_while_opening", "ended with exit code 3 while it was opened.*'the driver is on fire'"),
    ],
)
def test_what_cannot_be_opened_says_why_and_leaves_nothing(factory, words):
    with leaving_nothing(), pytest.raises(EngineUnavailableError, match=words):
        opened(factory)


def test_opening_by_name_raises_the_errors_of_opening():
    with pytest.raises(UnknownEngineError, match=r"Unknown engine 'abacus'\. Expected auto or one of"):
        open_isolated("abacus", None)


def test_a_leash_ends_an_opening_that_hangs_and_any_later_one():
    leash = Leash()
    with pytest.raises(EngineUnavailableError, match="was abandoned while it was opened"):
        opened("never_opens", leash=leash, progress=lambda _: threading.Thread(target=leash.abandon).start())
    with pytest.raises(EngineUnavailableError, match="was abandoned while it was opened"):
        opened(leash=leash)


@pytest.mark.parametrize(
    ("factory", "timeouts", "words"),
    [
        ("hangs_in_silence", (0.5, 3600), r"said nothing for 0\.5 s while it was opened, and was ended"),
        ("never_opens", (20, 0.5), r"said nothing for 0\.5 s after 'hanging' while it was opened"),
    ],
)
def test_an_opening_that_hangs_is_ended(factory, timeouts, words, monkeypatch):
    opening_s, step_s = timeouts
    monkeypatch.setattr(isolated, "STEP_TIMEOUT_S", step_s)
    with leaving_nothing(), pytest.raises(EngineUnavailableError, match=words):
        opened(factory, opening_timeout_s=opening_s)


def test_an_opening_may_take_any_time_as_long_as_it_goes_on(monkeypatch):
    monkeypatch.setattr(isolated, "STEP_TIMEOUT_S", 2.0)
    with opened("opens_in_steps", {"steps": 8, "step_s": 0.3}) as engine:
        assert engine.infer(BEHAVE).shape == (SIZE, SIZE)


def test_a_stage_whose_engine_hangs_while_it_is_opened_goes_on_with_the_one_below():
    def open_rung(rung, *, leash):
        return opened(rung.engine, leash=leash, opening_timeout_s=20.0 if rung.engine == "told" else 0.3)

    rungs = [Rung(name, "auto") for name in ("hangs_in_silence", "hangs_in_silence", "told")]
    first = ConstantEngine(SIZE, fail_after=0)
    stage = Inference(
        first,
        Board(4),
        Timings(*STAGES),
        controls=Controls(),
        min_area=0.0,
        backoff=Backoff(0.0, 0.0),
        reopen_engine=EngineLadder(open_rung, first.info, rungs=rungs, failures_per_rung=2),
    )
    frames = [Frame(np.zeros((48, 64, 3), np.uint8), index, None, captured_at=0.0) for index in range(3)]
    assert [stage(frame) is not None for frame in frames] == [False, False, True]
    assert stage.failures == 2
    assert "said nothing" in stage.last_failure
    stage.close()


RUN = """
import sys
sys.path[:] = sys.argv[1:]
from scr_live.cli.signals import stop_on_signals
from scr_live.engines.isolated import IsolatedEngine

with stop_on_signals(force_after_s=600):
    IsolatedEngine("faulty_engines:never_opens", {}, progress=lambda text: print(text, flush=True))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_wait_for_the_first_engine_and_its_process(number):
    command = [sys.executable, "-c", RUN, *sys.path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout.readline() == "hanging\n"
        (worker,) = [int(path.name) for path in Path("/proc").glob("[0-9]*") if parent_of(path) == run.pid]
        run.send_signal(number)
        assert is_gone(worker)
    assert run.returncode != 0


def test_an_error_while_progress_is_told_ends_the_process():
    def interrupt(_):
        raise KeyboardInterrupt

    with leaving_nothing(), pytest.raises(KeyboardInterrupt):
        opened(progress=interrupt)


def _fails_with(error):
    def fail(*_, **__):
        raise error

    return fail


@pytest.mark.parametrize(
    ("where", "name", "stand_in", "words"),
    [
        (sys, "executable", "/nowhere/python", "/nowhere/python"),
        (socket, "socketpair", _fails_with(OSError(errno.EMFILE, "Too many open files")), "Too many open"),
        (subprocess, "Popen", _fails_with(OSError(errno.EAGAIN, "Try again later")), "Try again later"),
        (threading.Thread, "start", _fails_with(RuntimeError("can't start new thread")), "new thread"),
    ],
    ids=["executable", "sockets", "processes", "threads"],
)
def test_a_system_that_starts_no_process_is_told_and_nothing_is_left(
    where, name, stand_in, words, monkeypatch
):
    with leaving_nothing(), monkeypatch.context() as patched:
        patched.setattr(where, name, stand_in)
        with pytest.raises(EngineUnavailableError, match=f"No process can be started .*{words}"):
            opened()


def test_a_system_out_of_descriptors_is_told_and_nothing_is_left():
    resource = pytest.importorskip("resource")  # not on Windows
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = [int(path.name) for path in Path("/proc/self/fd").iterdir()]
    highest = max(taken)
    with contextlib.ExitStack() as fill:
        for _ in range(highest + 2 - len(taken)):  # the gaps: a limit is on the number, not on how many
            fill.enter_context(Path(os.devnull).open(encoding="ascii"))
        with leaving_nothing():
            for free in range(6):  # one more each time: another step fails
                resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1 + free, hard))
                try:
                    with pytest.raises(EngineUnavailableError, match="Too many open files"):
                        opened()
                finally:
                    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("outcome", ["starts", "fails"])
def test_whoever_starts_a_process_too_late_ends_it_and_nobody_waits(outcome, monkeypatch):
    """As when the program lies on a disk that hangs."""
    start, begun, go_on = child._start, threading.Event(), threading.Event()

    def starts_late(connection, module):
        begun.set()
        assert go_on.wait(20)
        if outcome == "fails":
            raise OSError(errno.EIO, "the disk is gone")
        return start(connection, module)

    monkeypatch.setattr(child, "_start", starts_late)
    leash = Leash()
    with leaving_nothing():
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(opened, leash=leash)
            assert begun.wait(20)
            leash.abandon()
            with pytest.raises(EngineUnavailableError, match="was abandoned while it was opened"):
                waiting.result(20)
        go_on.set()
