"""Is there a display? Asked before Qt is: Qt ends the whole process with SIGABRT where there is none."""

import os
import subprocess
import sys
from typing import Final

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
    prefer_x11()
    try:
        probe = subprocess.run(  # noqa: S603 - our own interpreter and a constant
            [sys.executable, "-c", _PROBE], check=False, capture_output=True, timeout=_PROBE_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoDisplayError(f"No window can be opened on {_name()}: it does not answer.") from error
    if probe.returncode:
        raise NoDisplayError(f"No window can be opened on {_name()}: {_reason(probe.stderr)}.")


def prefer_x11() -> None:
    """Spare the terminal Qt's complaint that it has no Wayland plugin."""
    if sys.platform.startswith("linux"):
        os.environ.setdefault("QT_QPA_PLATFORM", "xcb")


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
