"""Regenerate assets/sample_videos: the synthetic clip, its ground truth and its masks.

python scripts/make_sample_clip.py [--out assets/sample_videos]
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from scr_live.frames import Frame, Picture
from scr_live.phantom.truth import PhantomTruth
from scr_live.sinks.recorder import Recorder, RecorderOptions
from scr_live.sources.phantom import PhantomOptions, parse_phantom, render

SPEC = "phantom:seed=5,size=640x512,duration=10,fps=25,polyps=3"
"""Of the first seeds the one whose polyps come one after another, one of them from behind a fold."""
RECORDING = RecorderOptions(quality=20, preset="slow", force=True, nominal_fps=25.0)


def main() -> None:
    """Parse the arguments, render, and write clip, JSON and masks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "assets" / "sample_videos")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    options = parse_phantom(SPEC)
    truths = []
    with Recorder(out / "phantom.mp4", RECORDING) as recorder:
        for picture, truth in rendered(options):
            recorder.write(picture)
            truths.append(truth)
    (out / "phantom.json").write_text(as_json(options, truths), encoding="utf-8")
    packed = np.packbits(np.stack([truth.mask for truth in truths]), axis=2)
    np.savez_compressed(out / "phantom_masks.npz", packed=packed, width=options.width)


def rendered(options: PhantomOptions) -> Iterator[tuple[Picture, PhantomTruth]]:
    """Every frame with its truth."""
    for index in range(options.frame_count or 0):
        image, truth = render(options, index)
        frame = Frame(image, index, index / options.fps, captured_at=0.0)
        yield Picture(frame, None, frame.image), truth


def as_json(options: PhantomOptions, truths: list[PhantomTruth]) -> str:
    """Write the truth down; one line a polyp's frame keeps differences readable."""
    ids = sorted({polyp.polyp_id for truth in truths for polyp in truth.polyps})
    head = {
        "schema": 1,
        "video": "phantom.mp4",
        "masks": "phantom_masks.npz",
        "source": SPEC,
        "options": asdict(options),
        "frame_count": len(truths),
        "frames_without_polyp": intervals([t.frame_index for t in truths if not t.polyps]),
        "columns": ["frame", "x", "y", "width", "height", "area_px"],
    }
    polyps = []
    for polyp_id in ids:
        rows = [
            [t.frame_index, *p.box, p.visible_area_px]
            for t in truths
            for p in t.polyps
            if p.polyp_id == polyp_id
        ]
        lines = ",\n        ".join(json.dumps(row) for row in rows)
        seen = json.dumps(intervals([row[0] for row in rows]))
        polyps.append(f'    {{"id": {polyp_id}, "visible": {seen}, "rows": [\n        {lines}\n    ]}}')
    start = json.dumps(head, indent=2)[:-2]
    return start + ',\n  "polyps": [\n' + ",\n".join(polyps) + "\n  ]\n}\n"


def intervals(frames: list[int]) -> list[list[int]]:
    """Runs of consecutive numbers as [first, last]."""
    runs: list[list[int]] = []
    for frame in frames:
        if runs and frame == runs[-1][1] + 1:
            runs[-1][1] = frame
        else:
            runs.append([frame, frame])
    return runs


if __name__ == "__main__":
    main()
