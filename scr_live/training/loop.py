"""The training loop: one step is a pure function of weights, seed and step number, so a run can be resumed."""

import csv
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from scr_live.errors import DataError, OptionError, ScrLiveError
from scr_live.evaluation.metrics import confusion, score
from scr_live.network.encoders import Lite0Encoder
from scr_live.network.scr_net import ScrNet
from scr_live.network.weights import load_weights, save_weights
from scr_live.training.augment import augment, resized
from scr_live.training.checkpoint import load_state, save_state
from scr_live.training.data import Sample
from scr_live.training.loss import segmentation_loss
from scr_live.training.recipe import Recipe

MARK_AREA_SHARE = 0.0008
"""A polyp-free picture counts as falsely marked from this share of connected pixels above 0.5."""


@dataclass(frozen=True, slots=True)
class Validation:
    """What the averaged weights are worth on the validation pictures."""

    dice: tuple[tuple[str, float], ...]
    """Mean Dice of each set that has masks."""
    false_mark_share: float
    """Share of the polyp-free pictures with a mark; NaN if there are none."""

    @property
    def quality(self) -> float:
        """What the best checkpoint is chosen by: mean Dice less a tenth of the false marks."""
        mean_dice = sum(value for _, value in self.dice) / max(len(self.dice), 1)
        return mean_dice - 0.1 * (0.0 if math.isnan(self.false_mark_share) else self.false_mark_share)


class Trainer:
    """Holds weights, their average, the optimiser and the step count."""

    def __init__(self, recipe: Recipe, train: Sequence[Sample], validation: Sequence[Sample]) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.step = 0
        self.network = ScrNet(recipe.network)
        if recipe.imagenet:
            _load_imagenet(self.network)
        self.network.to(memory_format=torch.channels_last)  # 1.7x faster on CPUs
        self.average = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.optimizer = _optimizer(self.network, recipe)
        self._batches = _Batches(recipe, train)
        self._validation = validation
        self.best_quality = -math.inf

    def run(self, folder: Path, *, log: Callable[[str], None], stop: Callable[[], bool]) -> None:
        """Train to the recipe's last step or until `stop()`; checkpoints and log.csv in `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        started, losses = time.perf_counter(), [0.0]
        while self.step < self.recipe.steps and not stop():
            losses.append(self._train_step())
            if self.step % 20 == 0:
                rate = (time.perf_counter() - started) / (len(losses) - 1)
                mean = sum(losses[-20:]) / 20
                log(f"step {self.step}/{self.recipe.steps}  loss {mean:.4f}  {rate:.2f} s/step")
            if self.step % self.recipe.validate_every == 0 or self.step == self.recipe.steps:
                self._validate(folder, log, mean_loss=sum(losses[-100:]) / len(losses[-100:]))
        self.save(folder)

    def validate(self) -> Validation:
        """Measure the averaged weights on the validation pictures."""
        network = ScrNet(self.recipe.network).to(memory_format=torch.channels_last)
        network.load_state_dict(self.average)
        return validate(network, self._validation, size=self.recipe.final_size)

    def save(self, folder: Path) -> None:
        save_weights(folder / "last.safetensors", self.average)
        state = {
            "step": self.step,
            "network": self.network.state_dict(),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
            "best_quality": self.best_quality,
        }
        save_state(folder / "last.pt", state)

    def resume(self, folder: Path) -> None:
        """Continue exactly where `save` left off."""
        state = load_state(folder / "last.pt")
        self.step = cast("int", state["step"])
        self.best_quality = cast("float", state["best_quality"])
        self.network.load_state_dict(cast("dict[str, Tensor]", state["network"]))
        self.average = cast("dict[str, Tensor]", state["average"])
        self.optimizer.load_state_dict(cast("dict[str, Tensor]", state["optimizer"]))

    def start_from(self, weights: Path) -> None:
        """Begin from finished weights of the same network instead of ImageNet's."""
        load_weights(self.network, weights)
        self.average = {name: value.clone() for name, value in self.network.state_dict().items()}

    def _train_step(self) -> float:
        images, masks = self._batches.draw(self.step)
        factor = rate_factor(self.step, self.recipe)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        self.network.train()
        loss = segmentation_loss(
            self.network(images),
            masks,
            bce_share=self.recipe.bce_share,
            negative_weight=self.recipe.negative_weight,
        )
        if not torch.isfinite(loss):
            raise ScrLiveError(
                f"The loss became {loss.item()} at step {self.step}; the last good weights are kept. "
                "Lower `rate` in the recipe and resume."
            )
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()
        self.step += 1
        self._update_average()
        return loss.item()

    def _update_average(self) -> None:
        decay = min(self.recipe.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                if value.dtype.is_floating_point:
                    self.average[name].lerp_(value, 1 - decay)
                else:
                    self.average[name].copy_(value)

    def _validate(self, folder: Path, log: Callable[[str], None], *, mean_loss: float) -> None:
        result = self.validate()
        dice = "  ".join(f"{name} {value:.4f}" for name, value in result.dice)
        log(f"validation  Dice: {dice}  falsely marked: {result.false_mark_share:.1%}")
        if result.quality > self.best_quality:
            self.best_quality = result.quality
            save_weights(folder / "best.safetensors", self.average)
        self.save(folder)
        new = not (folder / "log.csv").exists()
        with (folder / "log.csv").open("a", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            if new:
                writer.writerow(["step", "loss", *(f"dice {name}" for name, _ in result.dice), "false marks"])
            values = [f"{value:.5f}" for _, value in result.dice]
            writer.writerow([self.step, f"{mean_loss:.5f}", *values, f"{result.false_mark_share:.5f}"])


def rate_factor(step: int, recipe: Recipe) -> float:
    """Linear warm-up, then polynomial decay with power 0.9 (the paper's), as a factor of the peak rate."""
    if step < recipe.warmup_steps:
        return (step + 1) / recipe.warmup_steps
    left = 1 - (step - recipe.warmup_steps) / max(1, recipe.steps - recipe.warmup_steps)
    return float(max(left, 0.0) ** 0.9)


def validate(network: ScrNet, samples: Sequence[Sample], *, size: int) -> Validation:
    """Dice at network resolution for each set with masks, and the share of falsely marked negatives."""
    network.eval()
    dice: dict[str, list[float]] = {}
    marked: list[bool] = []
    with torch.inference_mode():
        for sample in samples:
            image, mask = resized(sample, size=size)
            probability = torch.sigmoid(network(_to_tensor([image])))[0, 0].numpy()
            if sample.has_polyp:
                result = score(confusion(probability >= 0.5, mask > 0))
                dice.setdefault(sample.set_name, []).append(result.dice)
            else:
                marked.append(_has_mark(probability))
    means = tuple((name, sum(values) / len(values)) for name, values in sorted(dice.items()))
    return Validation(means, sum(marked) / len(marked) if marked else math.nan)


class _Batches:
    """Draws each step's batch from (seed, step) alone."""

    def __init__(self, recipe: Recipe, samples: Sequence[Sample]) -> None:
        self._recipe = recipe
        weights = dict(recipe.set_weights)
        self._positives = [sample for sample in samples if sample.has_polyp]
        self._negatives = [sample for sample in samples if not sample.has_polyp]
        if not self._positives or (recipe.negatives_per_batch and not self._negatives):
            raise DataError(
                f"Training needs pictures with polyps, found {len(self._positives)}, and "
                f"{recipe.negatives_per_batch} a batch without, found {len(self._negatives)}."
            )
        self._odds = [_odds(part, weights) for part in (self._positives, self._negatives)]

    def draw(self, step: int) -> tuple[Tensor, Tensor]:
        """(b, 3, s, s) float 0..255 and (b, 1, s, s) float 0 or 1."""
        recipe = self._recipe
        rng = np.random.default_rng((recipe.seed, step))
        last = step >= recipe.steps * (1 - recipe.final_share)
        size = recipe.final_size if last else int(rng.choice(recipe.sizes))
        count = recipe.batch - recipe.negatives_per_batch
        chosen = self._pick(self._positives, self._odds[0], rng, count)
        chosen += self._pick(self._negatives, self._odds[1], rng, recipe.negatives_per_batch)
        pairs = [augment(sample, rng, size=size) for sample in chosen]
        masks = torch.from_numpy(np.stack([mask for _, mask in pairs])[:, None] > 0).float()
        return _to_tensor([image for image, _ in pairs]), masks

    @staticmethod
    def _pick(samples: list[Sample], odds: NDArray[np.float64], rng: Generator, count: int) -> list[Sample]:
        return [samples[i] for i in rng.choice(len(samples), count, p=odds)] if count else []


def _load_imagenet(network: ScrNet) -> None:
    if not isinstance(network.encoder, Lite0Encoder):
        raise OptionError(
            f"There are no ImageNet weights for encoder {network.config.encoder!r}; set imagenet = false."
        )
    network.encoder.load_imagenet()


def _odds(samples: list[Sample], weights: dict[str, float]) -> NDArray[np.float64]:
    odds = np.array([weights.get(sample.set_name, 1.0) for sample in samples], np.float64)
    return odds / max(odds.sum(), 1e-12)


def _to_tensor(images: list[NDArray[np.uint8]]) -> Tensor:
    batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()
    return batch.contiguous(memory_format=torch.channels_last)


def _has_mark(probability: NDArray[np.float32]) -> bool:
    _, _, stats, _ = cv2.connectedComponentsWithStats((probability >= 0.5).astype(np.uint8))
    areas = stats[1:, cv2.CC_STAT_AREA]
    return bool(areas.size and areas.max() >= MARK_AREA_SHARE * probability.size)


def _optimizer(network: ScrNet, recipe: Recipe) -> torch.optim.AdamW:
    groups: dict[tuple[bool, bool], list[Tensor]] = {}
    for name, value in network.named_parameters():
        groups.setdefault((name.startswith("encoder."), value.ndim > 1), []).append(value)
    return torch.optim.AdamW(
        [
            {
                "params": values,
                "peak": recipe.encoder_rate if in_encoder else recipe.rate,
                # biases and normalisation are not decayed
                "weight_decay": recipe.weight_decay if is_matrix else 0.0,
            }
            for (in_encoder, is_matrix), values in groups.items()
        ]
    )
