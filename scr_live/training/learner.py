"""One optimiser step: everything that learns, and nothing of files, data or progress."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from scr_live.errors import OptionError, ScrLiveError
from scr_live.network.blocks import resize_like
from scr_live.network.encoders import Lite0Encoder
from scr_live.network.scr_net import ScrNet
from scr_live.network.weights import load_weights
from scr_live.training.distributed import World
from scr_live.training.loss import segmentation_loss, soft_dice_loss
from scr_live.training.optimizer import Average, build_optimizer, rates_of, set_rates
from scr_live.training.precision import SKIPS_IN_A_ROW, prepare_arithmetic
from scr_live.training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Measures:
    """One step, over the whole batch of all processes."""

    loss: float
    bce: float
    dice: float
    negatives: float
    gradient_norm: float
    rates: tuple[tuple[str, float], ...]


class DivergedError(ScrLiveError):
    """A loss or gradient is no number."""


class Learner:
    """Weights, their average and the optimiser, on one device."""

    def __init__(self, recipe: Recipe, *, device: torch.device, world: World) -> None:
        torch.manual_seed(recipe.seed)
        self._recipe = recipe
        self._world = world
        self._skipped = 0
        if device.type == "cuda":
            torch.backends.cudnn.benchmark = True  # there are few sizes: each is worth trying kernels for
        self.network = ScrNet(recipe.network)
        initialise(self.network, recipe)
        self.arithmetic = prepare_arithmetic(self.network, recipe.precision, device=device)
        self.network.to(device, memory_format=torch.channels_last)  # 1.7x faster on CPUs
        self._outputs = world.share(_Outputs(self.network), device)
        self.average = Average(self.network, decay=recipe.ema)
        self.optimizer = build_optimizer(self.network, recipe)

    def learn(self, images: Tensor, masks: Tensor, *, step: int) -> Measures:
        """Step number `step`, from 0, on this process's share of the batch.

        DivergedError: the loss or the gradient is no number. Parameters and average are left as they were
        before; BatchNorm's running statistics are not, since the forward pass has taken the batch in already:
        go on from the state saved last, and do not save this one.
        """
        set_rates(self.optimizer, step, self._recipe)
        self.network.train()
        with self.arithmetic.autocast():
            logits, sides = self._outputs(images)
        loss = self._loss(logits.float(), [side.float() for side in sides], masks)
        self.optimizer.zero_grad()
        scaler = self.arithmetic.scaler
        scaler.scale(loss).backward()
        scaler.unscale_(self.optimizer)
        # With no limit it measures only.
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self._recipe.gradient_clip or math.inf)
        measures = self._measured(loss, _loss_sums(logits.float(), masks), norm)
        self._check(measures, step)
        scaler.step(self.optimizer)
        scaler.update()
        self.average.update(step + 1)
        return measures

    def check_weights(self, step: int) -> None:
        """Raise DivergedError if a weight is no number: nothing good could come of it any more."""
        values = [value for value in self.network.state_dict().values() if value.is_floating_point()]
        if not all(bool(torch.isfinite(value).all()) for value in values):
            raise DivergedError(f"A weight of the network became infinite or NaN before step {step}.")

    def averaged(self) -> ScrNet:
        """A network of its own with the averaged weights, for inference."""
        device = next(self.network.parameters()).device
        network = ScrNet(self._recipe.network).to(device, memory_format=torch.channels_last)
        network.load_state_dict(self.average.values)
        return network.eval()

    def state(self) -> dict[str, object]:
        """What an exact continuation needs; tensors and plain values."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.values,
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.arithmetic.scaler.state_dict(),
        }

    def restore(self, state: Mapping[str, object]) -> None:
        """Take over a state; rates and weight decay stay those of this recipe.

        LookupError, RuntimeError, TypeError, ValueError: it is of another network.
        """
        self.network.load_state_dict(cast("dict[str, Tensor]", state["network"]))
        self.average.load(cast("dict[str, Tensor]", state["average"]))
        groups = self.optimizer.param_groups
        own = [{key: value for key, value in group.items() if key != "params"} for group in groups]
        self.optimizer.load_state_dict(cast("dict[str, object]", state["optimizer"]))
        # The optimiser's state has the old rates in it: a lowered `rate` must take effect.
        for group, values in zip(self.optimizer.param_groups, own, strict=True):
            group.update(values)
        if scaling := cast("dict[str, object]", state["scaler"]):
            self.arithmetic.scaler.load_state_dict(scaling)

    def _loss(self, logits: Tensor, sides: list[Tensor], masks: Tensor) -> Tensor:
        loss = self._loss_of(logits, masks)
        if not self._recipe.deep_supervision:
            return loss
        losses = [self._loss_of(resize_like(side, masks), masks) for side in sides]
        return loss + self._recipe.deep_supervision * torch.stack(losses).mean()

    def _loss_of(self, logits: Tensor, masks: Tensor) -> Tensor:
        recipe = self._recipe
        return segmentation_loss(
            logits,
            masks,
            bce_share=recipe.bce_share,
            negative_weight=recipe.negative_weight,
            boundary_weight=recipe.boundary_weight,
        )

    def _measured(self, loss: Tensor, sums: Tensor, norm: Tensor) -> Measures:
        """All numbers of a step in one transfer from the device, and one exchange between processes."""
        numbers = torch.cat((sums, torch.stack((loss.detach(), norm)))).tolist()
        world = self._world
        *totals, loss_sum, norm_sum = world.total(numbers)
        bce, dice, polyps, negatives, clean = totals
        return Measures(
            loss=loss_sum / world.size,
            bce=bce / polyps if polyps else math.nan,
            dice=dice / polyps if polyps else math.nan,
            negatives=negatives / clean if clean else math.nan,
            gradient_norm=norm_sum / world.size,  # of the averaged gradient: the same in all
            rates=rates_of(self.optimizer),
        )

    def _check(self, measures: Measures, step: int) -> None:
        """A step along an endless gradient would turn the weights, and their average, into NaN."""
        if not math.isfinite(measures.loss):
            raise DivergedError(f"The loss became {measures.loss} at step {step}.")
        if math.isfinite(measures.gradient_norm):
            self._skipped = 0
            return
        self._skipped += 1
        if not self.arithmetic.scaler.is_enabled():
            raise DivergedError(f"The gradient became {measures.gradient_norm} at step {step}.")
        if self._skipped >= SKIPS_IN_A_ROW:  # below that the scaler skips the step and scales less
            raise DivergedError(
                f"The gradient became {measures.gradient_norm} in {self._skipped} steps in a row, the last "
                f"at step {step}, although it was scaled down each time."
            )


def initialise(network: ScrNet, recipe: Recipe) -> None:
    """Give the network the weights that the recipe begins with.

    OptionError: there are no ImageNet weights for its encoder. ModelError: the recipe's own do not fit it.
    """
    if recipe.init:
        load_weights(network, Path(recipe.init))
    elif recipe.imagenet:
        if not isinstance(network.encoder, Lite0Encoder):
            raise OptionError(
                f"There are no ImageNet weights for encoder {network.config.encoder!r}, and the recipe has "
                "imagenet = true. Set imagenet = false, or take the encoder lite0."
            )
        network.encoder.load_imagenet()


class _Outputs(nn.Module):
    """The sum and the side outputs of one forward pass, which DistributedDataParallel must see whole."""

    def __init__(self, network: ScrNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        sides = self.network.side_outputs(images)
        return self.network.summed(sides, images), sides


def _loss_sums(logits: Tensor, masks: Tensor) -> Tensor:
    """(5,): BCE, Dice loss and count of the pictures with a polyp; BCE and count of those without.

    Sums, not means: they add up over processes, whose shares differ in their number of polyps.
    """
    with torch.no_grad():
        bce = functional.binary_cross_entropy_with_logits(logits, masks, reduction="none").flatten(1).mean(1)
        polyp = (masks.flatten(1).amax(1) > 0).float()
        dice = soft_dice_loss(logits, masks)
        clean = 1 - polyp
        return torch.stack(
            ((polyp * bce).sum(), (polyp * dice).sum(), polyp.sum(), (clean * bce).sum(), clean.sum())
        )
