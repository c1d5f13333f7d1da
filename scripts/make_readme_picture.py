"""Draw the model's own marks on one frame of the sample clip: the picture of the README.

python scripts/make_readme_picture.py --frame 62
"""

import argparse
from itertools import islice
from pathlib import Path

import cv2

from scr_live.content import FieldFinder
from scr_live.engines.opening import open_engine
from scr_live.frames import Prediction
from scr_live.geometry import Placement, polyps_from_probability
from scr_live.overlays import ContourOverlay, ScoreLabel, draw
from scr_live.shipped import DEFAULT_MODEL, find_model
from scr_live.sources.opening import open_source

CLIP = "assets/sample_videos/phantom.mp4"


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frame", type=int, default=62)
    parser.add_argument("--out", type=Path, default=Path("assets/readme/phantom_marked.jpg"))
    arguments = parser.parse_args()
    model = find_model(DEFAULT_MODEL)
    with open_source(CLIP) as source, open_engine("auto", model) as engine:
        finder = FieldFinder()
        for frame in islice(source, arguments.frame + 1):
            box = finder.update(frame.image)
        placement = Placement(box, engine.info.input_size)
        probability = engine.infer(placement.to_network(frame.image))
    polyps = polyps_from_probability(probability, placement, threshold=model.card.threshold)
    prediction = Prediction(frame.index, polyps, probability, placement, 0.0, frame.captured_at)
    marked = draw(frame.image, prediction, (ContourOverlay(), ScoreLabel()))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    bgr = cv2.cvtColor(marked, cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(arguments.out), bgr, [cv2.IMWRITE_JPEG_QUALITY, 90])
    print(f"{arguments.out}: {len(polyps)} polyps marked in frame {frame.index}")


if __name__ == "__main__":
    main()
