"""Ctrl-C and SIGTERM, in a process of its own. Waiting is for what is seen or said, never for a time."""

import signal
import sys
import time

import av
import pytest

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


def test_a_reader_that_goes_away_does_not_end_the_run(start, clip):
    out = clip.parent / "out.mp4"
    process = start("run", "--source", clip, "--record", out, "--engine", "constant", "--no-display")
    process.stdout.close()
    process.stderr.close()
    assert process.wait(40) == 0
    assert pictures_in(out) == 10


STUCK = """
import sys, time
from scr_live.cli import main
from scr_live.engines.constant import ConstantEngine
def infer(self, image):
    print("STUCK", flush=True)
    time.sleep(600)
ConstantEngine.infer = infer
sys.exit(main())
"""


def test_further_signals_end_a_stuck_run_at_once(start, finish, clip):
    process = start("run", "--source", clip, "--engine", "constant", "--no-display", code=STUCK)
    assert any("STUCK" in line for line in process.stdout)
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)  # signals that come at once count as one
    assert process.poll() is not None
    assert finish(process).code != 0
