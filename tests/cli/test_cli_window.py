"""A window beside a video file: OpenCV has to be loaded before PyAV, or Qt hangs (sinks/display.py)."""

import json
import shutil
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only X11 has this trouble")

ORDER = """
import sys
from scr_live.cli import main
code = main()
loaded = [name for name in sys.modules if name in ("cv2", "av")]
print("LOADED", *loaded)
sys.exit(code)
"""


@pytest.fixture(scope="module")
def display():
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed")
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", "640x480x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        yield f":{server.stdout.readline().strip()}"
        server.terminate()


@pytest.mark.parametrize("command", ["run", "doctor"])
def test_opencv_is_loaded_first(command, start, finish, make_clip, tmp_path):
    options = ()
    if command == "run":
        clip = make_clip(tmp_path / "clip.mp4", 3)
        options = ("--source", clip, "--record", tmp_path / "out.mp4", "--engine", "constant", "--no-display")
    done = finish(start(command, *options, code=ORDER))
    assert "LOADED cv2 av" in done.out, done.err


def test_a_run_is_shown_and_recorded(display, start, finish, make_clip, tmp_path):
    clip, stats = make_clip(tmp_path / "clip.mp4", 8), tmp_path / "s.json"
    options = ("--record", tmp_path / "out.mp4", "--keep-margins", "--stats", stats, "--engine", "constant")
    done = finish(start("run", "--source", clip, *options, DISPLAY=display))
    assert done.code == 0, done.err
    assert "note" not in done.out
    frames = json.loads(stats.read_text())["frames"]
    assert (frames["captured"], frames["shown"], frames["recorded"]) == (8, 8, 8)


def test_doctor_sees_the_display(display, start, finish):
    done = finish(start("doctor", DISPLAY=display))
    assert any(line.startswith("ok") and "window" in line for line in done.out.splitlines()), done.out
