"""Random batches of augmented pictures, with a fixed share of pictures without a polyp."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from scr_live.errors import DataError, OptionError
from scr_live.training.augment import Pair, augment
from scr_live.training.data import Sample
from scr_live.training.paper_augment import paper_augment
from scr_live.training.recipe import Recipe


class _Augment(Protocol):
    def __call__(self, sample: Sample, rng: Generator, *, size: int) -> Pair: ...


class Batches:
    """Draws each step's batch from (seed, step) alone; of `world` processes each draws its share of it.

    It can be pickled, for processes that are started afresh.
    DataError: too few pictures for the recipe, or `set_weights` that do not fit their sets.
    OptionError: a batch cannot be shared evenly among the processes.
    """

    def __init__(self, recipe: Recipe, samples: Sequence[Sample], *, rank: int = 0, world: int = 1) -> None:
        if recipe.batch % world:
            raise OptionError(
                f"batch must be a multiple of the number of processes, {world}, so that each gets the same "
                f"number of pictures; found {recipe.batch}."
            )
        self._recipe = recipe
        self._rank = rank
        self._world = world
        self._augment: _Augment = paper_augment if recipe.augmentation == "paper" else augment
        weights = dict(recipe.set_weights)
        self._positives = [sample for sample in samples if sample.has_polyp]
        self._negatives = [sample for sample in samples if not sample.has_polyp]
        if not self._positives or (recipe.negatives_per_batch and not self._negatives):
            raise DataError(
                f"Training needs pictures with polyps, found {len(self._positives)}, and "
                f"{recipe.negatives_per_batch} a batch without, found {len(self._negatives)}. Give image "
                "sets with both (one without a masks folder shows no polyps), or set negatives_per_batch = 0."
            )
        sets = {sample.set_name for sample in samples}
        if unknown := sorted(set(weights) - sets):
            raise DataError(
                f"set_weights names {unknown}, of which there are no pictures. Sets with pictures: "
                f"{', '.join(sorted(sets))}. Give those sets too, or take their names out of the recipe "
                "(--set set_weights={} takes out all)."
            )
        self._odds = [_odds(part, weights) for part in (self._positives, self._negatives)]

    def draw(self, step: int) -> tuple[Tensor, Tensor]:
        """(b, 3, s, s) float 0..255 and (b, 1, s, s) float 0 or 1, b the share of this process."""
        recipe = self._recipe
        rng = np.random.default_rng((recipe.seed, step))
        last = step >= recipe.steps * (1 - recipe.final_share)
        size = recipe.final_size if last else int(rng.choice(recipe.sizes))
        count = recipe.batch - recipe.negatives_per_batch
        chosen = self._pick(self._positives, self._odds[0], rng, count)
        chosen += self._pick(self._negatives, self._odds[1], rng, recipe.negatives_per_batch)
        # Each picture has a generator of its own: it comes out the same in whichever process.
        drawn = list(zip(chosen, rng.spawn(recipe.batch), strict=True))[self._rank :: self._world]
        pairs = [self._augment(sample, own, size=size) for sample, own in drawn]
        masks = torch.from_numpy(np.stack([mask for _, mask in pairs])[:, None] > 0).float()
        return to_tensor([image for image, _ in pairs]), masks

    @staticmethod
    def _pick(samples: list[Sample], odds: NDArray[np.float64], rng: Generator, count: int) -> list[Sample]:
        return [samples[i] for i in rng.choice(len(samples), count, p=odds)] if count else []


def to_tensor(images: list[NDArray[np.uint8]]) -> Tensor:
    """(h, w, 3) pictures of one size -> (b, 3, h, w) float32, channels last in memory."""
    batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()
    return batch.contiguous(memory_format=torch.channels_last)


def _odds(samples: list[Sample], weights: dict[str, float]) -> NDArray[np.float64]:
    odds = np.array([weights.get(sample.set_name, 1.0) for sample in samples], np.float64)
    if samples and not odds.sum():
        raise DataError(
            f"set_weights is 0 for every set with pictures {'with' if samples[0].has_polyp else 'without'} a "
            "polyp, so none can be drawn. Give one of them a weight above 0."
        )
    return odds / max(odds.sum(), 1e-12)
