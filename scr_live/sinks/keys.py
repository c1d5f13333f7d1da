"""What the keys of the window mean: pure, so that it is tested without a window."""

from enum import Enum, auto
from typing import Final

from scr_live.controls import Controls

THRESHOLD_STEP: Final = 0.05
THRESHOLD_RANGE: Final = (0.05, 0.95)

HELP: Final = (
    "q quit",
    "space pause",
    "o marks on/off",
    "+/- threshold",
    "s snapshot",
    "w withdrawal",
    "r recording",
    "f full screen",
    "h help",
)


class Action(Enum):
    """What a person asked for."""

    NOTHING = auto()
    QUIT = auto()
    PAUSE = auto()
    REFUSE_PAUSE = auto()
    """A live source goes on, whether one looks or not."""
    TOGGLE_OVERLAY = auto()
    RAISE_THRESHOLD = auto()
    LOWER_THRESHOLD = auto()
    SNAPSHOT = auto()
    WITHDRAWAL = auto()
    """It begins, or ends."""
    RECORDING = auto()
    """One begins, or ends."""
    FULL_SCREEN = auto()
    HELP = auto()


_ESCAPE: Final = 27
_UP: Final = frozenset({0xFF52, 0x260000, 0xF700})  # X11, Windows, macOS
_DOWN: Final = frozenset({0xFF54, 0x280000, 0xF701})
_LETTERS: Final = {
    "q": Action.QUIT,
    " ": Action.PAUSE,
    "o": Action.TOGGLE_OVERLAY,
    "+": Action.RAISE_THRESHOLD,
    "=": Action.RAISE_THRESHOLD,  # the plus of an American keyboard without shift
    "-": Action.LOWER_THRESHOLD,
    "s": Action.SNAPSHOT,
    "w": Action.WITHDRAWAL,
    "r": Action.RECORDING,
    "f": Action.FULL_SCREEN,
    "h": Action.HELP,
    "?": Action.HELP,
}


def handle_key(key: int, *, is_live: bool) -> Action:
    """Translate a code of cv2.waitKeyEx (-1: no key)."""
    if key < 0:
        return Action.NOTHING
    code = key & 0xFFFF  # GTK puts num lock and shift into the bits above
    if key in _UP or code in _UP:
        return Action.RAISE_THRESHOLD
    if key in _DOWN or code in _DOWN:
        return Action.LOWER_THRESHOLD
    if code == _ESCAPE:
        return Action.QUIT
    action = _LETTERS.get(chr(code).lower(), Action.NOTHING)
    return Action.REFUSE_PAUSE if action is Action.PAUSE and is_live else action


def change_controls(action: Action, controls: Controls) -> None:
    """Carry out the actions that concern the pipeline; the others are the window's own."""
    match action:
        case Action.PAUSE:
            controls.paused = not controls.paused
        case Action.TOGGLE_OVERLAY:
            controls.overlay = not controls.overlay
        case Action.RAISE_THRESHOLD:
            controls.threshold = _stepped(controls.threshold, THRESHOLD_STEP)
        case Action.LOWER_THRESHOLD:
            controls.threshold = _stepped(controls.threshold, -THRESHOLD_STEP)
        case _:
            pass


def _stepped(threshold: float, step: float) -> float:
    low, high = THRESHOLD_RANGE
    return min(high, max(low, round(threshold + step, 2)))
