import ctypes
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scr_live
from scr_live.controls import Controls
from scr_live.errors import OutputUnwritableError
from scr_live.frames import Ai, Frame, Picture
from scr_live.sinks.keys import Action, change_controls, handle_key
from scr_live.sinks.snapshot import save_snapshot
from scr_live.sinks.strip import Strip, compose
from scr_live.sinks.window import ai_item, first_size

ROOT = Path(scr_live.__file__).parents[1]
ON_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only X11 can be missing")


def picture(index=0, size=(48, 64)):
    image = np.random.default_rng(index).integers(0, 255, (*size, 3), dtype=np.uint8)
    return Picture(Frame(image, index, index / 25, 0.0), None, image)


# --- keys -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "action"),
    [
        (ord("q"), Action.QUIT),
        (ord("Q"), Action.QUIT),
        (27, Action.QUIT),
        (0x100000 | ord("q"), Action.QUIT),  # GTK with num lock
        (ord(" "), Action.PAUSE),
        (ord("o"), Action.TOGGLE_OVERLAY),
        (ord("+"), Action.RAISE_THRESHOLD),
        (ord("="), Action.RAISE_THRESHOLD),
        (0xFF52, Action.RAISE_THRESHOLD),
        (0x260000, Action.RAISE_THRESHOLD),
        (ord("-"), Action.LOWER_THRESHOLD),
        (0xFF54, Action.LOWER_THRESHOLD),
        (0x280000, Action.LOWER_THRESHOLD),
        (ord("s"), Action.SNAPSHOT),
        (ord("w"), Action.WITHDRAWAL),
        (ord("r"), Action.RECORDING),
        (ord("f"), Action.FULL_SCREEN),
        (ord("h"), Action.HELP),
        (ord("x"), Action.NOTHING),
        (-1, Action.NOTHING),
    ],
)
def test_keys(key, action):
    assert handle_key(key, is_live=False) is action


@given(st.integers(-1, 0x7FFFFFFF), st.booleans())
def test_no_key_raises(key, is_live):
    assert isinstance(handle_key(key, is_live=is_live), Action)


def test_a_live_source_is_not_paused():
    assert handle_key(ord(" "), is_live=True) is Action.REFUSE_PAUSE
    controls = Controls()
    change_controls(Action.REFUSE_PAUSE, controls)
    assert not controls.paused


def test_pause_and_overlay_toggle():
    controls = Controls()
    change_controls(Action.PAUSE, controls)
    change_controls(Action.TOGGLE_OVERLAY, controls)
    assert (controls.paused, controls.overlay) == (True, False)
    change_controls(Action.PAUSE, controls)
    change_controls(Action.TOGGLE_OVERLAY, controls)
    assert controls == Controls()


@given(st.floats(0, 1), st.lists(st.booleans(), min_size=1, max_size=60))
def test_the_threshold_stays_in_its_range(start, ups):
    controls = Controls(threshold=start)
    for up in ups:
        change_controls(Action.RAISE_THRESHOLD if up else Action.LOWER_THRESHOLD, controls)
        assert 0.05 <= controls.threshold <= 0.95


def test_twenty_steps_up_and_down_come_back():
    controls = Controls(threshold=0.5)
    seen = []
    for action in [Action.RAISE_THRESHOLD] * 3 + [Action.LOWER_THRESHOLD] * 3:
        change_controls(action, controls)
        seen.append(controls.threshold)
    assert seen == [0.55, 0.6, 0.65, 0.6, 0.55, 0.5]


# --- the view -------------------------------------------------------------------------------------------

STRIP = Strip(items=("25.0 fps", "threshold 0.50", "marks on"))


def test_one_to_one_the_picture_is_untouched():
    image = picture(size=(480, 560)).image
    width, height = first_size(image)
    view = compose(image, STRIP, size=(width, height))
    assert (width, height) == (560, 480 + Strip.LINE_PX)
    assert np.array_equal(view[:480, :, ::-1], image)
    assert view[480:].any()


@given(
    st.tuples(st.integers(1, 300), st.integers(1, 300)),
    st.tuples(st.integers(160, 500), st.integers(120, 400)),
)
def test_any_picture_fits_any_window(shape, size):
    image = np.full((*shape, 3), 200, np.uint8)
    view = compose(image, STRIP, size=size)
    assert view.shape == (size[1], size[0], 3)
    bright = (view[: size[1] - len(STRIP.lines(size[0])) * Strip.LINE_PX] > 150).all(axis=-1)
    rows, columns = bright.any(axis=1).sum(), bright.any(axis=0).sum()
    assert bright.sum() == rows * columns  # one rectangle
    scale = min(size[0] / shape[1], bright.shape[0] / shape[0])
    assert (rows, columns) == pytest.approx((shape[0] * scale, shape[1] * scale), abs=1)


def test_a_large_picture_begins_no_larger_than_a_small_screen():
    width, height = first_size(np.zeros((4320, 7680, 3), np.uint8))
    assert width <= 1280
    assert height <= 720
    assert width / (height - Strip.LINE_PX) == pytest.approx(16 / 9, rel=0.01)


def test_long_text_breaks_into_lines_that_fit():
    strip = Strip(items=tuple(f"number {n}" for n in range(12)), alert="AI late")
    assert len(strip.lines(2000)) == 1
    lines = strip.lines(300)
    assert len(lines) > 2
    assert [label.text for line in lines for label in line] == ["AI late", *strip.items]


def test_a_message_takes_the_place_of_the_items_but_not_of_the_alert():
    ((alert, message),) = Strip(items=("a", "b"), alert="AI late", message="säved").lines(500)
    assert (alert.text, message.text) == ("AI late", "s?ved")
    assert alert.colour != message.colour


@pytest.mark.parametrize(
    ("ai", "age_s", "item"),
    [
        (Ai.ON, 0.0128, ["AI on, marks 13 ms old"]),
        (Ai.BEHIND, 0.08, []),
        (Ai.OFF, None, []),
        (Ai.NOTHING_TO_SEE, None, []),
    ],
)
def test_the_strip_tells_how_old_the_marks_are_unless_an_alert_tells_more(ai, age_s, item):
    assert ai_item(replace(picture(), ai=ai, marks_age_s=age_s)) == item


# --- snapshots ------------------------------------------------------------------------------------------


def test_snapshots_are_whole_and_never_overwrite(tmp_path):
    folder = tmp_path / "new" / "folder"
    paths = {save_snapshot(picture(7), folder) for _ in range(3)}
    assert len(paths) == 3
    assert len(list(folder.iterdir())) == 3
    for path in paths:
        assert "frame000007" in path.name
        assert np.array_equal(cv2.imread(str(path))[..., ::-1], picture(7).image)


def test_a_snapshot_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputUnwritableError, match="file"):
        save_snapshot(picture(), tmp_path / "file")


# --- the real window ------------------------------------------------------------------------------------


def python(code, display):
    env = os.environ | {"DISPLAY": display, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, check=False, env=env, capture_output=True, text=True)


@ON_LINUX
@pytest.mark.parametrize("display", ["", ":4321"])
def test_without_a_display_there_is_one_sentence_and_no_abort(display):
    done = python(OPEN, display)
    assert done.returncode == 3  # and not SIGABRT
    assert "display" in done.stdout
    assert done.stdout.count(".") == 1
    assert done.stderr == ""


OPEN = """
import sys
from dataclasses import replace
from pathlib import Path
from scr_live.controls import Controls
from scr_live.errors import NoDisplayError
from scr_live.sinks.window import Window
try:
    Window("test", Controls(), snapshot_dir=Path(), is_live=False)
except NoDisplayError as error:
    print(error)
    sys.exit(3)
"""


@pytest.fixture(scope="module")
def display():
    """A screen of our own; the window runs in a process of its own, since Qt dies with its screen."""
    missing = [tool for tool in ("Xvfb", "xdotool") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not installed")
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", "800x600x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        yield f":{server.stdout.readline().strip()}"
        server.terminate()


SHOW = """
import sys
from dataclasses import replace
from pathlib import Path
import cv2
import av  # in this order: see scr_live/sinks/display.py
import numpy as np
from scr_live.controls import Controls
from scr_live.events import Journal
from scr_live.frames import Ai, Frame, Picture
from scr_live.sinks.window import Window

image = np.full((240, 320, 3), (200, 60, 20), np.uint8)
picture = Picture(Frame(image, 12, 0.0, 0.0), None, image)
folder, controls, said = Path(sys.argv[1]), Controls(), None
journal = Journal(lambda event: print(event.kind, event.stream_s, flush=True))

class Switch:
    is_on = False
    def switch(self, *, on, answer):
        self.is_on = on
        answer("")
        print("recording", on, flush=True)

options = {"is_live": False, "journal": journal, "switch": Switch()}
with Window("scr-live-test", controls, snapshot_dir=folder, **options) as window:
    going = window.refresh(picture)
    while going:
        files = len(list(folder.iterdir())) if folder.is_dir() else 0
        state = f"{controls.threshold:.2f} {controls.overlay} {controls.paused} {files}"
        if state != said:
            print(state, flush=True)
        said = state
        going = window.refresh(None)
    assert not window.refresh(picture)
print("closed", flush=True)
"""


class Shown:
    """A window in another process."""

    def __init__(self, display, folder):
        self._env = os.environ | {"DISPLAY": display, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", SHOW, str(folder)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self._env
        )
        self.first = self.line()
        self.id = self.xdotool("search", "--sync", "--name", "scr-live-test").split()[-1]
        self.xdotool("windowfocus", "--sync", self.id)

    def line(self):
        return self.process.stdout.readline().strip()

    def xdotool(self, *arguments):
        command = ["xdotool", *arguments]
        return subprocess.run(command, check=True, env=self._env, capture_output=True, text=True).stdout

    def press(self, key):
        self.xdotool("key", key)
        return self.line()


@pytest.fixture
def shown(display, tmp_path):
    window = Shown(display, tmp_path / "snapshots")
    with window.process:
        yield window
        window.process.kill()


@ON_LINUX
def test_the_keys_work_in_a_real_window(shown):
    assert shown.first == "0.50 True False 0"
    assert shown.press("plus") == "0.55 True False 0"
    assert shown.press("Down") == "0.50 True False 0"
    assert shown.press("o") == "0.50 False False 0"
    assert shown.press("space") == "0.50 False True 0"
    assert shown.press("s") == "0.50 False True 1"
    assert shown.press("q") == "closed"
    assert shown.process.wait() == 0
    assert shown.process.stderr.read() == ""  # nothing of Qt's in the user's terminal


@ON_LINUX
def test_a_key_marks_the_withdrawal(shown):
    assert shown.press("w") == "withdrawal-started 0.0"
    assert shown.press("w") == "withdrawal-ended 0.0"


@ON_LINUX
def test_a_key_starts_and_ends_a_recording(shown):
    assert shown.press("r") == "recording True"
    assert shown.press("r") == "recording False"


@ON_LINUX
def test_closing_the_window_by_its_frame_ends_the_run(shown, display):
    ask_to_close(display, int(shown.id))
    assert shown.line() == "closed"
    assert shown.process.wait() == 0


def ask_to_close(display, window):
    """Send what a window manager sends when its X is pressed."""

    class ClientMessage(ctypes.Structure):
        _fields_ = (
            ("type", ctypes.c_int),
            ("serial", ctypes.c_ulong),
            ("send_event", ctypes.c_int),
            ("display", ctypes.c_void_p),
            ("window", ctypes.c_ulong),
            ("message_type", ctypes.c_ulong),
            ("format", ctypes.c_int),
            ("data", ctypes.c_long * 5),
            ("room", ctypes.c_long * 24),
        )

    x11 = ctypes.CDLL("libX11.so.6")
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XInternAtom.restype = ctypes.c_ulong
    server = ctypes.c_void_p(x11.XOpenDisplay(display.encode()))
    event = ClientMessage(type=33, window=window, format=32)
    event.message_type = x11.XInternAtom(server, b"WM_PROTOCOLS", 0)
    event.data[0] = x11.XInternAtom(server, b"WM_DELETE_WINDOW", 0)
    x11.XSendEvent(server, ctypes.c_ulong(window), 0, ctypes.c_long(0), ctypes.byref(event))
    x11.XCloseDisplay(server)


@ON_LINUX
def test_a_wrong_order_of_libraries_is_refused_rather_than_hanging(display):
    done = python("import av" + OPEN, display)
    assert done.returncode == 3
    assert "PyAV was loaded before OpenCV" in done.stdout
