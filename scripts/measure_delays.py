"""How long from the capture of a frame to the screen, and to its marks; and what a sick model does to that.

Pictures of the phantom come out of memory at 30 a second, as from a camera. "Shown" is when the view of the
window has been drawn; it is not put on a display. `python scripts/measure_delays.py`.
"""

import argparse
import contextlib
import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.engines import Engine
from scr_live.engines.constant import ConstantEngine
from scr_live.engines.isolated import IsolatedEngine, open_isolated
from scr_live.engines.opening import open_engine
from scr_live.faults.replay import ReplaySource
from scr_live.files import write_json
from scr_live.frames import Image, Mask, Picture
from scr_live.heap import keep_memory_level
from scr_live.machine import machine_facts
from scr_live.overlays import ContourOverlay, ScoreLabel
from scr_live.phantom.options import PhantomOptions
from scr_live.phantom.render import render
from scr_live.pipeline.live import RECORDER, NamedSink, RunStats, run
from scr_live.shipped import DEFAULT_MODEL, model_for
from scr_live.sinks.recorder import Recorder, RecorderOptions
from scr_live.sinks.strip import Strip, compose

FPS: Final = 30.0
PICTURES: Final = 20
SIZES: Final = {"640x480": (640, 480), "1080p": (1920, 1080), "2160p": (3840, 2160)}
VIEW: Final = (1280, 720)
NETWORK: Final = 352


class HungEngine(ConstantEngine):
    """Takes a picture and never answers."""

    def infer(self, image: NDArray[np.uint8]) -> Mask:
        """Wait for ever."""
        threading.Event().wait()
        return super().infer(image)


def open_hung(*, progress: Callable[[str], None]) -> Engine:  # noqa: ARG001  as it is called
    """For the engine's process."""
    return HungEngine(NETWORK)


def open_slow(*, progress: Callable[[str], None]) -> Engine:  # noqa: ARG001  as it is called
    """Ten frame intervals for a picture; for the engine's process."""
    return ConstantEngine(NETWORK, 0.9, delay_s=10 / FPS)


def _model(name: str) -> Engine:
    match name:
        case "none":
            return ConstantEngine(NETWORK)
        case "default":
            return open_isolated("auto", model_for("auto", DEFAULT_MODEL))
        case "default, not isolated":
            return open_engine("auto", model_for("auto", DEFAULT_MODEL))
        case "hung":
            return IsolatedEngine("measure_delays:open_hung", {})
        case _:
            return IsolatedEngine("measure_delays:open_slow", {})


@dataclass
class View:
    """A screen that draws what the window would show, and shows it to nobody."""

    def refresh(self, picture: Picture | None) -> bool:
        """Draw one view."""
        if picture is not None:
            compose(picture.image, Strip(items=("30.0 fps",), alert=picture.status), size=VIEW)
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


def pictures(size: tuple[int, int]) -> list[Image]:
    """Render a flight at 640x480 and enlarge it: what is shown does not matter to delays."""
    options = PhantomOptions(width=640, height=480)
    rendered = [render(options, 5 * index)[0] for index in range(PICTURES)]
    return [cv2.resize(image, size, interpolation=cv2.INTER_CUBIC) for image in rendered]


def measure(
    images: list[Image], size: str, model: str, *, records: bool, seconds: float
) -> dict[str, object]:
    """Run once."""
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(ReplaySource(images, fps=FPS, frame_count=round(seconds * FPS)))
        engine = stack.enter_context(_model(model))
        sinks = [
            NamedSink(RECORDER, recorder, channel="to-disk") for recorder in _recorders(stack, wanted=records)
        ]
        stats = run(
            source,
            engine,
            sinks=sinks,
            screen=View(),
            overlays=(ContourOverlay(), ScoreLabel()),
            reopen_engine=lambda: _model(model),
        )
    return {"picture": size, "model": model, "recording": records, **_figures(stats)}


def _recorders(stack: contextlib.ExitStack, *, wanted: bool) -> Iterator[Recorder]:
    if wanted:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        yield stack.enter_context(
            Recorder(folder / "out.mp4", RecorderOptions(nominal_fps=FPS, is_live=True))
        )


def _figures(stats: RunStats) -> dict[str, object]:
    return {
        "frames": {
            "captured": stats.captured,
            "inferred": stats.inferred,
            "shown": stats.shown,
            "recorded": stats.recorded,
            "dropped": {name: count for name, count in stats.dropped.items() if count},
        },
        "engine": stats.engine.kind,
        "ai": {"failures": stats.ai_failures, "reopened": stats.ai_reopened},
        "captured_to_shown_ms": stats.video_delay.as_dict(),
        "captured_to_annotated_ms": stats.annotation_delay.as_dict(),
    }


CASES: Final = (
    ("none", False),
    ("default", False),
    ("none", True),
    ("default", True),
    ("default, not isolated", False),
    ("hung", False),
    ("slow", False),
)
"""Model, and whether it is recorded."""


def main() -> None:
    """Measure every size with and without a model and a recording, then the sick models."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each run")
    parser.add_argument("--size", action="append", choices=SIZES, help="of these alone")
    parser.add_argument("--recorded", action="store_true", help="the recorded ones alone")
    parser.add_argument("--out", type=Path, default=Path("figures/delays.json"))
    options = parser.parse_args()
    arenas = keep_memory_level()  # as `scr-live run` does
    known = json.loads(options.out.read_text(encoding="utf-8"))["runs"] if options.out.exists() else []
    runs = {(run["picture"], run["model"], run["recording"]): run for run in known}
    for size in options.size or SIZES:
        images = pictures(SIZES[size])
        for model, records in CASES:
            if records or not options.recorded:
                time.sleep(1.0)  # what the run before has left to the processor
                run_now = measure(images, size, model, records=records, seconds=options.seconds)
                runs[size, model, records] = run_now
                print(run_now)
    found = {"fps": FPS, "runs": list(runs.values()), "arenas": arenas, "machine": machine_facts()}
    write_json(options.out, found)


if __name__ == "__main__":
    main()
