"""What the server's process knows of the run: the newest picture, the status, events and sightings.

Everything here is used by the thread of the event loop alone. Nothing grows: whoever looks takes the newest.
"""

import asyncio
import contextlib
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from scr_live.events import EventKind
from scr_live.sinks.web.sightings import SightingList

KEPT_EVENTS: Final = 1000
MOST_VIEWERS: Final = 64
ENOUGH: Final = 0.95
"""Of the pixels that are shown: what a picture has to have, so that nobody sees that it is smaller."""
_ANSWER_S: Final = 5.0
_MOVES_S: Final = 2.0
"""Without a new picture for so long a run is not ready."""


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A picture as it goes to viewers."""

    number: int
    """Counts the pictures that came, from 1."""
    index: int
    """Of its frame."""
    captured_at: float
    """In time.perf_counter(), which all processes of a machine share."""
    jpeg: bytes
    """In the largest size that somebody wanted."""
    smaller: Mapping[int, bytes] = field(default_factory=dict)
    """By their width in pixels."""

    def fitting(self, width: int) -> bytes:
        """Return the smallest one that fills a place of so many pixels; 0: the largest."""
        enough = [known for known in self.smaller if 0 < ENOUGH * width <= known]
        return self.smaller[min(enough)] if enough else self.jpeg


class Watcher:
    """One who watches, and how wide the place is where the video is shown."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self.width = 0

    def show_at(self, width: int) -> None:
        """Be content with a picture for so many pixels; 0: the largest."""
        self.width = width
        self._changed()


@dataclass(frozen=True, slots=True)
class Told:
    """An event of the journal, numbered."""

    seq: int
    kind: str
    data: str
    """JSON."""


class FullError(Exception):
    """As many watch as may."""


class NoAnswerError(Exception):
    """The run did not do as it was asked."""


class Signal:
    """Wakes all who wait, each time."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        """Wake those who wait now."""
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the next time. False: it did not come in time."""
        try:
            await asyncio.wait_for(self._event.wait(), timeout_s)
        except TimeoutError:
            return False
        return True


class Hub:
    """See the module."""

    def __init__(self, send: Callable[..., None]) -> None:
        """send: a message to the run, as kind and facts; it does not wait."""
        self._send = send
        self.picture: Shown | None = None
        self.status: dict[str, Any] = {}
        self.metrics: dict[str, Any] = {}
        self.events: deque[Told] = deque(maxlen=KEPT_EVENTS)
        self.sightings = SightingList()
        self.new_picture, self.news = Signal(), Signal()
        self.state = "going"
        self.widths: frozenset[int] = frozenset()
        """That somebody wants, 0 for the largest; replaced as a whole, for another thread reads it."""
        self.listeners = 0
        self._watchers: list[Watcher] = []
        self.sent_pictures = 0
        self._composed, self._moved_at = 0, -math.inf
        self._asked: dict[int, asyncio.Future[Mapping[str, Any]]] = {}
        self._asked_count = 0
        self._stills = 0
        self._said_goodbye = False

    # --- what the run tells ---------------------------------------------------------------------------

    def show(self, picture: Shown) -> None:
        """Take the newest picture."""
        self.picture = picture
        self.new_picture.set()

    def tell_status(self, status: dict[str, Any], metrics: dict[str, Any]) -> None:
        """Take how the run stands."""
        self.status, self.metrics = status, metrics
        composed = int(status["frames"]["composed"])
        if composed != self._composed:
            self._composed, self._moved_at = composed, time.monotonic()
        if status["run"] == "ended":
            self.end("ended")

    def tell_event(self, event: Told, facts: Mapping[str, Any]) -> None:
        """Take an event."""
        self.events.append(event)
        self._said_goodbye |= event.kind == EventKind.RUN_ENDED
        self.sightings.hear(event.kind, facts)
        self.news.set()

    def answer(self, number: int, facts: Mapping[str, Any]) -> None:
        """Take the answer to what was asked."""
        waiting = self._asked.pop(number, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(facts)

    def end(self, state: str) -> None:
        """Nothing more will come. A run that said that it ends has not gone, whatever got lost."""
        if self.state == "going":
            self.state = "ended" if self._said_goodbye else state
        self.new_picture.set()
        self.news.set()

    # --- what viewers ask -----------------------------------------------------------------------------

    @property
    def viewers(self) -> int:
        """How many watch the video."""
        return len(self._watchers)

    @contextlib.contextmanager
    def watching(self) -> Iterator[Watcher]:
        """Count one who watches the video; while nobody does the run sends no pictures. May be FullError."""
        if self.viewers >= MOST_VIEWERS:
            raise FullError
        watcher = Watcher(self._note_widths)
        self._watchers.append(watcher)
        self._note_watchers()
        try:
            yield watcher
        finally:
            self._watchers.remove(watcher)
            self._note_watchers()

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Count one who hears the events. May be FullError."""
        if self.listeners >= MOST_VIEWERS:
            raise FullError
        self.listeners += 1
        try:
            yield
        finally:
            self.listeners -= 1

    async def newer(self, than: int, timeout_s: float | None = None) -> Shown | None:
        """Return the newest picture, once it is not that one. None: the run has ended, or time is over."""
        while self.picture is None or self.picture.number <= than:
            if self.state != "going" or not await self.new_picture.wait(timeout_s):
                return None
        return self.picture

    async def still(self) -> Shown | None:
        """Return a picture of now, whether somebody watches or not. None: the run sends none."""
        number = 0 if self.picture is None else self.picture.number
        self._stills += 1
        self._note_widths()
        if self.state == "going":
            self._send("look")
        try:
            return await self.newer(number, _MOVES_S) or self.picture
        finally:
            self._stills -= 1
            self._note_widths()

    async def ask(self, changes: Mapping[str, float | bool]) -> Mapping[str, Any]:
        """Have the run carry them out. NoAnswerError: it does not say that it did."""
        self._asked_count += 1
        number = self._asked_count
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        try:
            self._send("control", number=number, changes=dict(changes))
            facts: Mapping[str, Any] = await asyncio.wait_for(answer, _ANSWER_S)
        except TimeoutError as error:
            raise NoAnswerError("The run did not answer in time; look at the status.") from error
        finally:
            self._asked.pop(number, None)
        if facts.get("error"):
            raise NoAnswerError(str(facts["error"]))
        return facts

    def account(self) -> dict[str, Any]:
        """Return how the run stands, as far as it was told."""
        return {**self.status, "viewers": self.viewers, "run": self.state}

    def why_not_ready(self) -> str:
        """Return why no pictures come; empty: they do."""
        if self.state != "going":
            return f"the run is {self.state}" if self.state == "gone" else "the run has ended"
        if not self.status:
            return "the run has told nothing yet"
        if time.monotonic() - self._moved_at > _MOVES_S:
            return f"no picture for more than {_MOVES_S:g} s"
        if self.status["signal"] == "lost":
            return "no signal"
        return ""

    def _note_watchers(self) -> None:
        self._note_widths()
        self._send("watching", viewers=self.viewers)

    def _note_widths(self) -> None:
        widths = {watcher.width for watcher in self._watchers}
        self.widths = frozenset(widths | {0} if self._stills else widths)
