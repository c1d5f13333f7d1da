"""Ctrl-C and SIGTERM, in a process of its own. Waiting is for what is seen or said, never for a time."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import pytest

import scr_live

fcntl = pytest.importorskip("fcntl")

ROOT = Path(scr_live.__file__).parents[1]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are another matter there")


def wait_for(condition, process, what):
    deadline = time.monotonic() + 30
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def pictures_in(path):
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


@pytest.fixture
def clip(make_clip, tmp_path):
    return make_clip(tmp_path / "clip.mp4", 10)


@pytest.mark.parametrize(
    ("number", "pace"),
    [("SIGINT", ()), ("SIGTERM", ()), ("SIGTERM", ("--realtime",)), ("SIGHUP", ())],
    ids=["Ctrl-C", "SIGTERM", "SIGTERM as if live", "closed terminal"],
)
def test_the_first_signal_ends_the_run_well(number, pace, start, finish, clip):
    folder = clip.parent
    out = folder / "out.mp4"
    options = ("--loop", "--record", out, "--stats", folder / "s.json", "--engine", "constant")
    process = start("run", "--source", clip, "--no-display", *options, *pace)
    wait_for(out.exists, process, "a recording")
    process.send_signal(getattr(signal, number))
    done = finish(process)
    assert (done.code, done.err) == (0, "")
    assert f"{pictures_in(out)} recorded" in done.out
    assert sorted(path.name for path in folder.iterdir()) == ["clip.mp4", "out.mp4", "s.json"]


def test_before_anything_has_started_one_signal_is_enough(start, finish, loopback, tmp_path):
    with loopback() as silent:  # takes the connection and says nothing
        options = ("--record", tmp_path / "out.mp4", "--engine", "constant", "--no-display")
        address = f"tcp://127.0.0.1:{silent.port}"
        process = start("run", "--source", address, "--open-timeout", 2, *options)
        wait_for(lambda: silent.connections, process, "a connection")
        process.send_signal(signal.SIGINT)
        done = finish(process)
    assert done.code == 128 + signal.SIGINT
    assert done.err == ""
    assert list(tmp_path.iterdir()) == []


IMPORTING = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored where the tests run
class Interrupter:
    def find_spec(self, name, path, target=None):
        if name == "scr_live.cli":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupter())
from scr_live.__main__ import main
sys.exit(main())
"""


def test_while_the_program_is_loaded_an_interrupt_ends_it_without_a_word(start, finish):
    done = finish(start("--version", code=IMPORTING))
    assert (done.code, done.out, done.err) == (-signal.SIGINT, "", "")


def test_a_reader_that_goes_away_does_not_end_the_run(start, clip):
    out = clip.parent / "out.mp4"
    process = start("run", "--source", clip, "--record", out, "--engine", "constant", "--no-display")
    process.stdout.close()
    process.stderr.close()
    assert process.wait(40) == 0
    assert pictures_in(out) == 10


STUCK = """
import functools, sys, time
import scr_live.pipeline.live as live
from scr_live.cli import main
from scr_live.engines.constant import ConstantEngine
def infer(self, image):
    print("STUCK", flush=True)
    time.sleep(600)
ConstantEngine.infer = infer
live.PipelineOptions = functools.partial(live.PipelineOptions, stage_grace_s=600)
sys.exit(main())
"""


def test_a_second_signal_ends_a_stuck_run(start, finish, clip):
    process = start("run", "--source", clip, "--engine", "constant", "--no-display", code=STUCK)
    assert any("STUCK" in line for line in process.stdout)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)  # of another kind: two alike that come at once count as one
    done = finish(process)  # by itself it would end after ten minutes
    assert done.code in (128 + signal.SIGINT, 128 + signal.SIGTERM)
    assert done.err == ""


@pytest.mark.skipif(not hasattr(fcntl, "F_SETPIPE_SZ"), reason="only Linux lets a pipe be made small")
def test_a_terminal_that_is_paused_stops_neither_the_video_nor_its_end(clip):
    out = clip.parent / "out.mp4"
    options = ("--loop", "--realtime", "--record", out, "--engine", "constant", "--no-display")
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writing, bytes(4096))  # full from the start: the first line blocks
    process = subprocess.Popen(
        [sys.executable, "-m", "scr_live", "run", "--source", str(clip), *map(str, options)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writing)
    try:
        wait_for(lambda: out.exists() and out.stat().st_size > 0, process, "a recording")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
    finally:
        process.kill()
        os.close(reading)
    assert (process.returncode, err) == (0, "")
    assert pictures_in(out) > 0


PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-m", "scr_live", *sys.argv[1:]])
print(child.pid, flush=True)
sys.stdin.read()
"""


def test_a_run_ends_well_with_the_program_that_started_it(finish, clip):
    out, stats = clip.parent / "out.mp4", clip.parent / "s.json"
    options = ("--loop", "--record", out, "--stats", stats, "--engine", "constant", "--no-display")
    arguments = ("run", "--source", clip, *options, "--exit-with-parent")
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(out.exists, parent, "a recording")
    parent.kill()
    done = finish(parent)  # the child holds its pipes: this waits for both
    assert done.err == ""
    recorded = json.loads(stats.read_text())["frames"]["recorded"]
    assert f"{recorded} recorded" in done.out
    assert pictures_in(out) == recorded
