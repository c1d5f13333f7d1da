"""Where frames come from: one protocol, and one function that picks the implementation."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from scr_live.frames import Frame


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What is known of a source once it is open."""

    kind: str
    """file, camera, stream, images or phantom."""
    name: str
    """What the user called it, without passwords."""
    width: int
    height: int
    fps: float | None
    """Nominal rate; None if unknown or variable."""
    is_live: bool
    """True: frames that are not taken are lost, the pipeline must keep up. False: it may take its time."""
    frame_count: int | None = None
    """Expected number of frames, an estimate for progress bars."""
    duration_s: float | None = None


class VideoSource(Protocol):
    """A context manager that yields frames in order.

    It owns its time-outs: no `next()` blocks for ever; it raises SourceTimeoutError instead. Iteration ends
    at the end of the video and raises a SourceError when the source breaks. `close()` may be called from
    another thread and makes a blocked read return soon. Leaving the `with` closes it.
    """

    @property
    def info(self) -> SourceInfo:
        """What is known since it was opened; it does not change."""
        ...

    def __iter__(self) -> Iterator[Frame]: ...
    def close(self) -> None:
        """End the iteration and let go of the device, file or connection; twice is once."""
        ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def warnings_of(source: VideoSource) -> list[str]:
    """Return what a source has to tell the person who runs it; complete after its end. Some have nothing."""
    return list(getattr(source, "warnings", ()))


def decode_errors_of(source: VideoSource) -> int:
    """Return how many packets or frames of a source were damaged; 0 for those that do not decode."""
    return int(getattr(source, "decode_errors", 0))


def dropped_of(source: VideoSource) -> int | None:
    """Return how many frames nobody took in time, as a live source tells; None: it does not say."""
    dropped = getattr(source, "dropped", None)
    return None if dropped is None else int(dropped)
