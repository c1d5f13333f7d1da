"""The window: the picture, a line of information below it, and keys."""

import contextlib
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import cv2
import numpy as np

from scr_live.controls import Controls
from scr_live.errors import NoDisplayError, OutputUnwritableError
from scr_live.events import Journal
from scr_live.frames import Ai, Image, Picture
from scr_live.margins.pictures import Deidentifier
from scr_live.sinks.display import require_display
from scr_live.sinks.keys import HELP, Action, change_controls, handle_key
from scr_live.sinks.snapshot import save_snapshot
from scr_live.sinks.strip import Strip, compose
from scr_live.sinks.withdrawal import mark_withdrawal

if TYPE_CHECKING:
    from scr_live.sinks.switched import SwitchedRecorder

_FIRST_VIEW: Final = (960, 540)
_LARGEST_VIEW: Final = (1280, 680)
"""A window of this size and its frame fit any screen in use; it can be enlarged by hand."""
_SMALLEST_VIEW: Final = (160, 120)
_MESSAGE_S: Final = 3.0
_HELP_S: Final = 8.0


class Window:
    """A Screen in a resizable window. All methods on the main thread only: GUI toolkits allow nothing else.

    The picture is scaled to the window, never drawn on. The constructor raises NoDisplayError where no window
    can be opened. `is_live` sources cannot be paused. `margins` takes away what snapshots must not show.
    """

    def __init__(  # noqa: PLR0913 - whatever a key may concern
        self,
        title: str,
        controls: Controls,
        *,
        snapshot_dir: Path,
        is_live: bool,
        margins: Deidentifier | None = None,
        journal: Journal | None = None,
        switch: "SwitchedRecorder | None" = None,
    ) -> None:
        require_display()
        self._title = title
        self._controls = controls
        self._snapshot_dir = snapshot_dir
        self._is_live = is_live
        self._margins = margins
        self._journal = journal or Journal()
        self._switch = switch
        self._picture: Picture | None = None
        self._drawn: tuple[object, ...] = ()
        self._times: deque[float] = deque(maxlen=30)
        self._message = ""
        self._message_until = 0.0
        self._help_until = 0.0
        self._full_screen = False
        self._was_visible = False
        self._stopped = False

    def refresh(self, picture: Picture | None) -> bool:
        """Show the picture (None: nothing new) and obey the keys. False: the user wants to stop."""
        if self._stopped:
            return False
        if picture is not None:
            self._take(picture)
        self._draw()
        self._obey(handle_key(cv2.waitKeyEx(1), is_live=self._is_live))
        if not self._is_visible():
            self._stopped = True
        return not self._stopped

    def __enter__(self) -> Self:
        try:
            cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_FREERATIO | cv2.WINDOW_GUI_NORMAL)
            cv2.resizeWindow(self._title, *_FIRST_VIEW)
        except cv2.error as error:
            raise NoDisplayError(f"OpenCV opened no window: {error.err}.") from error
        self.refresh(None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped = True
        with contextlib.suppress(cv2.error):  # closed by the user already
            cv2.destroyWindow(self._title)
            cv2.waitKeyEx(1)

    def _take(self, picture: Picture) -> None:
        if self._picture is None:
            cv2.resizeWindow(self._title, *first_size(picture.image))
        self._picture = picture
        if self._margins is not None:
            self._margins.follow(picture)
        self._times.append(time.perf_counter())

    def _draw(self) -> None:
        """Draw if anything changed since the last time."""
        size, strip = self._view_size(), self._strip()
        wanted = (self._picture, size, strip)
        if wanted != self._drawn:
            image = self._picture.image if self._picture else np.zeros((1, 1, 3), np.uint8)
            cv2.imshow(self._title, compose(image, strip, size=size))
            self._drawn = wanted

    def _view_size(self) -> tuple[int, int]:
        _, _, width, height = cv2.getWindowImageRect(self._title)
        return max(width, _SMALLEST_VIEW[0]), max(height, _SMALLEST_VIEW[1])

    def _strip(self) -> Strip:
        now = time.perf_counter()
        if now < self._help_until:
            return Strip(items=HELP)
        items = [
            *([] if self._picture is None else ai_item(self._picture)),
            "paused" if self._controls.paused else f"{self._fps():.1f} fps",
            f"threshold {self._controls.threshold:.2f}",
            f"marks {'on' if self._controls.overlay else 'off'}",
        ]
        if self._switch is not None:
            items.append("recording" if self._switch.is_on else "not recording")
        withdrawing_since = self._controls.withdrawing_since
        if withdrawing_since is not None:
            minutes, seconds = divmod(int(now - withdrawing_since), 60)
            items.append(f"withdrawal {minutes}:{seconds:02}")
        if self._picture is None:
            items = ["waiting for the first picture"]
        status = self._picture.status if self._picture else ""
        message = self._message if now < self._message_until else ""
        return Strip(items=(*items, "h help"), alert=status, message=message)

    def _fps(self) -> float:
        if len(self._times) < 2:  # noqa: PLR2004 - an interval has two ends
            return 0.0
        return (len(self._times) - 1) / max(self._times[-1] - self._times[0], 1e-6)

    def _obey(self, action: Action) -> None:
        change_controls(action, self._controls)
        match action:
            case Action.QUIT:
                self._stopped = True
            case Action.PAUSE:
                self._times.clear()  # the pause does not count as slowness
            case Action.REFUSE_PAUSE:
                self._say("a live source cannot be paused")
            case Action.SNAPSHOT:
                self._snapshot()
            case Action.WITHDRAWAL:
                self._mark_withdrawal()
            case Action.RECORDING:
                self._switch_recording()
            case Action.FULL_SCREEN:
                self._toggle_full_screen()
            case Action.HELP:
                self._help_until = time.perf_counter() + _HELP_S
            case _:
                pass

    def _mark_withdrawal(self) -> None:
        """Start the clock of the withdrawal, or stop it; the account of the run tells both."""
        stream_s = None if self._picture is None else self._picture.frame.pts_s
        begins = mark_withdrawal(self._controls, self._journal, stream_s)
        self._say("the withdrawal begins" if begins else "the withdrawal ends")

    def _switch_recording(self) -> None:
        """Begin a recording, or end the one that is on; what comes of it is told from another thread."""
        switch = self._switch
        if switch is None:
            self._say("no recording can be started here: see --record-to, of live runs")
            return
        begins = not switch.is_on
        done = "the recording begins" if begins else "the recording ends"
        switch.switch(on=begins, answer=lambda problem: self._say(problem or done))

    def _snapshot(self) -> None:
        """Save the picture; a failure is told in the window and ends nothing: the examination goes on."""
        if self._picture is None:
            return
        try:
            self._say(f"saved {self._saved(self._picture).name}")
        except OutputUnwritableError as error:
            self._say(str(error))

    def _saved(self, picture: Picture) -> Path:
        if self._margins is None:
            return save_snapshot(picture, self._snapshot_dir)
        return save_snapshot(self._margins.picture(picture), self._snapshot_dir, dated=False)

    def _say(self, message: str) -> None:
        self._message = message
        self._message_until = time.perf_counter() + _MESSAGE_S
        self._help_until = 0.0

    def _toggle_full_screen(self) -> None:
        self._full_screen = not self._full_screen
        mode = cv2.WINDOW_FULLSCREEN if self._full_screen else cv2.WINDOW_NORMAL
        cv2.setWindowProperty(self._title, cv2.WND_PROP_FULLSCREEN, mode)

    def _is_visible(self) -> bool:
        """Whether the window has not been closed by its frame."""
        try:
            visible = cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error:  # with its last window OpenCV's Qt is gone
            return False
        self._was_visible = self._was_visible or visible
        return visible or not self._was_visible  # some toolkits take a moment to show it


def ai_item(picture: Picture) -> list[str]:
    """Return what the strip says of a model that keeps up; one that does not is an alert already."""
    if picture.ai is not Ai.ON:
        return []
    age_s = picture.marks_age_s
    return [str(picture.ai) if age_s is None else f"{picture.ai}, marks {1000 * age_s:.0f} ms old"]


def first_size(image: Image) -> tuple[int, int]:
    """Width and height of a new window: the picture one to one, or what fits a small screen."""
    height, width = image.shape[:2]
    shrink = min(1.0, _LARGEST_VIEW[0] / width, _LARGEST_VIEW[1] / height)
    return (
        max(_SMALLEST_VIEW[0], round(width * shrink)),
        max(_SMALLEST_VIEW[1], round(height * shrink) + Strip.LINE_PX),
    )
