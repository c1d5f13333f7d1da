"""Measure how well marks stay in place while the model is behind; write figures/carrying.json.

    python scripts/measure_carrying.py [CLIP ...]

Every second frame with a mark is an origin. Its marks are left where they were, and carried by
`scr_live.tracking.carrying` through the frames after it; both are held against the marks of those later
frames by intersection over union: in the sample clip those of its ground truth, in the other clips the
model's own. Only frames that have marks count. The cost is that of one frame, on one thread of OpenCV.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.content import FieldFinder
from scr_live.engines.opening import open_engine
from scr_live.files import write_json
from scr_live.frames import Frame, Mask, Prediction
from scr_live.geometry import Placement, polyps_from_probability
from scr_live.machine import machine_facts
from scr_live.pipeline.timing import Histogram
from scr_live.predictor import Predictor
from scr_live.shipped import DEFAULT_MODEL, find_model
from scr_live.sources.opening import open_source
from scr_live.tracking.carrying import MarkCarrier

SAMPLE = Path("assets/sample_videos/phantom.mp4")
AGES = (1, 2, 3, 4, 6, 8, 10, 12)
LONGEST_S = 1.0


def main() -> None:
    """Measure all clips and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="*", metavar="CLIP")
    parser.add_argument("--out", type=Path, default=Path("figures/carrying.json"))
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    cost = Histogram()
    frames = list(_frames(str(SAMPLE)))
    rows = [{"clip": str(SAMPLE), "against": "truth", **_measured(frames, list(_true(frames)), cost)}]
    for clip in arguments.clips:
        frames = list(_frames(clip))
        rows.append({"clip": clip, "against": "the model", **_measured(frames, _judged(frames), cost)})
    write_json(
        arguments.out, {"clips": rows, "ms_a_frame": cost.latency().as_dict(), "machine": machine_facts()}
    )
    for row in rows:
        print(row["clip"], *row["ages"], sep="\n  ")
    print(cost.latency().as_dict())


def _frames(clip: str) -> Iterator[Frame]:
    with open_source(clip) as source:
        yield from (replace(frame, captured_at=frame.pts_s or 0.0, as_video=None) for frame in source)


def _true(frames: Sequence[Frame]) -> Iterator[Prediction]:
    """What a model without a fault would say of the sample clip."""
    with np.load(SAMPLE.with_name("phantom_masks.npz")) as data:
        masks = np.unpackbits(data["packed"], axis=2)[:, :, : int(data["width"])]
    finder = FieldFinder()
    for frame, mask in zip(frames, masks, strict=True):
        placement = Placement(finder.update(frame.image), 352)
        probability = cv2.resize(placement.box.crop(mask).astype(np.float32), (352, 352))
        yield _prediction(frame, probability, placement, threshold=0.5)


def _judged(frames: Sequence[Frame]) -> list[Prediction]:
    """What the default model says of each frame by itself."""
    model = find_model(DEFAULT_MODEL)
    with open_engine("auto", model) as engine:
        predictor = Predictor(engine, threshold=lambda: model.card.threshold)
        return [predictor.predict(frame) for frame in frames]


def _prediction(frame: Frame, probability: Mask, placement: Placement, *, threshold: float) -> Prediction:
    polyps = polyps_from_probability(probability, placement, threshold=threshold)
    return Prediction(frame.index, polyps, probability, placement, 0.0, frame.captured_at)


def _measured(frames: Sequence[Frame], answers: Sequence[Prediction], cost: Histogram) -> dict[str, object]:
    left: dict[int, list[float]] = {age: [] for age in AGES}
    carried: dict[int, list[float]] = {age: [] for age in AGES}
    for first in range(0, len(frames), 2):
        origin, carrier = answers[first], MarkCarrier(longest_s=LONGEST_S)
        if not origin.polyps:
            continue
        for frame, there in zip(frames[first : first + AGES[-1] + 1], answers[first:], strict=False):
            began = time.perf_counter()
            carrier.see(frame, origin.placement.box)
            now = carrier.carry(origin)
            cost.record(time.perf_counter() - began)
            age = frame.index - origin.frame_index
            if age in left and there.polyps:
                left[age].append(_overlap(frame, origin, there))
                carried[age].append(0.0 if now is None else _overlap(frame, now, there))
    step_s = frames[1].captured_at - frames[0].captured_at
    return {"ages": [_row(round(1000 * step_s * age), left[age], carried[age]) for age in AGES]}


def _row(age_ms: int, left: Sequence[float], carried: Sequence[float]) -> dict[str, object]:
    """Return the mean overlap, and the share of frames in which it is a half and more."""
    row: dict[str, object] = {"age_ms": age_ms, "pairs": len(left)}
    for name, overlaps in (("left", left), ("carried", carried)):
        row[name] = {"iou": round(float(np.mean(overlaps)), 4), "half": round(_half(overlaps), 4)}
    return row


def _half(overlaps: Sequence[float]) -> float:
    return float(np.mean(np.greater_equal(overlaps, 0.5)))


def _overlap(frame: Frame, one: Prediction, other: Prediction) -> float:
    here, there = _mask(frame, one), _mask(frame, other)
    union = int((here | there).sum())
    return int((here & there).sum()) / union if union else 1.0


def _mask(frame: Frame, prediction: Prediction) -> NDArray[np.bool_]:
    mask = np.zeros(frame.image.shape[:2], np.uint8)
    for polyp in prediction.polyps:
        cv2.fillPoly(mask, [np.rint(polyp.contour).astype(np.int32)], 1)
    return mask.astype(np.bool_)


if __name__ == "__main__":
    main()
