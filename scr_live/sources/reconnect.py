"""A camera or stream that comes back: while it is lost, time goes on and no old video passes for live."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from threading import Event, Lock
from time import monotonic, perf_counter
from typing import Final

import numpy as np

from scr_live.errors import SourceError
from scr_live.events import EventKind, Journal
from scr_live.frames import Frame, Image
from scr_live.sources import SourceInfo, VideoSource
from scr_live.sources.connection import Connection, Retired
from scr_live.sources.options import UNDECODED_S, SourceOptions
from scr_live.sources.reading import PATIENCE_INTERVALS, readers_left_behind, silent, undecoded
from scr_live.sources.retry import Retry
from scr_live.sources.stamps import Stamps
from scr_live.sources.tap import TapSwitch

PLACEHOLDER_S: Final = 0.2
"""From one picture without signal to the next."""

DIMMED_BY: Final = 3
"""What the last picture's brightness is divided by."""

MOST_LEFT_BEHIND: Final = 4
"""Threads that may hang in a driver before no more is tried: each holds memory, and often the device."""

CROWDED_S: Final = 3.0
"""If so many have not ended for so long, they hang: it is told that no more is tried."""

RELEASE_S: Final = 1.5
"""What leaving the `with` waits for the readers."""

_LEAST_WAIT_S = 0.05  # a consumer that was away for long is no loss of the source


@dataclass(slots=True)
class _Loss:
    """What is shown while nothing comes, and since when."""

    picture: Image
    since: float
    next_at: float


@dataclass(slots=True)
class _Crowd:
    """Readers that hang and are too many to try another."""

    since: float = inf
    is_told: bool = False


class Reconnecting(VideoSource):
    """Frames of a live source for as long as it is not closed; it is opened again whenever it is lost.

    Lost is: it fails, ends, or gives no frame for the read time-out, however its reader hangs. From then on
    come, at once and five times a second, placeholders: the last picture, dimmed, with `Signal.LOST`.
    Indices have no gap and times go on as the clock does, so the loss stands in the recording. After it,
    frames may have another size than `info` says. Journal: SIGNAL_LOST, SIGNAL_BACK, SIZE_CHANGED.

    A source that gives no frame but says that it `receives` keeps its connection for UNDECODED_S: a decoder
    that has to wait for a key frame would only lose time by a new one.

    `first` is open, and is closed here. `open_again` is called in threads of its own, one at a time. `tap` is
    what the packets of all of them go through; after `close` nothing does.
    `warnings`, `decode_errors` and `dropped` are those of all connections together.
    """

    def __init__(  # noqa: PLR0913  what it opens, how it waits and whom it tells
        self,
        first: VideoSource,
        open_again: Callable[[], VideoSource],
        *,
        options: SourceOptions,
        journal: Journal,
        tap: TapSwitch | None = None,
        clock: Callable[[], float] = perf_counter,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._info = info = first.info
        self._open_again = open_again
        self._journal = journal
        self._tap = tap
        self._clock = clock
        # A source has time-outs of its own; this is for one that does not keep them.
        self._longest_s = options.open_timeout_s + options.read_timeout_s + 1
        self._retry = Retry(longest_attempt_s=self._longest_s, jitter=jitter)
        self._crowd = _Crowd()
        self._silence_s = max(options.read_timeout_s, PATIENCE_INTERVALS / info.fps if info.fps else 0.0)
        self._stamps = Stamps(clock)
        self._closed = Event()
        self._iterating = Lock()  # one consumer at a time
        self._connection: Connection | None = Connection(lambda: first, f"{info.kind}-connection")
        self._retired = Retired()
        self._loss: _Loss | None = None
        self._last: Image = np.zeros((info.height, info.width, 3), np.uint8)
        self._heard_at = clock()

    @property
    def info(self) -> SourceInfo:
        """What is known of the first connection; it does not change."""
        return self._info

    @property
    def warnings(self) -> list[str]:
        """Sentences for the person who runs this, each once."""
        current = self._connection
        return list(dict.fromkeys([*self._retired.warnings, *(current.warnings if current else ())]))

    @property
    def decode_errors(self) -> int:
        """Damaged packets and pictures of all connections."""
        current = self._connection
        return self._retired.decode_errors + (current.decode_errors if current else 0)

    @property
    def dropped(self) -> int:
        """Pictures that nobody took in time, of all connections."""
        current = self._connection
        return self._retired.dropped + (current.dropped if current else 0)

    def __iter__(self) -> Iterator[Frame]:
        while True:
            with self._iterating:
                frame = self._next()
            if frame is None:
                return
            yield frame

    def close(self) -> None:
        """End the iteration at once, from any thread; no call of the tap is running then, and none comes.

        Leaving the `with` waits a little for the readers.
        """
        self._closed.set()
        if (connection := self._connection) is not None:
            connection.close()
        if self._tap is not None:
            self._tap.close()

    def __exit__(self, *_: object) -> None:
        self.close()
        with self._iterating:
            self._retire()
        if not self._retired.wait_gone(RELEASE_S):
            self._retired.note(
                [f"{self._info.name} hangs; its reader is left behind and ends with the program."]
            )

    def _next(self) -> Frame | None:
        if self._closed.is_set():
            return None
        frame = self._living() if self._loss is None else None
        if frame is None and not self._closed.is_set():
            frame = self._while_lost()
        return None if self._closed.is_set() else frame

    def _living(self) -> Frame | None:
        """Return the next frame; None: the source is lost, or was closed."""
        assert self._connection is not None  # noqa: S101  only a loss takes it away
        patience_s = max(self._heard_at + self._silence_s - self._clock(), _LEAST_WAIT_S)
        try:
            frame = self._connection.take(patience_s)
        except SourceError as error:
            self._lose(str(error))
        except TimeoutError:
            if self._connection.receives:
                self._lose(str(undecoded(self._info.name, self._silence_s)), keeps_s=UNDECODED_S)
            else:
                self._lose(str(silent(self._info.name, self._silence_s)))
        except Exception as error:  # noqa: BLE001  whatever broke the source, the video has to come back
            self._lose(type(error).__name__)  # its text, not being ours, may hold a password
        else:
            if frame is not None:
                return self._alive(frame)
            self._lose(f"Expected {self._info.name} to go on, but it ended.")
        return None

    def _lose(self, cause: str, *, keeps_s: float = 0.0) -> None:
        if self._closed.is_set():
            return
        self._retry.lost(monotonic(), keeps_s=keeps_s)
        if not keeps_s:
            self._retire()
        now = self._clock()
        self._loss = _Loss(self._last // DIMMED_BY, self._stamps.living_at or now, now)
        self._journal.tell(EventKind.SIGNAL_LOST, stream_s=self._stamps.at(now), cause=cause)

    def _while_lost(self) -> Frame | None:
        """Return a placeholder when it is due, or the first frame of a new connection; None: closed."""
        loss = self._loss
        assert loss is not None  # noqa: S101
        while not self._closed.is_set():
            wait_s = loss.next_at - self._clock()
            if wait_s <= 0:
                loss.next_at = self._clock() + PLACEHOLDER_S
                return self._stamps.placeholder(loss.picture)
            frame = self._attempt(wait_s)
            if frame is not None:
                return self._back(frame, loss)
        return None

    def _attempt(self, wait_s: float) -> Frame | None:
        """Try to open it, or go on with what is open, for so long at most; None: not yet."""
        connection = self._connection or self._begin_attempt(wait_s)
        if connection is None:
            return None
        try:
            frame = connection.take(max(min(wait_s, self._retry.gives_up_at - monotonic()), 0.0))
            if frame is not None:
                return frame
        except SourceError as error:
            self._retired.note(getattr(error, "__notes__", ()))
        except TimeoutError:
            if monotonic() < self._retry.gives_up_at:
                return None
        except Exception:  # noqa: BLE001, S110  it failed at once, whyever: there is a next time
            pass
        self._retry.failed()
        self._retire()
        return None

    def _begin_attempt(self, wait_s: float) -> Connection | None:
        """Begin the next attempt if its time comes within the wait."""
        now = monotonic()
        if is_crowded := self._retired.ending + readers_left_behind() >= MOST_LEFT_BEHIND:
            self._tell_of_the_crowd(now)
        else:
            self._crowd = _Crowd()
        due_s = wait_s if is_crowded else min(self._retry.due_at - now, wait_s)
        if due_s > 0 and (self._closed.wait(due_s) or due_s >= wait_s):
            return None
        self._retry.begin(monotonic())
        try:
            self._connection = connection = Connection(
                self._open_again, f"{self._info.kind}-connection", opens_within_s=self._longest_s
            )
        except RuntimeError:  # the system has no thread to spare: there is a next time
            self._retry.failed()
            return None
        if self._closed.is_set():  # close() may have missed it
            connection.close()
        return connection

    def _tell_of_the_crowd(self, now: float) -> None:
        """Say once that nothing is tried any more."""
        crowd = self._crowd
        crowd.since = min(crowd.since, now)
        if crowd.is_told or now - crowd.since < CROWDED_S:
            return
        crowd.is_told = True
        cause = (
            f"{self._info.name} is not opened again for now: {MOST_LEFT_BEHIND} of its readers hang in the "
            "driver or the network. Unplug the device and plug it in again; if it stays away, start the "
            "program anew."
        )
        self._retired.note([cause])
        self._journal.tell(EventKind.SIGNAL_LOST, stream_s=self._stamps.at(self._clock()), cause=cause)

    def _back(self, frame: Frame, loss: _Loss) -> Frame:
        before = self._last.shape
        self._loss = None
        self._stamps.connect()
        frame = self._alive(frame)
        lost_s = round(frame.captured_at - loss.since, 3)
        self._journal.tell(
            EventKind.SIGNAL_BACK, stream_s=frame.pts_s, lost_s=lost_s, attempts=self._retry.attempts
        )
        height, width = frame.image.shape[:2]
        if (height, width) != before[:2]:
            self._journal.tell(
                EventKind.SIZE_CHANGED,
                stream_s=frame.pts_s,
                width=width,
                height=height,
                width_before=before[1],
                height_before=before[0],
            )
        return frame

    def _alive(self, frame: Frame) -> Frame:
        self._last = frame.image
        self._heard_at = frame.captured_at
        return self._stamps.living(frame)

    def _retire(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
            self._retired.add(connection)
