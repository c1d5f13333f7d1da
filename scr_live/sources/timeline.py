"""Frame times: whatever the container says, what comes out starts at 0 and always increases."""

from math import inf

MIN_STEP_S = 0.001
"""Between two frames whose container times are equal or slightly out of order."""

JUMP_BACK_S = 1.0
"""A step back by more than this is a new beginning (a splice, a wrapped counter), not a disorder."""


class Timeline:
    """Turns container times into seconds since the first frame, strictly increasing.

    A frame without a time, or one after a jump, follows one nominal interval after the one before it. A step
    ahead of more than `longest_gap_s` is a jump: a file may well pause for minutes, but a live source that
    was silent for longer than its read time-out would have timed out.
    """

    def __init__(self, interval_s: float, longest_gap_s: float = inf) -> None:
        self._interval_s = interval_s
        self._longest_gap_s = longest_gap_s
        self._origin_s: float | None = None
        self._last_s: float | None = None

    def seconds(self, container_s: float | None) -> float:
        """Return the time of the next frame, given what the container says of it (None: nothing)."""
        if container_s is None:
            now_s = self._follow_s()
        else:
            if self._origin_s is None:
                self._origin_s = container_s - self._follow_s()
            now_s = container_s - self._origin_s
            if self._is_jump(now_s):
                now_s = self._follow_s()
                self._origin_s = container_s - now_s
        if self._last_s is not None:
            now_s = max(now_s, self._last_s + MIN_STEP_S)
        self._last_s = now_s
        return now_s

    def restart(self) -> None:
        """Say that the container begins again: its next time continues one interval later."""
        self._origin_s = None

    def _is_jump(self, now_s: float) -> bool:
        return self._last_s is not None and not (
            self._last_s - JUMP_BACK_S <= now_s <= self._last_s + self._longest_gap_s
        )

    def _follow_s(self) -> float:
        return 0.0 if self._last_s is None else self._last_s + self._interval_s
