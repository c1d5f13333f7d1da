"""One opening of a source, in a thread of its own. Standard library and our own records only."""

from collections.abc import Callable, Iterable
from math import inf
from threading import Lock, Thread
from time import monotonic
from typing import Final

from scr_live.frames import Frame
from scr_live.sources import VideoSource, decode_errors_of, warnings_of
from scr_live.sources.handoff import Handoff

CAPACITY: Final = 2
"""Frames that may wait for the consumer; the newest win."""

MOST_SENTENCES: Final = 100
"""Warnings of connections that are kept: some name times or numbers, and are never twice the same."""


class Connection:
    """Opens, reads and closes a source in a daemon thread, so that nobody else waits inside it.

    Whatever the source does (it refuses, hangs while it is opened or read, ends, fails), `take` returns or
    raises in time, and `close` returns at once. After `close` no frame comes from it, even if it wakes up.
    """

    def __init__(
        self, open_source: Callable[[], VideoSource], name: str, *, opens_within_s: float = inf
    ) -> None:
        self._open = open_source
        self._opens_by = monotonic() + opens_within_s
        self._frames: Handoff[Frame] = Handoff(CAPACITY)
        self._lock = Lock()
        self._source: VideoSource | None = None
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Frames that nobody took in time, inside the source or here."""
        return self._frames.dropped + int(getattr(self._source, "dropped", 0))

    @property
    def warnings(self) -> list[str]:
        """The source's."""
        return [] if self._source is None else warnings_of(self._source)

    @property
    def decode_errors(self) -> int:
        """The source's."""
        return 0 if self._source is None else decode_errors_of(self._source)

    @property
    def is_alive(self) -> bool:
        """Whether its thread has not ended yet."""
        return self._thread.is_alive()

    @property
    def receives(self) -> bool:
        """Whether the source gets something, though no frame may come of it. Most cannot say."""
        return bool(getattr(self._source, "receives", False))

    @property
    def is_connecting(self) -> bool:
        """Whether its source is still being opened, and within the time for that."""
        return self._source is None and self.is_alive and monotonic() < self._opens_by

    def take(self, timeout_s: float) -> Frame | None:
        """Wait for the next frame; None at its end. Raises what ended it, or TimeoutError."""
        return self._frames.take(timeout_s)

    def close(self) -> None:
        """End it, from any thread, at once; the thread ends when the source lets it."""
        self._frames.close()
        with self._lock:
            source = self._source
        if source is not None:
            source.close()

    def wait_gone(self, timeout_s: float) -> bool:
        """Wait for the thread to end."""
        self._thread.join(max(timeout_s, 0.0))
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            with self._open() as source:
                with self._lock:
                    self._source = source
                if not self._frames.is_closed():
                    self._hand_over(source)
            self._frames.end()
        except BaseException as error:  # noqa: BLE001  it is raised again in the thread that takes
            self._frames.end(error)

    def _hand_over(self, source: VideoSource) -> None:
        for frame in source:
            if not self._frames.put(frame, lossy=True):
                return


class Retired:
    """Connections that were closed: their sums, and those of them that have not ended yet."""

    def __init__(self) -> None:
        self._ending: list[Connection] = []
        self._lock = Lock()
        self._warnings: dict[str, None] = {}
        self._decode_errors = 0
        self._dropped = 0

    def add(self, connection: Connection) -> None:
        """Take over a closed connection."""
        with self._lock:
            self._ending.append(connection)

    def note(self, sentences: Iterable[str]) -> None:
        """Keep what an opening that failed had to say."""
        with self._lock:
            self._keep(sentences)

    @property
    def ending(self) -> int:
        """How many of their threads have not ended: soon they will, or they hang."""
        with self._lock:
            self._count_ended()
            return len(self._ending)

    @property
    def warnings(self) -> list[str]:
        """Each sentence once."""
        with self._lock:
            self._count_ended()
            return list(dict.fromkeys([*self._warnings, *(s for one in self._ending for s in one.warnings)]))

    @property
    def decode_errors(self) -> int:
        """Of all of them."""
        with self._lock:
            self._count_ended()
            return self._decode_errors + sum(one.decode_errors for one in self._ending)

    @property
    def dropped(self) -> int:
        """Of all of them."""
        with self._lock:
            self._count_ended()
            return self._dropped + sum(one.dropped for one in self._ending)

    def wait_gone(self, timeout_s: float) -> bool:
        """Wait for all their threads to end; False if one hangs: to be still connecting is not to hang."""
        deadline = monotonic() + timeout_s
        with self._lock:
            ending = list(self._ending)
        return all(one.wait_gone(deadline - monotonic()) or one.is_connecting for one in ending)

    def _count_ended(self) -> None:
        """Keep the sums of those that ended, and nothing else of them: there may be hundreds in a run."""
        for one in [one for one in self._ending if not one.is_alive]:
            self._ending.remove(one)
            self._keep(one.warnings)
            self._decode_errors += one.decode_errors
            self._dropped += one.dropped

    def _keep(self, sentences: Iterable[str]) -> None:
        for sentence in sentences:
            if len(self._warnings) < MOST_SENTENCES:
                self._warnings[sentence] = None
