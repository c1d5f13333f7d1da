"""A raw recording beside the annotated one: copied packets where there are any, else the frames unmarked."""

from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from scr_live.errors import OptionError
from scr_live.events import Journal
from scr_live.frames import Picture, Signal
from scr_live.sinks import Sink
from scr_live.sinks.options import RecorderOptions
from scr_live.sinks.raw_packets import RawPacketRecorder
from scr_live.sinks.recorder import Recorder
from scr_live.sinks.targets import check_target

_PACKET_KINDS = ("camera", "stream")


def check_raw(
    kind: str, path: Path, options: RecorderOptions | None = None, *, source_path: Path | None = None
) -> None:
    """Refuse, before the source is opened, what cannot be recorded raw. kind: that of SourceInfo."""
    if kind == "file":
        raise OptionError(
            "The source is a file, which is the raw recording itself. Keep it, and leave the option out."
        )
    check_target(path, force=options.force if options else False, source_path=source_path)


def raw_recording_for(  # noqa: PLR0913 - what surrounds a recording
    kind: str,
    path: Path,
    options: RecorderOptions | None = None,
    *,
    size: tuple[int, int] | None = None,
    source_path: Path | None = None,
    journal: Journal | None = None,
) -> "RawRecording":
    """Return the raw recording that fits a source of this kind; see `check_raw`."""
    check_raw(kind, path, options, source_path=source_path)
    options = replace(options or RecorderOptions(), made="Recorded")
    frames = Recorder(path, options, source_path=source_path, size=size, journal=journal)
    if kind not in _PACKET_KINDS:
        return RawRecording(frames, None)
    return RawRecording(frames, RawPacketRecorder(path, options, source_path=source_path, journal=journal))


class RawFrameRecorder(Sink):
    """Records what came in instead of what is shown; a picture of a lost signal is no frame that came in."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    def write(self, picture: Picture) -> None:
        """Record the frame of the picture."""
        if picture.frame.signal is not Signal.LOST:
            self.recorder.write(replace(picture, image=picture.frame.image))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.recorder.__exit__(kind, error, trace)


class RawRecording(Sink):
    """A Sink, and where packets come in a tap for the source, which it takes instead of the pictures.

    Both are wired; which of them records is known when the source's first packets come.
    """

    def __init__(self, frames: Recorder, packets: RawPacketRecorder | None) -> None:
        self._frames = frames
        self._sink = RawFrameRecorder(frames)
        self.tap = packets
        """What the source hands its packets to; None: it has none."""

    @property
    def paths(self) -> list[Path]:
        """All files that hold something."""
        return [*(self.tap.paths if self.tap else []), *self._frames.paths]

    @property
    def problems(self) -> list[str]:
        """What the recording survived, and what ended it; complete once it is closed."""
        return [*(self.tap.problems if self.tap else []), *self._frames.problems]

    def write(self, picture: Picture) -> None:
        """Record the frame, unless its packets are."""
        if self.tap is None or self.tap.takes_packets is False:
            self._sink.write(picture)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self.tap is not None:
                self.tap.__exit__(kind, error, trace)
        finally:
            self._sink.__exit__(kind, error, trace)
