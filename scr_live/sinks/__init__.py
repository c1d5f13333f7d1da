"""Where pictures go: the two protocols."""

from types import TracebackType
from typing import Protocol, Self

from scr_live.frames import Picture


class Sink(Protocol):
    """A context manager that takes every picture, in order, from its own worker thread."""

    def write(self, picture: Picture) -> None:
        """Take the next picture; a SinkError ends this output."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Screen(Protocol):
    """A context manager called from the main thread only: GUI toolkits allow nothing else."""

    def refresh(self, picture: Picture | None) -> bool:
        """Show the picture (None: nothing new, only handle keys). False: the user wants to stop."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
