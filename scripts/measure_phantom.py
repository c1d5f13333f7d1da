"""Measure the shipped model on phantom flights whose every polyp is known; write figures/phantom.json.

    python scripts/measure_phantom.py --flights 6 --seed 20000

The training set uses other seeds (1000 and following), so other colons. A polyp counts if at some time it
covers 0.5 % of the frame, and as marked if at some time a marked region covers at least 30 % of its visible
pixels. Every second flight has no polyp: anything marked there is a false alarm.
"""

import argparse
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.content import FieldFinder
from scr_live.engines import Engine
from scr_live.engines.opening import open_engine
from scr_live.files import write_json
from scr_live.frames import Polyp
from scr_live.geometry import Placement, polyps_from_probability
from scr_live.machine import machine_facts
from scr_live.phantom.options import PhantomOptions
from scr_live.phantom.render import render
from scr_live.shipped import DEFAULT_MODEL, find_model

COVERED = 0.3
LARGE_ENOUGH = 0.005


def main() -> None:
    """Run all flights and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flights", type=int, default=6)
    parser.add_argument("--seed", type=int, default=20000)
    parser.add_argument("--every", type=int, default=2, help="look at every n-th frame")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--out", type=Path, default=Path("figures/phantom.json"))
    arguments = parser.parse_args()
    model = find_model(arguments.model)
    total: Counter[str] = Counter()
    with open_engine("auto", model) as engine:
        for number in range(arguments.flights):
            options = PhantomOptions(seed=arguments.seed + number, polyps=3 if number % 2 == 0 else 0)
            counts = fly(engine, options, threshold=model.card.threshold, every=arguments.every)
            print(options.seed, dict(counts))
            total += counts
        info = engine.info
    report = {
        "flights": arguments.flights,
        "first_seed": arguments.seed,
        "every_nth_frame": arguments.every,
        "polyps": total["polyps"],
        "polyps_marked": total["polyps marked"],
        "frames_with_polyp": total["frames with polyp"],
        "frames_with_polyp_marked": total["frames with polyp marked"],
        "frames_without_polyp": total["frames without"],
        "frames_without_polyp_marked": total["frames without marked"],
        "threshold": model.card.threshold,
        "model": arguments.model,
        "model_sha256": model.sha256,
        "engine": f"{info.backend} on {info.device} in {info.precision}",
        "machine": machine_facts(),
    }
    write_json(arguments.out, report)
    print(report)


def fly(engine: Engine, options: PhantomOptions, *, threshold: float, every: int) -> Counter[str]:
    """Count on one flight."""
    finder, counts = FieldFinder(), Counter[str]()
    seen, marked = set[int](), set[int]()
    for index in range(0, options.frame_count or 0, every):
        image, truth = render(options, index)
        placement = Placement(finder.update(image), engine.info.input_size)
        probability = engine.infer(placement.to_network(image))
        regions = polyps_from_probability(probability, placement, threshold=threshold)
        large = [polyp for polyp in truth.polyps if polyp.visible_area_px >= LARGE_ENOUGH * truth.mask.size]
        drawn = rasterised(regions, truth.mask.shape)
        hits = {
            polyp.polyp_id
            for polyp in large
            if drawn[box_of(polyp.box)][truth.mask[box_of(polyp.box)]].mean() >= COVERED
        }
        seen |= {polyp.polyp_id for polyp in large}
        marked |= hits
        if large:
            counts.update({"frames with polyp": 1, "frames with polyp marked": int(bool(hits))})
        elif not truth.polyps:
            counts.update({"frames without": 1, "frames without marked": int(bool(regions))})
    counts.update({"polyps": len(seen), "polyps marked": len(marked)})
    return counts


def rasterised(regions: tuple[Polyp, ...], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Fill the contours."""
    canvas = np.zeros(shape, np.uint8)
    for polyp in regions:
        cv2.fillPoly(canvas, [np.round(polyp.contour).astype(np.int32)], 1)
    return canvas > 0


def box_of(box: tuple[int, int, int, int]) -> tuple[slice, slice]:
    """Rows and columns of an x, y, width, height box."""
    x, y, width, height = box
    return slice(y, y + height), slice(x, x + width)


if __name__ == "__main__":
    main()
