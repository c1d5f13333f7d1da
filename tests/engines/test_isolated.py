"""A model that hangs, leaks, crashes or babbles in a process of its own does nothing to that of the video."""

import logging
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from engine_processes import is_gone, leaving_nothing, opened, processes_of_group
from faulty_engines import ANSWERS, SIZE, order

from scr_live.controls import Controls
from scr_live.engines import isolated
from scr_live.engines.ladder import EngineLadder, Rung
from scr_live.engines.worker import NICENESS
from scr_live.errors import (
    InferenceError,
    InferenceTimeoutError,
)
from scr_live.events import EventKind, Journal
from scr_live.frames import Frame
from scr_live.pipeline.board import Board
from scr_live.pipeline.inference import Backoff, Inference
from scr_live.pipeline.routes import STAGES
from scr_live.pipeline.timing import Timings
from scr_live.processes import child

BEHAVE = order("behave")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")


@pytest.fixture(scope="module")
def shared():
    """One process for all that must not end it; the end of the thread that opened it must not either."""
    with ThreadPoolExecutor(1) as pool:
        engine = pool.submit(opened).result()
    with engine:
        yield engine


# --- a model that lives on ------------------------------------------------------------------------------


@pytest.mark.parametrize("deed", ["nan", "shape", "dtype"])
def test_what_it_answers_arrives_as_it_is(deed, shared):
    answer = shared.infer(order(deed))
    assert answer.dtype == ANSWERS[deed].dtype
    np.testing.assert_array_equal(answer, ANSWERS[deed])
    assert answer.flags.writeable


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        ("objects", "should answer a map of numbers, and answered object"),
        ("nothing", "should answer a map of numbers, and answered NoneType"),
        ("refuse", "^the picture is too dull$"),
        ("raise", "failed on a frame: RuntimeError: CUDA error: unspecified launch failure"),
    ],
)
def test_its_errors_arrive_and_it_answers_the_next_image(deed, words, shared):
    with pytest.raises(InferenceError, match=words):
        shared.infer(order(deed))
    assert np.array_equal(shared.infer(BEHAVE), np.zeros((SIZE, SIZE), np.float32))


def test_what_it_prints_is_logged_and_nothing_else(shared, caplog, capfd):
    with caplog.at_level(logging.INFO, "scr_live.processes.child"):
        shared.infer(order("print"))
        shared.infer(BEHAVE)
        with pytest.raises(InferenceError):
            shared.infer(order("raise"))  # its traceback follows: what was printed before has been read then
        while "RuntimeError" not in caplog.text:
            pass
    assert "engine process: a library says hello" in caplog.text
    assert "straight to the descriptor \ufffd" in caplog.text
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_that_end_the_run_do_not_end_it(number, shared):
    os.kill(shared.pid, number)
    assert shared.infer(BEHAVE).shape == (SIZE, SIZE)
    assert os.getsid(shared.pid) != os.getsid(0)


def test_it_gives_way_to_the_video(shared):
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getpriority(os.PRIO_PROCESS, shared.pid) == min(own + NICENESS, 19)
    assert int(Path(f"/proc/{shared.pid}/oom_score_adj").read_text(encoding="ascii")) > 0


@pytest.mark.skipif(
    not Path("/proc/self/autogroup").exists(), reason="sessions are not scheduled as groups here"
)
def test_its_session_gives_way_too_to_one_that_was_made_nice():
    """Between sessions that are scheduled as groups a process's own niceness counts for nothing."""
    command = [sys.executable, "-c", _NICE_SESSION, *sys.path]
    done = subprocess.run(command, start_new_session=True, capture_output=True, text=True, check=True)
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert int(done.stdout.split()[-1]) == min(4 + own + NICENESS, 19)


_NICE_SESSION = """
import sys
from pathlib import Path
sys.path[:] = sys.argv[1:]
from engine_processes import opened
Path("/proc/self/autogroup").write_text("4")
with opened() as engine:
    print(Path(f"/proc/{engine.pid}/autogroup").read_text())
"""


# --- a model that is lost -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("deed", "options", "kind", "words"),
    [
        ("hang", {"answer_timeout_s": 0.5}, InferenceTimeoutError, r"did not answer within 0\.5 s"),
        ("crash", {}, InferenceError, "was ended by SIGSEGV while it answered"),
        ("leak", {"memory_limit_mb": 400.0}, InferenceError, "leaks memory: .* expected 400 MB at most"),
    ],
)
def test_what_cannot_be_used_any_more_is_ended_and_says_so(deed, options, kind, words):
    with leaving_nothing():
        engine = opened(**options)
        with pytest.raises(kind, match=words):
            engine.infer(order(deed))
        assert is_gone(engine.pid)
    with engine, pytest.raises(InferenceError, match=rf"{words}.*opened anew"):
        engine.infer(BEHAVE)
    with pytest.raises(InferenceError, match="closed"):
        engine.infer(BEHAVE)


def test_what_an_engine_has_started_ends_with_it_and_holds_nothing_up():
    said = []
    with leaving_nothing():
        engine = opened("leaves_others_behind", progress=said.append, answer_timeout_s=3600)
        started, with_a_session = map(int, said)
        try:
            with pytest.raises(InferenceError, match="was ended by SIGSEGV while it answered"):
                engine.infer(order("fork and crash"))
            assert is_gone(started)
        finally:
            os.kill(with_a_session, signal.SIGKILL)
        for pid in processes_of_group(engine.pid):  # killed, and perhaps on their way out
            assert is_gone(pid)


def test_what_an_engine_has_started_ends_with_an_orderly_end_too():
    said = []
    with opened("leaves_others_behind", progress=said.append):
        started, with_a_session = map(int, said)
    try:
        assert is_gone(started)
    finally:
        os.kill(with_a_session, signal.SIGKILL)


def test_once_it_is_reaped_its_number_may_be_that_of_others_and_is_not_signalled(monkeypatch):
    with opened() as engine:
        pass
    assert engine._process.wait(20)
    monkeypatch.setattr(os, "killpg", lambda *_: pytest.fail("that may be anybody"))
    engine.abandon()


def test_it_is_killed_from_outside_while_it_is_waited_for():
    with opened() as engine, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(engine.infer, order("hang"))
        os.kill(engine.pid, signal.SIGKILL)
        with pytest.raises(InferenceError, match="was ended by SIGKILL while it answered"):
            waiting.result(20)


def test_abandoning_ends_the_wait_for_an_answer():
    with opened(answer_timeout_s=3600) as engine, ThreadPoolExecutor(1) as pool:
        engine.infer(BEHAVE)
        waiting = pool.submit(engine.infer, order("hang"))
        engine.abandon()
        engine.abandon()
        with pytest.raises(InferenceError, match="was abandoned"):
            waiting.result(20)
        assert is_gone(engine.pid)


def test_closing_ends_the_wait_for_an_answer():
    engine = opened(answer_timeout_s=3600)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(engine.infer, order("hang"))
        while not engine._lock.locked():
            pass
        engine.__exit__(None, None, None)
        with pytest.raises(InferenceError, match="was abandoned"):
            waiting.result(20)


def test_an_orderly_end_lets_the_engine_close_itself_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(isolated, "_CLOSE_S", 20.0)  # a loaded machine is no reason to kill it here
    trace = tmp_path / "trace"
    with leaving_nothing(), opened("closes_loudly", {"trace": trace}):
        assert not trace.exists()
    assert trace.read_text(encoding="ascii") == "closed"


def test_a_run_that_has_gone_before_its_engine_was_ready_is_not_waited_for():
    ours, theirs = socket.socketpair()
    with ours, theirs:  # neither is closed: it is not the connection that tells
        somebody = str(os.getppid())
        command = [sys.executable, "-c", child._START, isolated._WORKER, somebody, *sys.path]
        done = subprocess.run(command, stdin=theirs, timeout=50, check=False, start_new_session=True)
        assert done.returncode == 0


PARENT = """
import sys, threading
import faulty_engines
from scr_live.engines.isolated import IsolatedEngine

engine = IsolatedEngine("faulty_engines:told", {}, answer_timeout_s=3600)
print(engine.pid, flush=True)
engine.infer(faulty_engines.order("hang"))
"""


def test_it_does_not_outlive_its_run_even_in_code_that_never_returns():
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        pid = int(parent.stdout.readline())
        parent.kill()
    assert is_gone(pid)


def test_a_stage_that_lost_its_engine_goes_on_with_a_new_one():
    def frame(deed, index):
        return Frame(np.full((48, 64, 3), order(deed).flat[0], np.uint8), index, None, captured_at=0.0)

    def open_rung(rung, *, leash):
        return opened(leash=leash)

    journal = Journal()
    with opened() as first:
        ladder = EngineLadder(open_rung, first.info, rungs=[Rung("constant", "auto")], journal=journal)
        stage = Inference(
            first,
            Board(4),
            Timings(*STAGES),
            controls=Controls(),
            min_area=0.0,
            backoff=Backoff(0.0, 0.0),
            reopen_engine=ladder,
        )
        deeds = ["behave", "crash", "behave", "nan", "behave"]
        answered = [stage(frame(deed, index)) is not None for index, deed in enumerate(deeds)]
        stage.close()
    assert answered == [True, False, True, False, True]
    assert (stage.failures, stage.reopened) == (2, 2)
    causes = [event.facts["cause"] for event in journal.events if event.kind is EventKind.AI_FAILED]
    assert "SIGSEGV" in causes[0]
    assert "from nan to nan" in causes[1]
