"""A model that hangs, leaks, crashes or babbles in a process of its own does nothing to that of the video."""

import contextlib
import logging
import os
import select
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from faulty_engines import ANSWERS, SIZE, order

from scr_live.controls import Controls
from scr_live.engines import isolated
from scr_live.engines.isolated import IsolatedEngine, open_isolated
from scr_live.engines.ladder import EngineLadder, Rung
from scr_live.engines.leash import Leash
from scr_live.engines.worker import NICENESS
from scr_live.errors import (
    EngineUnavailableError,
    InferenceError,
    InferenceTimeoutError,
    UnknownEngineError,
)
from scr_live.events import EventKind, Journal
from scr_live.frames import Frame
from scr_live.pipeline.board import Board
from scr_live.pipeline.inference import Backoff, Inference
from scr_live.pipeline.timing import Timings

BEHAVE = order("behave")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")


def opened(factory="told", arguments=(), **options):
    return IsolatedEngine(f"faulty_engines:{factory}", dict(arguments), **options)


@pytest.fixture(scope="module")
def shared():
    """One process for all that must not end it; the end of the thread that opened it must not either."""
    with ThreadPoolExecutor(1) as pool:
        engine = pool.submit(opened).result()
    with engine:
        yield engine


def is_gone(pid):
    """Whether a process ends, within a time that is far longer than it takes."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], 20)[0])
    finally:
        os.close(watched)


@contextlib.contextmanager
def leaving_nothing():
    """Nothing that was opened inside is left: no descriptor, no thread, no child."""
    threads, before = set(threading.enumerate()), belongings()
    yield
    for thread in set(threading.enumerate()) - threads:
        thread.join(20)
    assert belongings() == before


def belongings():
    children = [pid for pid in Path("/proc").glob("[0-9]*") if parent_of(pid) == os.getpid()]
    return len(list(Path("/proc/self/fd").iterdir())), threading.active_count(), sorted(children)


def parent_of(process):
    try:
        return int((process / "stat").read_bytes().rpartition(b")")[2].split()[1])
    except OSError:
        return None


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
    with caplog.at_level(logging.INFO, "scr_live.engines.process"):
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
            Timings("infer", "engine"),
            controls=Controls(),
            min_area=0.0,
            backoff=Backoff(0.0, 0.0),
            reopen_engine=ladder,
        )
        deeds = ["behave", "crash", "behave", "nan", "behave"]
        answered = [stage(frame(deed, index)) is not None for index, deed in enumerate(deeds)]
        stage.close()
    assert answered == [True, False, True, False, True]
    assert (stage.failures, stage.reopened, stage.engine_changes) == (2, 2, 0)
    causes = [event.facts["cause"] for event in journal.events if event.kind is EventKind.AI_FAILED]
    assert "SIGSEGV" in causes[0]
    assert "from nan to nan" in causes[1]


# --- opening --------------------------------------------------------------------------------------------


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


def test_an_error_while_progress_is_told_ends_the_process():
    def interrupt(_):
        raise KeyboardInterrupt

    with leaving_nothing(), pytest.raises(KeyboardInterrupt):
        opened(progress=interrupt)


def test_a_system_that_starts_no_process_is_told(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with leaving_nothing(), pytest.raises(EngineUnavailableError, match="No process can be started"):
        opened()
