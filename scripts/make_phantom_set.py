"""Write a training set of phantom frames: images/*.jpg and masks/*.png (0 or 255).

Half of the frames show a polyp, the others come from a colon without any.

    python scripts/make_phantom_set.py --out DIR --count 240 --seed 1000

Every frame comes from another colon. The same arguments give the same set.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from scr_live.phantom.options import PhantomOptions
from scr_live.phantom.render import render, scene, truth

LAP_FRAMES = 1300
TRIES = 8
SMALLEST_SHARE, LARGEST_SHARE = 0.01, 0.3
"""Of the frame's pixels that a polyp must cover to be worth learning from."""


def main() -> None:
    """Parse the arguments and write the set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=240)
    parser.add_argument("--seed", type=int, default=1000, help="seed of the first colon")
    parser.add_argument("--size", default="384x320")
    arguments = parser.parse_args()
    width, height = (int(side) for side in arguments.size.split("x"))
    for folder in ("images", "masks"):
        (arguments.out / folder).mkdir(parents=True, exist_ok=True)
    for number in range(arguments.count):
        seed = arguments.seed + number
        options = PhantomOptions(width=width, height=height, seed=seed, polyps=3 if number % 2 == 0 else 0)
        write(arguments.out, options, choose_index(options))


def choose_index(options: PhantomOptions) -> int:
    """Pick a random frame; with polyps: one shortly before a polyp that shows it well, if there is any."""
    rng = np.random.default_rng([options.seed, 7])
    if not options.polyps:
        return int(rng.integers(0, LAP_FRAMES))
    flight = scene(options.seed, options.polyps).flight
    best, best_share = 0, -1.0
    for growth in rng.permutation(np.array(flight.growths, dtype=object))[:TRIES]:
        index = round(flight.time_at(growth.base[2] - rng.uniform(0.35, 1.7)) * options.fps)
        share = float(truth(options, index).mask.mean())
        if SMALLEST_SHARE <= share <= LARGEST_SHARE:
            return index
        if best_share < share <= LARGEST_SHARE:
            best, best_share = index, share
    return best


def write(out: Path, options: PhantomOptions, index: int) -> None:
    """Render one frame and write it beside its mask."""
    image, frame_truth = render(options, index)
    stem = f"phantom_{options.seed:05}_{index:05}"
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(out / "images" / f"{stem}.jpg"), bgr, [cv2.IMWRITE_JPEG_QUALITY, 92])
    cv2.imwrite(str(out / "masks" / f"{stem}.png"), frame_truth.mask.astype(np.uint8) * 255)


if __name__ == "__main__":
    main()
