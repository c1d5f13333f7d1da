"""Write the truth of a phantom as JSON: the boxes of all polyps that can be seen, frame by frame.

    python scripts/make_truth.py phantom:scenario=occlusion,seed=3 --out truth.json

A box is [x1, y1, x2, y2] in pixels, x2 and y2 behind the last one.
"""

import argparse
from pathlib import Path

from scr_live.errors import OptionError
from scr_live.files import write_json
from scr_live.phantom.options import PhantomOptions, parse_phantom
from scr_live.phantom.render import truth
from scr_live.phantom.truth import boxes


def main() -> None:
    """Parse the arguments and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", help="such as phantom:scenario=two,seed=3")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    try:
        options = parse_phantom(arguments.source)
        write_json(arguments.out, truth_of(options))
    except OptionError as error:
        parser.error(str(error))


def truth_of(options: PhantomOptions) -> dict[str, object]:
    """Lay out the truth of a whole video."""
    if options.frame_count is None:
        raise OptionError(
            "The truth of a phantom without an end is never complete. Give duration in seconds."
        )
    frames = boxes(truth(options, index) for index in range(options.frame_count))
    return {"width": options.width, "height": options.height, "fps": options.fps, "frames": frames}


if __name__ == "__main__":
    main()
