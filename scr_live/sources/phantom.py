"""A synthetic colonoscopy as a video source: no device, no file, and the truth of every frame is known."""

import time
from collections.abc import Iterator
from threading import Event
from types import TracebackType
from typing import Self

from scr_live.frames import Frame
from scr_live.phantom.options import PhantomOptions, parse_phantom
from scr_live.phantom.render import render, truth
from scr_live.phantom.truth import PhantomTruth, PolypTruth
from scr_live.sources import SourceInfo

__all__ = ["PhantomOptions", "PhantomSource", "PhantomTruth", "PolypTruth", "parse_phantom", "render"]


class PhantomSource:
    """Renders frames on demand. `pts_s` is exactly index / fps.

    Live: frame i is handed out at i / fps after the first; a frame whose time has passed is skipped, and its
    index with it, as a camera would. `close()` from any thread ends the iteration within one rendering.
    """

    def __init__(self, options: PhantomOptions | None = None) -> None:
        self.options = options or PhantomOptions()
        self._closed = Event()

    @property
    def info(self) -> SourceInfo:
        """What is known beforehand: everything."""
        options = self.options
        count = options.frame_count
        return SourceInfo(
            kind="phantom",
            name=f"phantom:seed={options.seed}",
            width=options.width,
            height=options.height,
            fps=options.fps,
            is_live=options.is_live,
            frame_count=count,
            duration_s=None if count is None else count / options.fps,
        )

    def __iter__(self) -> Iterator[Frame]:
        begin = time.perf_counter()
        index = 0
        count = self.options.frame_count
        while (count is None or index < count) and not self._closed.is_set():
            image, _ = render(self.options, index)
            if self.options.is_live:
                due = begin + index / self.options.fps
                if self._closed.wait(max(0.0, due - time.perf_counter())):
                    return
            yield Frame(image, index, index / self.options.fps, time.perf_counter())
            index = self._following(index, begin)

    def truth(self, index: int) -> PhantomTruth:
        """The visible polyps of any frame, without rendering those before it."""
        return truth(self.options, index)

    def close(self) -> None:
        """End the iteration; wakes a live source that waits for its next frame."""
        self._closed.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _following(self, index: int, begin: float) -> int:
        if not self.options.is_live:
            return index + 1
        current = int((time.perf_counter() - begin) * self.options.fps)
        return max(index + 1, current)
