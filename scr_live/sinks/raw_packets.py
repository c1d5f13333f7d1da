"""Copies a compressed source's packets to files, without ever holding up the thread that reads the source."""

import threading
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

import av

from scr_live.errors import OutputUnwritableError, SinkError
from scr_live.events import EventKind, Journal
from scr_live.sinks.finishing import Patience
from scr_live.sinks.options import RecorderOptions
from scr_live.sinks.raw_part import Arrival, Template
from scr_live.sinks.raw_writer import RawWriter
from scr_live.sinks.space import DiskWatch
from scr_live.sinks.targets import Names, place_to_begin

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

MOST_BYTES: Final = 64_000_000
"""Of packets that wait for a slow disk: half a minute at 17 Mbit/s."""


class RawPacketRecorder:
    """Takes the packets of a source as they are: `begin`, `packet` and `end` never wait for the disk.

    Those three are called from one thread at a time, the source's. A file begins with a key frame; each
    `begin` after the first makes a new one, and so does a failure with a fallback. Packets for which the disk
    is too slow are dropped up to the next key frame, counted and told. Leaving the `with` writes what still
    waits, and raises a SinkError if the recording had ended for good and `check()` has not said so.
    """

    def __init__(  # noqa: PLR0913 - what surrounds a recording
        self,
        path: Path,
        options: RecorderOptions | None = None,
        *,
        source_path: Path | None = None,
        journal: Journal | None = None,
        disk: DiskWatch | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        """disk: for tests."""
        options = options or RecorderOptions()
        names = Names(path, numbered=options.segment is not None, force=options.force)
        start = place_to_begin(names.first, options, source_path=source_path)
        self._journal = journal or Journal()
        self._names = names
        self._writer = RawWriter(
            options, names=names, start=start, journal=self._journal, disk=disk or DiskWatch()
        )
        self._backlog = Backlog(most_bytes=most_bytes)
        self._thread: threading.Thread | None = None
        self._is_open = False
        self._waits_for_key = True
        self._came = 0
        self._missing = 0
        self._told = False
        self._more_problems: list[str] = []
        self.takes_packets: bool | None = None
        """None: no source was opened yet. False: this one cannot be copied; record its frames instead."""
        self.packets_dropped = 0
        """Because the disk was too slow."""

    @property
    def path(self) -> Path:
        """The file that is written to."""
        return self._writer.path

    @property
    def paths(self) -> list[Path]:
        """All files that hold something, in the order in which they were begun."""
        return list(self._writer.paths)

    @property
    def packets_written(self) -> int:
        """How many all files hold."""
        return self._writer.packets

    @property
    def failure(self) -> SinkError | None:
        """What ended the recording for good."""
        return self._writer.failure

    @property
    def problems(self) -> list[str]:
        """What the recording survived, and what ended it."""
        dropped = f"{self.packets_dropped} packets are missing in the raw recording: the disk was too slow."
        return [*self._writer.problems, *self._more_problems, *([dropped] if self.packets_dropped else [])]

    def begin(self, stream: "VideoStream") -> None:
        """A source was opened, or opened anew; `stream` may be closed at any time after the call."""
        self.end()
        try:
            template = Template(stream)
        except (ValueError, av.FFmpegError) as error:
            self._refuse(stream.codec_context.name, str(error))
            return
        if not template.is_compressed:
            self._refuse(template.codec, "it is not compressed")
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._write, name="raw-recorder", daemon=True)
            self._thread.start()
        self.takes_packets = self._is_open = self._waits_for_key = True
        self._backlog.put(template)

    def packet(self, packet: "Packet[Any]") -> None:
        """A packet was read; it is copied and stays the source's."""
        if not self._is_open or not packet.size:
            return
        self._came += 1
        if self._waits_for_key and not packet.is_keyframe:
            self._drop(1 if self._missing else 0)  # before the first key frame nothing is missing
            return
        self._waits_for_key = not self._backlog.put(Arrival.of(packet), size=packet.size)
        if self._waits_for_key:
            self._drop(1)
        else:
            self._tell_gap()

    def end(self) -> None:
        """The source was closed or lost; without `begin` there was none."""
        if self._is_open:
            self._is_open = False
            self._tell_gap()
            self._backlog.put(None)

    def check(self) -> None:
        """Raise what ended the recording for good, if anything did; then the end does not once more."""
        if self.failure is not None:
            self._told = True
            raise self.failure

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what waits, and finish the file. An error that is under way gets a note instead."""
        self.end()
        self._backlog.close()
        stuck = self._stuck()
        if stuck is None:
            self._names.release()
        failure = stuck or self.failure or self._emptiness()
        if failure is None or self._told:
            return
        if error is None:
            raise failure
        error.add_note(str(failure))

    def _stuck(self) -> SinkError | None:
        """Wait as long as the disk takes something; the thread is a daemon, and must not keep the process."""
        while self._thread is not None and self._thread.is_alive():
            waiting = len(self._backlog)
            self._thread.join(Patience().left_s)
            if self._thread.is_alive() and len(self._backlog) == waiting:
                cause = "the disk has not answered"
                self._journal.tell(EventKind.RECORDING_FAILED, path=str(self.path), cause=cause)
                return self._problem(
                    f"The raw recording {self.path} was not ended: {cause}. What is on it is readable, and "
                    "`scr-live repair` makes an ordinary video of that."
                )
        return None

    def _emptiness(self) -> SinkError | None:
        if self.paths or not self._came:
            return None
        return self._problem(
            f"The raw recording {self.path} holds nothing: {self._came} packets came in, and a file begins "
            "with a key frame, of which none was among them. Record longer, or have the source send key "
            "frames more often."
        )

    def _problem(self, text: str) -> SinkError:
        self._more_problems.append(text)
        return OutputUnwritableError(text)

    def _write(self) -> None:
        for item in self._backlog:
            match item:
                case None:
                    self._writer.end()
                case Template():
                    self._writer.begin(item)
                case Arrival():
                    self._writer.put(item)
        self._writer.end()

    def _refuse(self, codec: str, why: str) -> None:
        """Once packets were copied there is no other way; before, the frames can be recorded instead."""
        if self.takes_packets:
            self._more_problems.append(f"The raw recording misses what came as {codec}: {why}.")
        else:
            self.takes_packets = False

    def _drop(self, count: int) -> None:
        self._missing += count
        self.packets_dropped += count

    def _tell_gap(self) -> None:
        missing, self._missing = self._missing, 0
        if missing:
            cause = "the disk is too slow"
            self._journal.tell(
                EventKind.RECORDING_GAP, path=str(self._writer.path), packets=missing, cause=cause
            )


_Item: TypeAlias = Template | Arrival | None
"""A source was opened; a packet came; the source was closed."""


class Backlog:
    """What waits to be written: one thread puts and never waits, another iterates until `close()`."""

    def __init__(self, *, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._change = threading.Condition()
        self._items: deque[tuple[_Item, int]] = deque()
        self._bytes = 0
        self._closed = False

    def put(self, item: _Item, *, size: int = 0) -> bool:
        """Append; False, and nothing is done: there is no room for so many bytes."""
        with self._change:
            if size and self._bytes + size > self._most_bytes:
                return False
            self._items.append((item, size))
            self._bytes += size
            self._change.notify()
            return True

    def close(self) -> None:
        """No more will come; the rest is delivered."""
        with self._change:
            self._closed = True
            self._change.notify()

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> _Item:
        with self._change:
            self._change.wait_for(lambda: self._items or self._closed)
            if not self._items:
                raise StopIteration
            item, size = self._items.popleft()
            self._bytes -= size
            return item
