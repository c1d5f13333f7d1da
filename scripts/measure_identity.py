"""Is any pixel changed outside the marks? Compare pictures with their frames, before encoding.

Every picture of a run is compared byte by byte with the frame it was made of, outside what the overlays
declare to mark. `python scripts/measure_identity.py [CLIP ...]`: the phantom, and the clips that are named.
"""

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from scr_live.engines.constant import ConstantEngine
from scr_live.engines.opening import open_engine
from scr_live.files import write_json
from scr_live.frames import Picture
from scr_live.machine import machine_facts
from scr_live.overlays import ContourOverlay, Overlay, ScoreLabel, marks_mask
from scr_live.pipeline.live import NamedSink, PipelineOptions, run
from scr_live.shipped import DEFAULT_MODEL, model_for
from scr_live.sources.opening import open_source
from scr_live.sources.options import SourceOptions

OVERLAYS: tuple[Overlay, ...] = (ContourOverlay(), ScoreLabel())


@dataclass
class Comparer:
    """A sink that counts the bytes that differ, inside and outside the declared marks."""

    pictures: int = 0
    marked: int = 0
    with_status: int = 0
    bytes_inside: int = 0
    bytes_outside: int = 0
    statuses: set[str] = field(default_factory=set)

    def write(self, picture: Picture) -> None:
        """Compare one picture."""
        differs = np.not_equal(picture.image, picture.frame.image).sum(axis=2)
        outside = int(differs[~self._declared(picture)].sum())
        self.bytes_outside += outside
        self.bytes_inside += int(differs.sum()) - outside
        self.pictures += 1
        self.marked += bool(picture.prediction and picture.prediction.polyps)
        self.with_status += bool(picture.status)
        self.statuses.add(picture.status)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def _declared(self, picture: Picture) -> NDArray[np.bool_]:
        height, width = picture.image.shape[:2]
        declared = np.zeros((height, width), np.bool_)
        if picture.prediction is not None and picture.prediction.polyps:
            declared |= marks_mask((height, width), picture.prediction, OVERLAYS)
        if picture.status_at is not None:
            picture.status_at.crop(declared)[:] = True
        return declared


def measure(source: str, count: int, *, live: bool) -> dict[str, object]:
    """Run a source through the default model as a file; or as if live through a fake one that is too slow.

    The first gives each picture its own marks; the second older ones, and all the words for a late model.
    """
    comparer = Comparer()
    slow = ConstantEngine(size=352, probability=0.9, delay_s=0.11)
    with (
        open_source(source, SourceOptions(loop=True, realtime=live)) as video,
        slow if live else open_engine("auto", model_for("auto", DEFAULT_MODEL)) as engine,
    ):
        run(
            video,
            engine,
            sinks=[NamedSink("comparer", comparer)],
            overlays=OVERLAYS,
            options=PipelineOptions(max_frames=count),
        )
    return {
        "source": Path(source).name,
        "live": live,
        "pictures": comparer.pictures,
        "with_marks": comparer.marked,
        "with_status": comparer.with_status,
        "statuses": sorted(comparer.statuses),
        "bytes_changed_inside_marks": comparer.bytes_inside,
        "bytes_changed_outside_marks": comparer.bytes_outside,
    }


def main() -> None:
    """Measure, print, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="*", help="clips beside the phantom")
    parser.add_argument("--frames", type=int, default=1000, help="pictures of each source")
    parser.add_argument("--live-frames", type=int, default=250, help="pictures as if live")
    parser.add_argument("--out", type=Path, default=Path("figures/identity.json"))
    options = parser.parse_args()
    sources = ["phantom:duration=endless", *options.clips]
    runs = [measure(source, options.frames, live=False) for source in sources]
    runs.append(measure("assets/sample_videos/phantom.mp4", options.live_frames, live=True))
    for one in runs:
        print(one)
    write_json(options.out, {"runs": runs, "machine": machine_facts()})


if __name__ == "__main__":
    main()
