"""Time the parts of a frame's way at 1080p on one core; write figures/parts.json.

python scripts/measure_parts.py
"""

import argparse
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from scr_live.content import FieldFinder
from scr_live.files import write_json
from scr_live.frames import Frame, Image, Prediction
from scr_live.geometry import Placement, polyps_from_probability
from scr_live.machine import machine_facts
from scr_live.overlays import ContourOverlay, ScoreLabel, draw
from scr_live.pipeline.timing import Timings
from scr_live.sources.opening import open_source

if TYPE_CHECKING:
    from collections.abc import Callable

CLIP = "assets/sample_videos/phantom.mp4"
WIDTH, HEIGHT, SIZE, FRAMES = 1920, 1080, 352, 120


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("figures/parts.json"))
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    with open_source(CLIP) as source:
        images = [enlarged(frame) for frame in islice(source, FRAMES)]
    finder, overlays = FieldFinder(), (ContourOverlay(), ScoreLabel())
    placement = Placement(finder.update(images[0]), SIZE)
    probability = blob()
    polyps = polyps_from_probability(probability, placement, threshold=0.5)
    prediction = Prediction(0, polyps, probability, placement, 0.0, time.perf_counter())
    parts: dict[str, Callable[[Image], object]] = {
        "find the field": finder.update,
        "cut and resize to 352": placement.to_network,
        "contours": lambda _: polyps_from_probability(probability, placement, threshold=0.5),
        "draw one polyp": lambda image: draw(image, prediction, overlays),
    }
    timings = Timings(*parts)
    for name, part in parts.items():
        for image in images:
            with timings.measure(name):
                part(image)
    report = {name: latency.as_dict() for name, latency in timings.stages().items()}
    write_json(arguments.out, {"frame": [WIDTH, HEIGHT], "ms": report, "machine": machine_facts()})
    print(report)


def enlarged(frame: Frame) -> Image:
    """Scale a frame of the sample clip to 1080p, black at the sides."""
    height, width = frame.image.shape[:2]
    wide = round(width * HEIGHT / height)
    canvas = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    left = (WIDTH - wide) // 2
    canvas[:, left : left + wide] = cv2.resize(frame.image, (wide, HEIGHT))
    return canvas


def blob() -> np.ndarray:
    """Probability of one round polyp."""
    y, x = np.mgrid[:SIZE, :SIZE]
    distance = np.hypot(x - 0.6 * SIZE, y - 0.4 * SIZE)
    return (1 / (1 + np.exp((distance - 40) / 3))).astype(np.float32)


if __name__ == "__main__":
    main()
