"""What viewers change about a run: carried out here, and told as it is then."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from scr_live.controls import Controls
from scr_live.events import Journal
from scr_live.sinks.withdrawal import mark_withdrawal

if TYPE_CHECKING:
    from scr_live.sinks.switched import SwitchedRecorder

Done: TypeAlias = Callable[[str], None]
"""Hears what became of a change: empty if it was carried out, or a sentence; from any thread."""


class Steering:
    """The controls of a run and the switch of its recordings; its calls never wait."""

    def __init__(
        self, controls: Controls, journal: Journal, recordings: "SwitchedRecorder | None", fixed_because: str
    ) -> None:
        """fixed_because: why there are no recordings to start and to end, if there are none."""
        self._controls = controls
        self._journal = journal
        self._recordings = recordings
        self._fixed_because = "" if recordings is not None else fixed_because

    def change(self, changes: Mapping[str, float | bool], *, stream_s: float | None, done: Done) -> None:
        """Do all of it, or nothing if a recording does not begin. changes: of `changes.checked`."""
        if "recording" not in changes:
            self._set(changes, stream_s)
            done("")
        elif self._recordings is None:
            done(self._fixed_because)
        else:

            def switched(problem: str) -> None:
                if not problem:
                    self._set(changes, stream_s)
                done(problem)

            self._recordings.switch(on=bool(changes["recording"]), answer=switched)

    def controls(self) -> dict[str, Any]:
        """Return what can be changed, as it is now."""
        controls, recordings = self._controls, self._recordings
        return {
            "overlay": controls.overlay,
            "threshold": round(controls.threshold, 4),
            "alert_after_s": controls.alert_after_s,
            "recording": None if recordings is None else recordings.is_on,
        }

    def status(self) -> dict[str, Any]:
        """Return the part of the status that is about them."""
        since = self._controls.withdrawing_since
        return {
            "controls": self.controls(),
            "recording_fixed": self._fixed_because,
            "withdrawal_s": None if since is None else round(time.perf_counter() - since, 1),
        }

    def _set(self, changes: Mapping[str, float | bool], stream_s: float | None) -> None:
        controls = self._controls
        if "overlay" in changes:
            controls.overlay = bool(changes["overlay"])
        if "threshold" in changes:
            controls.threshold = changes["threshold"]
        if "alert_after_s" in changes and controls.alert_after_s is not None:
            controls.alert_after_s = changes["alert_after_s"]
        if "withdrawal" in changes:
            mark_withdrawal(controls, self._journal, stream_s)
