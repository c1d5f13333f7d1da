"""The training loop: a step is a pure function of weights, seed and step number, so a run can be resumed."""

import csv
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Final, cast

import torch
from torch import Tensor

from scr_live.errors import ModelError, OptionError, OutputUnwritableError, ScrLiveError
from scr_live.evaluation.metrics import confusion, score
from scr_live.geometry import MIN_AREA, large_regions
from scr_live.network.encoders import Lite0Encoder
from scr_live.network.scr_net import ScrNet
from scr_live.network.weights import save_weights
from scr_live.training.augment import resized
from scr_live.training.batches import Batches, to_tensor
from scr_live.training.checkpoint import load_state, save_state
from scr_live.training.data import Sample
from scr_live.training.loss import segmentation_loss
from scr_live.training.recipe import Recipe

THRESHOLD: Final = 0.5


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
        self._batches = Batches(recipe, train)
        self._validation = validation
        self.best_quality = -math.inf

    def run(self, folder: Path, *, log: Callable[[str], None], stop: Callable[[], bool]) -> None:
        """Train to the recipe's last step or until `stop()`; checkpoints and log.csv in `folder`.

        ScrLiveError: a loss or gradient is no number; the state saved last, of finite weights, is kept.
        """
        _make_folder(folder)
        self.save(folder)  # a folder that cannot be written shows now, not after the first hour
        started, losses = time.perf_counter(), list[float]()
        while self.step < self.recipe.steps and not stop():
            losses.append(self._train_step())
            if self.step % 20 == 0:
                rate = (time.perf_counter() - started) / len(losses)
                mean = fmean(losses[-20:])
                log(f"step {self.step}/{self.recipe.steps}  loss {mean:.4f}  {rate:.2f} s/step")
            if self.step % self.recipe.validate_every == 0 or self.step == self.recipe.steps:
                self._validate(folder, log, mean_loss=fmean(losses[-100:]))
        self.save(folder)

    def validate(self) -> Validation:
        """Measure the averaged weights on the validation pictures."""
        network = ScrNet(self.recipe.network).to(memory_format=torch.channels_last)
        network.load_state_dict(self.average)
        return validate(network, self._validation, size=self.recipe.final_size)

    def save(self, folder: Path) -> None:
        """Write last.safetensors, the averaged weights, and last.pt, what `resume` needs."""
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
        """Continue exactly where `save` left off; rates and weight decay are those of this recipe.

        ModelError: the state is damaged or of another network; this trainer is then of no more use.
        """
        path = folder / "last.pt"
        state = load_state(path)
        own = [{key: group[key] for key in ("peak", "weight_decay")} for group in self.optimizer.param_groups]
        try:
            self._restore(state)
        except (LookupError, RuntimeError, TypeError, ValueError) as error:
            raise ModelError(
                f"{path} does not belong to this recipe's network, {self.recipe.network}. Resume with the "
                f"recipe it was made with, or start again without --resume. ({error})"
            ) from error
        # The optimiser's state has the old rates in it: a lowered `rate` must take effect.
        for group, values in zip(self.optimizer.param_groups, own, strict=True):
            group.update(values)

    def _restore(self, state: Mapping[str, object]) -> None:
        self.network.load_state_dict(cast("dict[str, Tensor]", state["network"]))
        average = cast("dict[str, Tensor]", state["average"])
        self.average = {name: average[name] for name in self.average}
        self.optimizer.load_state_dict(cast("dict[str, Tensor]", state["optimizer"]))
        self.step = cast("int", state["step"])
        self.best_quality = cast("float", state["best_quality"])

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
        self._check_finite("loss", loss)
        self.optimizer.zero_grad()
        loss.backward()
        # A step along an endless gradient would turn the weights, and their average, into NaN.
        self._check_finite("gradient", torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0))
        self.optimizer.step()
        self.step += 1
        self._update_average()
        return loss.item()

    def _check_finite(self, what: str, value: Tensor) -> None:
        if not torch.isfinite(value):
            raise ScrLiveError(
                f"The {what} became {value.item()} at step {self.step}. The state saved last is kept. Lower "
                "`rate` in the recipe and resume."
            )

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
            probability = torch.sigmoid(network(to_tensor([image])))[0, 0].numpy()
            if sample.has_polyp:
                result = score(confusion(probability >= THRESHOLD, mask > 0))
                dice.setdefault(sample.set_name, []).append(result.dice)
            else:
                regions = large_regions(probability >= THRESHOLD, MIN_AREA * probability.size)
                marked.append(bool(regions.any()))
    means = tuple((name, sum(values) / len(values)) for name, values in sorted(dice.items()))
    return Validation(means, sum(marked) / len(marked) if marked else math.nan)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputUnwritableError(
            f"Cannot make the folder {folder} for the training run: {error.strerror}. Choose another place."
        ) from error


def _load_imagenet(network: ScrNet) -> None:
    if not isinstance(network.encoder, Lite0Encoder):
        raise OptionError(
            f"There are no ImageNet weights for encoder {network.config.encoder!r}; set imagenet = false."
        )
    network.encoder.load_imagenet()


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
