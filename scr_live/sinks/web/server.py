"""The page's server as the run sees it: a sink that takes pictures and never waits."""

import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from scr_live.errors import OutputUnwritableError
from scr_live.events import Event, EventKind, Journal
from scr_live.frames import Picture, Signal
from scr_live.margins.pictures import Deidentifier
from scr_live.processes.wire import Message
from scr_live.sinks import Sink
from scr_live.sinks.hearing import Hearing
from scr_live.sinks.snapshot import save_snapshot
from scr_live.sinks.web.changes import checked
from scr_live.sinks.web.desk import Desk
from scr_live.sinks.web.link import Link
from scr_live.sinks.web.recent import RecentDelays
from scr_live.sinks.web.steering import Steering
from scr_live.sinks.web.told import About, event_facts, metrics_of, status_of, without_folders

if TYPE_CHECKING:
    from scr_live.pipeline.stats import Progress

_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0
_STEADY_S: Final = 60.0
"""A server that lived for so long has not failed at its start."""
_FAREWELL_S: Final = 3.0
"""What viewers have at the end of a run to hear of it."""
_SNAPSHOTS: Final = 4  # that may wait for the disk

log = logging.getLogger(__name__)


class WebServer(Sink):
    """Hands pictures, status and events to the server's process, and does what its viewers ask for.

    The process is started again, after growing pauses, whenever it ends or hangs; the listener stays. No
    call waits for it. `margins`: takes away what must not leave the run.
    """

    def __init__(  # noqa: PLR0913 - whatever a viewer may concern
        self,
        listener: socket.socket,
        facts: dict[str, Any],
        about: About,
        steering: Steering,
        *,
        journal: Journal,
        margins: Deidentifier | None,
        snapshot_dir: Path,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        """facts: what the process has to know of addresses, tokens, certificates. tell: of its failures."""
        self._tell = tell or log.warning
        self._listener = listener
        self._facts = facts
        self._about = about.as_dict()
        self._steering = steering
        self._journal = journal
        self._margins = margins
        self._snapshot_dir = snapshot_dir
        self._desk = Desk()
        self._viewers = 0
        self._is_looked_at = False
        self._wants_saved: deque[int] = deque(maxlen=_SNAPSHOTS)
        self._signal = Signal.OK
        self._stream_s: float | None = None
        self._failures = 0
        self._progress: Progress | None = None
        self._delays = RecentDelays()
        self._closing = threading.Event()
        self._link: Link | None = None
        self.restarts = 0
        self.problem = ""
        """Why it had to be started again the last time."""
        self._keeper = threading.Thread(target=self._keep, name="web-server", daemon=True)

    @property
    def pid(self) -> int:
        """Of the server's process; 0: there is none."""
        return 0 if self._link is None else self._link.pid

    def write(self, picture: Picture) -> None:
        """Show the picture to whoever watches; if nobody does, look at its margins alone."""
        try:
            self._show(picture)
        except Exception:  # a page must not end a run
            self._failures += 1
            if self._failures == 1:
                log.exception("frame %d cannot be shown on the page", picture.frame.index)

    def heard(self, event: Event) -> None:
        """Pass an event on."""
        if event.kind is EventKind.ENGINE_CHANGED:
            self._about = {**self._about, "engine": event.facts.get("engine")}
        self._desk.put_event(event_facts(event))
        if event.kind in (EventKind.SIGHTING_OPENED, EventKind.SIGHTING_UPDATED):
            self._is_looked_at = True  # a picture of it is kept

    def progress(self, now: "Progress") -> None:
        """Pass on how the run stands."""
        self._progress = now
        self._delays.note(now)
        self._desk.put_status(lambda: self._status(now))

    def __enter__(self) -> Self:
        self._snapshots = Hearing(self._save, lambda: None, name="web-snapshots", waiting=_SNAPSHOTS)
        self._keeper.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Say that the run has ended, and end the process."""
        self._closing.set()
        now = self._progress
        if now is not None:
            self._desk.put_status(lambda: self._status(now))
        self._desk.close()
        self._keeper.join(_FAREWELL_S)
        if self._link is not None and self._keeper.is_alive():
            self._link.abandon()
        self._keeper.join()
        self._snapshots.close()

    def _show(self, picture: Picture) -> None:
        self._signal = picture.frame.signal
        self._stream_s = picture.frame.pts_s
        if self._margins is not None:
            self._margins.follow(picture)
        if not (self._viewers or self._is_looked_at or self._wants_saved):
            return
        self._is_looked_at = False
        shown = picture if self._margins is None else self._margins.picture(picture)
        self._desk.put_picture(shown)
        while self._wants_saved:
            self._snapshots.put((self._wants_saved.popleft(), shown))

    def _status(self, now: "Progress") -> dict[str, Any]:
        return {
            "status": status_of(
                self._about,
                now,
                steering=self._steering.status(),
                delays_ms=self._delays.of(now),
                signal=self._signal,
                has_ended=self._closing.is_set(),
            ),
            "metrics": metrics_of(now, self._journal.counts, restarts=self.restarts),
        }

    def _keep(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            began = time.monotonic()
            self._desk.begin_anew()
            self._link = Link(self._listener, self._facts, self._desk, self._obey)
            problem = self._link.run()
            self._viewers = 0
            if self._closing.is_set():
                return
            self.restarts += 1
            self.problem = problem
            self._tell(f"The server of the page {problem}; it is started again. The run goes on.")
            if time.monotonic() - began > _STEADY_S:
                pause_s = _FIRST_PAUSE_S
            if self._closing.wait(pause_s):
                return
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _obey(self, message: Message) -> None:
        """Do what the process says; ValueError and the like: it says what cannot be meant."""
        match message.kind:
            case "watching":
                self._viewers = int(message.facts["viewers"])
                self._is_looked_at = True
            case "look":
                self._is_looked_at = True
            case "control":
                self._change(int(message.facts["number"]), message.facts["changes"])
            case "alive":
                pass
            case _:
                raise ValueError(message.kind)

    def _change(self, number: int, wanted: object) -> None:
        try:
            changes = checked(wanted)
        except ValueError as error:
            self._desk.put_answer({"number": number, "error": str(error)})
            return
        wants_saved = "snapshot" in changes

        def done(problem: str) -> None:
            if problem:
                self._desk.put_answer({"number": number, "error": without_folders(problem)})
            elif wants_saved:
                self._wants_saved.append(number)
            else:
                self._desk.put_answer({"number": number, "controls": self._steering.controls()})

        self._steering.change(changes, stream_s=self._stream_s, done=done)

    def _save(self, order: tuple[int, Picture]) -> None:
        """Save the next picture; in a thread that may wait for the disk."""
        number, picture = order
        answer: dict[str, Any] = {"number": number, "controls": self._steering.controls()}
        try:
            dated = self._margins is None
            answer["snapshot"] = save_snapshot(picture, self._snapshot_dir, dated=dated).name
        except OutputUnwritableError as error:
            answer["error"] = without_folders(str(error))
        self._desk.put_answer(answer)
