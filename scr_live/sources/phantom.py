"""A synthetic colonoscopy as a video source: no device, no file, and the truth of every frame is known."""

import time
from collections.abc import Iterator
from itertools import count
from threading import Event

from scr_live.frames import Frame
from scr_live.phantom.options import PhantomOptions, parse_phantom
from scr_live.phantom.render import render, truth
from scr_live.phantom.truth import PhantomTruth, PolypTruth
from scr_live.sources import SourceInfo, VideoSource

__all__ = ["PhantomOptions", "PhantomSource", "PhantomTruth", "PolypTruth", "parse_phantom", "render"]


class PhantomSource(VideoSource):
    """Renders frames on demand. `pts_s` is exactly index / fps.

    Live: a frame is handed out 1 / fps after the one before. None is skipped, so that `truth(frame.index)`
    holds; rendering or a reader that takes longer slows the flight down instead. `close()` from any thread
    ends the iteration within one rendering.
    """

    def __init__(self, options: PhantomOptions | None = None) -> None:
        self.options = options or PhantomOptions()
        self._closed = Event()

    @property
    def info(self) -> SourceInfo:
        """What is known beforehand: everything."""
        options = self.options
        total = options.frame_count
        return SourceInfo(
            kind="phantom",
            name=_spec(options),
            width=options.width,
            height=options.height,
            fps=options.fps,
            is_live=options.is_live,
            frame_count=total,
            duration_s=None if total is None else total / options.fps,
        )

    def __iter__(self) -> Iterator[Frame]:
        total, fps = self.options.frame_count, self.options.fps
        due = 0.0
        for index in count() if total is None else range(total):
            if self._closed.is_set():
                return
            image, _ = render(self.options, index)
            if self.options.is_live and self._closed.wait(max(0.0, due - time.perf_counter())):
                return
            captured_at = time.perf_counter()
            due = captured_at + 1 / fps
            yield Frame(image, index, index / fps, captured_at)

    def truth(self, index: int) -> PhantomTruth:
        """What is known of any frame, without rendering those before it."""
        return truth(self.options, index)

    def close(self) -> None:
        """End the iteration; wakes a live source that waits for its next frame."""
        self._closed.set()


def _spec(options: PhantomOptions) -> str:
    """Write what `parse_phantom` reads: the seed, and whatever else is not as usual."""
    usual = PhantomOptions()
    parts = [f"seed={options.seed}"]
    if options.polyps != usual.polyps:
        parts.append(f"polyps={options.polyps}")
    if (options.width, options.height) != (usual.width, usual.height):
        parts.append(f"size={options.width}x{options.height}")
    if options.duration_s != usual.duration_s:
        parts.append(f"duration={'endless' if options.duration_s is None else _short(options.duration_s)}")
    if options.fps != usual.fps:
        parts.append(f"fps={_short(options.fps)}")
    if options.is_live:
        parts.append("live=1")
    if options.scenario is not None:
        parts.append(f"scenario={options.scenario}")
    if options.has_patient_text:
        parts.append("margins=text")
    if options.has_counter:
        parts.append("counter=1")
    return f"phantom:{','.join(parts)}"


def _short(number: float) -> str:
    return str(number).removesuffix(".0")
