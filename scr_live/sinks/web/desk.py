"""What waits to be told to the server's process. Putting never waits, from any thread; nothing here grows."""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from scr_live.frames import Picture
from scr_live.sinks.web.hub import KEPT_EVENTS

Facts: TypeAlias = Mapping[str, Any]

_MOST_ANSWERS: Final = 64


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """What is to be sent next, in this order."""

    events: list[tuple[int, Facts]]
    """Numbered, from 1."""
    answers: list[Facts]
    status: Facts | None
    picture: Picture | None
    is_last: bool

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be sent."""
        return not (self.events or self.answers or self.status or self.picture or self.is_last)


class Desk:
    """One thread takes; a server that is started anew is told what it has to know once more."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._events: deque[tuple[int, Facts]] = deque(maxlen=KEPT_EVENTS)
        self._count = 0
        self._told = 0
        self._answers: deque[Facts] = deque(maxlen=_MOST_ANSWERS)
        self._status: Callable[[], Facts] | None = None
        self._is_status_new = False
        self._picture: Picture | None = None
        self._is_closed = False

    def put_event(self, facts: Facts) -> None:
        """Tell of this event; the latest are kept."""
        with self._changed:
            self._count += 1
            self._events.append((self._count, facts))
            self._changed.notify()

    def put_answer(self, facts: Facts) -> None:
        """Tell whoever asked."""
        with self._changed:
            self._answers.append(facts)
            self._changed.notify()

    def put_status(self, status: Callable[[], Facts]) -> None:
        """Tell how the run stands, in place of what was not sent yet; asked for when it is sent."""
        with self._changed:
            self._status, self._is_status_new = status, True
            self._changed.notify()

    def put_picture(self, picture: Picture) -> None:
        """Show this one, in place of one that was not sent yet."""
        with self._changed:
            self._picture = picture
            self._changed.notify()

    def close(self) -> None:
        """Nothing more will be put."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()

    def begin_anew(self) -> None:
        """Forget what was sent: whoever takes next knows nothing."""
        with self._changed:
            self._told = 0
            self._answers.clear()
            self._is_status_new = self._status is not None
            self._picture = None

    def take(self, timeout_s: float) -> Load:
        """Return what is to be sent, once there is anything or the time is over."""
        with self._changed:
            self._changed.wait_for(self._has_anything, timeout_s)
            events = [event for event in self._events if event[0] > self._told]
            answers, picture = list(self._answers), self._picture
            status = self._status if self._is_status_new else None
            self._told = self._count
            self._answers.clear()
            self._picture, self._is_status_new = None, False
            is_last = self._is_closed
        return Load(events, answers, None if status is None else status(), picture, is_last)

    def _has_anything(self) -> bool:
        return bool(
            self._told < self._count
            or self._answers
            or self._is_status_new
            or self._picture is not None
            or self._is_closed
        )
