"""Measure what following a video costs a frame, next to the model; write figures/tracking.json.

    python scripts/measure_tracking.py

The phantom's frames at the network's resolution, one after the other, on one thread of OpenCV: motion, steady
maps, quality, identities and sightings together, as a run does them.
"""

import argparse
import time
from pathlib import Path

import cv2

from scr_live.content import FieldFinder
from scr_live.engines.opening import open_engine
from scr_live.files import write_json
from scr_live.frames import Frame
from scr_live.geometry import Placement, polyps_from_probability
from scr_live.machine import machine_facts
from scr_live.phantom.options import PhantomOptions
from scr_live.phantom.render import render
from scr_live.pipeline.timing import Histogram
from scr_live.shipped import DEFAULT_MODEL, find_model
from scr_live.tracking.following import Tracking


def main() -> None:
    """Follow one flight and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=20000)
    parser.add_argument("--frames", type=int, default=500)
    parser.add_argument("--out", type=Path, default=Path("figures/tracking.json"))
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    model = find_model(DEFAULT_MODEL)
    options = PhantomOptions(seed=arguments.seed)
    finder, tracking, cost, inference = FieldFinder(), Tracking(), Histogram(), Histogram()
    with open_engine("auto", model) as engine:
        for index in range(arguments.frames):
            image, _ = render(options, index)
            frame = Frame(image, index, index / options.fps, index / options.fps)
            placement = Placement(finder.update(image), engine.info.input_size)
            network_input = placement.to_network(image)
            began = time.perf_counter()
            answer = engine.infer(network_input)
            inference.record(time.perf_counter() - began)
            began = time.perf_counter()
            steady, _ = tracking.update(frame, network_input, answer, placement)
            spent = time.perf_counter() - began
            polyps = polyps_from_probability(steady, placement, threshold=model.card.threshold)
            began = time.perf_counter()
            tracking.follow(frame, polyps, placement)
            cost.record(spent + time.perf_counter() - began)
        info = engine.info
    report = {
        "frames": arguments.frames,
        "seed": arguments.seed,
        "input_size": info.input_size,
        "tracking_ms": cost.latency().as_dict(),
        "inference_ms": inference.latency().as_dict(),
        "engine": info.kind,
        "machine": machine_facts(),
    }
    write_json(arguments.out, report)
    print(report["tracking_ms"])


if __name__ == "__main__":
    main()
