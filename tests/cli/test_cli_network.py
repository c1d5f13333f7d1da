"""A run on a file speaks to nobody: no connection, no look-up of a name, no telemetry."""

import importlib.util
import shutil
import subprocess
import sys

import pytest
from tiny_models import write_model

GUARDED = """
import socket, sys
attempts = []
def guard(owner, name):
    def refuse(*arguments, **options):
        attempts.append(name)
        raise OSError("no network in this test")
    setattr(owner, name, refuse)
for name in ("connect", "connect_ex", "sendto", "sendmsg", "bind"):
    guard(socket.socket, name)
for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "create_connection"):
    guard(socket, name)
{mistake}
from scr_live.cli import main
code = main()
clients = [name for name in sys.modules if name.startswith("openvino_telemetry") and sys.modules[name]]
print("ATTEMPTS", attempts, "CLIENTS", clients)
sys.exit(code)
"""


@pytest.fixture
def run(make_clip, tmp_path):
    """The arguments of a run on a file with everything that writes."""
    clip, model = make_clip(tmp_path / "clip.mp4", 5), write_model(tmp_path)
    results = ("--record", tmp_path / "out.mp4", "--stats", tmp_path / "s.json")
    return ("run", "--source", clip, "--model", model, *results, "--no-display")


@pytest.mark.parametrize("engine", ["auto", "openvino", "onnxruntime"])
def test_nothing_is_even_tried(engine, start, finish, run):
    if engine != "auto" and importlib.util.find_spec(engine) is None:
        pytest.skip(f"{engine} is not installed")
    done = finish(start(*run, "--engine", engine, code=GUARDED.format(mistake="")))
    assert done.code == 0, done.err
    assert "ATTEMPTS [] CLIENTS []" in done.out


def test_the_guard_of_this_test_sees_an_attempt(start, finish, run):
    mistake = "import contextlib\nwith contextlib.suppress(OSError): socket.create_connection(('x', 1))"
    done = finish(start(*run, code=GUARDED.format(mistake=mistake)))
    assert "ATTEMPTS ['create_connection']" in done.out


def test_doctor_asks_nobody_either(start, finish):
    done = finish(start("doctor", code=GUARDED.format(mistake="")))
    assert "ATTEMPTS [] CLIENTS []" in done.out, done.err


def test_the_system_sees_no_connection(run, tmp_path):
    """FFmpeg and the runtimes could open sockets that Python knows nothing of."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    log = tmp_path / "calls"
    tracer = ["strace", "-f", "-qq", "-e", "trace=network", "-o", str(log)]
    if subprocess.run([*tracer, "true"], check=False, capture_output=True).returncode:
        pytest.skip("strace may not trace here")
    command = [*tracer, sys.executable, "-m", "scr_live", *map(str, run)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr
    outside = [line for line in log.read_text().splitlines() if "AF_INET" in line or "AF_PACKET" in line]
    assert outside == []
