"""A raw recording beside the annotated one: copied packets where there are any, else the frames unmarked."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from scr_live.errors import OptionError
from scr_live.events import Journal
from scr_live.frames import Picture, Signal
from scr_live.sinks import Sink
from scr_live.sinks.options import RecorderOptions
from scr_live.sinks.raw_packets import RawPacketRecorder
from scr_live.sinks.recorder import Recorder

_PACKET_KINDS = ("camera", "stream")


def raw_recording_for(  # noqa: PLR0913 - what surrounds a recording
    kind: str,
    path: Path,
    options: RecorderOptions | None = None,
    *,
    size: tuple[int, int] | None = None,
    source_path: Path | None = None,
    journal: Journal | None = None,
) -> "RawRecording":
    """Return the raw recording that fits a source of this kind: that of SourceInfo.

    Refuses what cannot be recorded raw, or recorded to, before the source is opened.
    """
    if kind == "file":
        raise OptionError(
            "The source is a file, which is the raw recording itself. Keep it, and leave the option out."
        )
    options = replace(options or RecorderOptions(), made="Recorded")
    Recorder(path, options, source_path=source_path, size=size)  # refuses now what it would later
    make_recorder = partial(Recorder, path, source_path=source_path, journal=journal)
    packets = None
    if kind in _PACKET_KINDS:
        packets = RawPacketRecorder(path, options, source_path=source_path, journal=journal)
    return RawRecording(make_recorder, packets, options=options, size=size)


class MakeRecorder(Protocol):
    """Returns a recorder for the frames."""

    def __call__(self, *, options: RecorderOptions, size: tuple[int, int] | None) -> Recorder:
        """Options and size of the pictures are known when the source is open."""
        ...


class RawRecording(Sink):
    """A Sink, and where packets come in a tap for the source, which it takes instead of the pictures.

    Both are wired; which of them records is known when the source's first packets come.
    """

    def __init__(
        self,
        make_recorder: MakeRecorder,
        packets: RawPacketRecorder | None,
        *,
        options: RecorderOptions,
        size: tuple[int, int] | None = None,
    ) -> None:
        self._make_recorder = make_recorder
        self._options = options
        self._size = size
        self._frames: Recorder | None = None
        self.tap = packets
        """What the source hands its packets to; None: it has none."""

    @property
    def paths(self) -> list[Path]:
        """All files that hold something."""
        return [*(self.tap.paths if self.tap else []), *(self._frames.paths if self._frames else [])]

    @property
    def problems(self) -> list[str]:
        """What the recording survived, and what ended it; complete once it is closed."""
        told = [*(self.tap.problems if self.tap else []), *(self._frames.problems if self._frames else [])]
        return list(dict.fromkeys(told))  # both may have wanted to begin in a folder that is full

    @property
    def written(self) -> int:
        """Pictures that its files hold: others than those it was handed, where packets are recorded."""
        packets = self.tap.packets_written if self.tap else 0
        return packets + (self._frames.frames_written if self._frames else 0)

    def about(self, *, nominal_fps: float | None, is_live: bool, size: tuple[int, int]) -> None:
        """Take what is known of the source once it is open; before the first `write`."""
        self._options = replace(self._options, nominal_fps=nominal_fps, is_live=is_live)
        self._size = size

    def write(self, picture: Picture) -> None:
        """Record the frame, unless its packets are. What ended the recording of those is raised here too."""
        if self.tap is not None:
            self.tap.check()
            if self.tap.takes_packets is not False:
                return
        if picture.frame.signal is not Signal.LOST:  # that is no frame that came in
            if self._frames is None:
                self._frames = self._make_recorder(options=self._options, size=self._size)
            self._frames.write(replace(picture, image=picture.frame.image))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self.tap is not None:
                self.tap.__exit__(kind, error, trace)
        finally:
            if self._frames is not None:
                self._frames.__exit__(kind, error, trace)
