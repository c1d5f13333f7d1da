"""Playing a recording as if it came in live."""

from collections.abc import Iterator
from dataclasses import replace
from threading import Event
from time import perf_counter

from scr_live.frames import Frame
from scr_live.sources import SourceInfo, VideoSource, decode_errors_of, warnings_of


class Paced(VideoSource):
    """Hands out another source's frames when their time has come, never earlier, and drops none."""

    def __init__(self, source: VideoSource) -> None:
        self._source = source
        self._closed = Event()
        self._info = replace(source.info, is_live=True)

    @property
    def info(self) -> SourceInfo:
        """What the source says of itself, but live."""
        return self._info

    @property
    def warnings(self) -> list[str]:
        """The source's."""
        return warnings_of(self._source)

    @property
    def decode_errors(self) -> int:
        """The source's."""
        return decode_errors_of(self._source)

    def __iter__(self) -> Iterator[Frame]:
        began_at: float | None = None
        for frame in self._source:
            now = perf_counter()
            if began_at is None:
                began_at = now - (frame.pts_s or 0.0)
            due_in_s = 0.0 if frame.pts_s is None else began_at + frame.pts_s - now
            if self._closed.wait(max(due_in_s, 0.0)):
                return
            yield replace(frame, captured_at=perf_counter())

    def close(self) -> None:
        """Wake a waiting consumer and close the source."""
        self._closed.set()
        self._source.close()
