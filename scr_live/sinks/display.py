"""Is there a display? Asked before Qt is: Qt ends the whole process with SIGABRT where there is none.

The wheels of PyAV and OpenCV both bring parts of libxcb under one name. If PyAV is loaded first, OpenCV's Qt
takes PyAV's parts and loops for ever in opening a window. So OpenCV must be imported before PyAV in a process
that shows a window (https://github.com/PyAV-Org/PyAV/issues/1050).
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import cv2

from scr_live.errors import NoDisplayError

_PROBE: Final = "import cv2, os; cv2.namedWindow('probe'); os._exit(0)"
_PROBE_TIMEOUT_S: Final = 20.0


def require_display() -> None:
    """Raise NoDisplayError where a window cannot be opened; takes a fraction of a second on Linux.

    A DISPLAY that is set proves little (a stale one, one of another user), so a short-lived process tries it.
    """
    if not sys.platform.startswith("linux"):
        return
    if not os.environ.get("DISPLAY"):  # OpenCV's Qt speaks X11 alone; Wayland desktops serve it by XWayland
        raise NoDisplayError("There is no display to open a window on (DISPLAY is not set).")
    if _is_loaded_before("av", "cv2"):
        raise NoDisplayError("No window can be opened: PyAV was loaded before OpenCV, and Qt would hang.")
    quieten_qt()
    try:
        probe = subprocess.run(  # noqa: S603 - our own interpreter and a constant
            [sys.executable, "-c", _PROBE], check=False, capture_output=True, timeout=_PROBE_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoDisplayError(f"No window can be opened on {_name()}: it does not answer.") from error
    if probe.returncode:
        raise NoDisplayError(f"No window can be opened on {_name()}: {_reason(probe.stderr)}.")


def quieten_qt() -> None:
    """Spare the terminal Qt's complaints that OpenCV's wheel has no Wayland plugin and no fonts."""
    if not sys.platform.startswith("linux"):
        return
    os.environ.setdefault("QT_QPA_PLATFORM", "xcb")
    fonts = os.environ.get("QT_QPA_FONTDIR")
    if fonts and not Path(fonts).is_dir():  # set by `import cv2`; the window shows no text of Qt's
        os.environ["QT_QPA_FONTDIR"] = str(Path(cv2.__file__).parent)


def _is_loaded_before(first: str, second: str) -> bool:
    modules = list(sys.modules)  # in the order of loading
    return first in modules and modules.index(first) < modules.index(second)


def _name() -> str:
    return f"the display {os.environ['DISPLAY']!r}"


def _reason(stderr: bytes) -> str:
    """Reduce what Qt or OpenCV said to half a sentence."""
    text = stderr.decode(errors="replace")
    if "could not connect to display" in text:
        return "nothing answers there, or it does not let us in"
    if "not implemented" in text or "rebuild" in text.lower():
        return "this OpenCV was built without windows (opencv-python-headless)"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else "OpenCV failed without a word"
