"""Recording: H.264 in MP4 (MOV, MKV) with the source's own times, readable at any moment."""

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from av.codec import Codec

from scr_live.errors import SinkError
from scr_live.events import Journal
from scr_live.frames import Picture
from scr_live.sinks.clock import Clock
from scr_live.sinks.encoding import (
    TICKS_PER_S,
    Converter,
    choose_encoder,
    pixel_format,
)
from scr_live.sinks.movie import Shot
from scr_live.sinks.options import RecorderOptions
from scr_live.sinks.reel import Reel
from scr_live.sinks.space import DiskWatch
from scr_live.sinks.targets import Names, place_to_begin

__all__ = ["Recorder", "RecorderOptions", "RecordingState"]


@dataclass(frozen=True, slots=True)
class RecordingState:
    """How a recording does."""

    path: Path
    """The file that is written to."""
    frames: int
    """Of all files."""
    bytes: int
    """Of all files."""
    elapsed_s: float
    """How long it lasts, over all files; a pause of the source counts."""
    free_bytes: int | None
    """On the disk that is written to; None: not known."""
    hours_left: float | None
    """At the rate of the last minute; None: not known yet."""
    problem: str
    """The last one that the recording survived, or that ended it; empty: none."""


class Recorder:
    """A Sink that records each picture at the time its frame was shown.

    The constructor checks path, encoder and room on the disk, and creates nothing. A file has its name from
    the first complete picture on; closed cleanly it is an ordinary video, killed at any moment it is a
    readable one. Pictures with an odd side get their last row or column twice (4:2:0 needs even sides). A
    picture of another size than the one before begins a new file.
    """

    def __init__(  # noqa: PLR0913 - what surrounds a recording
        self,
        path: Path,
        options: RecorderOptions | None = None,
        *,
        source_path: Path | None = None,
        size: tuple[int, int] | None = None,
        journal: Journal | None = None,
        disk: DiskWatch | None = None,
    ) -> None:
        """size: width and height of the pictures, if known already. disk: for tests."""
        self._options = options or RecorderOptions()
        names = Names(path, numbered=self._options.segment is not None, force=self._options.force)
        start = place_to_begin(names.first, self._options, source_path=source_path, size=size)
        encoder = choose_encoder(self._options.encoder)
        self._journal = journal or Journal()
        self._converter = Converter(pixel_format(Codec(encoder, "w")))
        self._clock = Clock(nominal_fps=self._options.nominal_fps)
        self._reel = Reel(encoder, self._options, names=names, start=start, journal=self._journal)
        self._disk = disk or DiskWatch()
        self._ended = False
        self._lasts_s = 0.0
        self.frames_written = 0

    @property
    def path(self) -> Path:
        """The file that is written to, there from its first complete picture on."""
        return self._reel.path

    @property
    def paths(self) -> list[Path]:
        """All files of the recording that hold something, in the order in which they were begun."""
        return list(self._reel.paths)

    @property
    def problems(self) -> list[str]:
        """What the recording survived and what ended it, a sentence or two each; complete once closed."""
        return list(self._reel.problems)

    def write(self, picture: Picture) -> None:
        """Encode one picture. OutputUnwritableError: the disk failed; what it holds is readable."""
        if self._ended:
            raise SinkError(f"The recording {self.path} has ended already; open another one.")
        shot = self._shot(picture)
        try:
            self._reel.put(shot)
        except SinkError:
            self._ended = True
            raise
        self.frames_written += 1
        self._lasts_s = (shot.ticks + shot.interval) / TICKS_PER_S
        self._disk.watch(self._reel.folder, self._reel.bytes, journal=self._journal, stream_s=shot.stream_s)

    def state(self) -> RecordingState:
        """Say how it does; from any thread, and cheap."""
        problems = self._reel.problems
        return RecordingState(
            path=self._reel.path,
            frames=self.frames_written,
            bytes=self._reel.bytes,
            elapsed_s=self._lasts_s,
            free_bytes=self._disk.free_bytes,
            hours_left=self._disk.hours_left,
            problem=problems[-1] if problems else "",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the recording, whatever the reason for leaving."""
        self._ended = True
        self._reel.close()

    def _shot(self, picture: Picture) -> Shot:
        image = self._converter.convert_picture(picture)
        ticks = self._clock.ticks(picture.frame)
        stream_s = self._clock.origin_s + ticks / TICKS_PER_S
        return Shot(image, ticks, interval=self._clock.interval, stream_s=stream_s)
