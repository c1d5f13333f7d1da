"""Metrics of a network on the validation pictures, at its own resolution."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import astuple
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from scr_live.errors import DataError
from scr_live.evaluation.metrics import Score, confusion, score
from scr_live.geometry import MIN_AREA, large_regions
from scr_live.network.scr_net import ScrNet
from scr_live.training.augment import resized
from scr_live.training.batches import to_tensor
from scr_live.training.data import Sample
from scr_live.training.events import FalseMarks, SetScores, Validation

THRESHOLD: Final = 0.5

Probability = NDArray[np.float32]


def check_validation(samples: Sequence[Sample]) -> None:
    """Raise DataError, before anything is trained, if there is nothing the best weights can be chosen by."""
    if not any(sample.has_polyp for sample in samples):
        raise DataError(
            f"Validation needs pictures with a polyp, found none among {len(samples)} pictures. Name a set "
            "with a split into train and val."
        )


def validate(
    network: ScrNet, samples: Sequence[Sample], *, size: int, keep: Collection[int] = ()
) -> tuple[Validation, dict[int, Probability]]:
    """Scores of each set with polyps and false marks of each without, on the network's device.

    keep: the places in `samples` of which the (size, size) probabilities are given back.
    """
    scores: dict[str, list[Score]] = {}
    marked: dict[str, list[bool]] = {}
    kept: dict[int, Probability] = {}
    for place, probability, truth in _predictions(network, samples, size):
        name, found = samples[place].set_name, probability >= THRESHOLD
        if samples[place].has_polyp:
            scores.setdefault(name, []).append(score(confusion(found, truth)))
        else:
            marked.setdefault(name, []).append(is_marked(found))
        if place in keep:
            kept[place] = probability
    sets = tuple(_means(name, values) for name, values in sorted(scores.items()))
    clean = tuple(
        FalseMarks(name, len(values), sum(values) / len(values)) for name, values in sorted(marked.items())
    )
    return Validation(sets, clean), kept


def is_marked(found: NDArray[np.bool_]) -> bool:
    """Whether a run would mark anything: a region that is not too small."""
    return bool(large_regions(found, MIN_AREA * found.size).any())


def _predictions(
    network: ScrNet, samples: Sequence[Sample], size: int
) -> Iterator[tuple[int, Probability, NDArray[np.bool_]]]:
    device = next(network.parameters()).device
    together = 4 if device.type == "cpu" else 32
    network.eval()
    for start in range(0, len(samples), together):
        pairs = [resized(sample, size=size) for sample in samples[start : start + together]]
        with torch.inference_mode():
            images = to_tensor([image for image, _ in pairs]).to(device, memory_format=torch.channels_last)
            probabilities = torch.sigmoid(network(images))[:, 0].cpu().numpy()
        for offset, (probability, (_, mask)) in enumerate(zip(probabilities, pairs, strict=True)):
            yield start + offset, probability, mask > 0


def _means(name: str, scores: list[Score]) -> SetScores:
    dice, iou, sensitivity, specificity = np.mean([astuple(one) for one in scores], axis=0).tolist()
    return SetScores(name, len(scores), dice, iou, sensitivity, specificity)
