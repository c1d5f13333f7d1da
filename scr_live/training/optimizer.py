"""What moves the weights: the optimiser, its schedule of learning rates, and their moving average."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn, optim

from scr_live.training.recipe import Recipe


def build_optimizer(network: nn.Module, recipe: Recipe) -> optim.Optimizer:
    """Layer-wise: parameters of `encoder.*` have a peak rate of their own.

    AdamW decays matrices and kernels only. Adam's decay is the L2 term of equation 8, over all parameters.
    """
    coupled = recipe.optimizer == "adam"
    groups: dict[tuple[bool, bool], list[Tensor]] = {}
    for name, value in network.named_parameters():
        decays = coupled or value.ndim > 1
        groups.setdefault((name.startswith("encoder."), decays), []).append(value)
    settings = [
        {
            "params": values,
            "name": "encoder" if in_encoder else "decoder",
            "peak": recipe.encoder_rate if in_encoder else recipe.rate,
            "weight_decay": recipe.weight_decay if decays else 0.0,
        }
        for (in_encoder, decays), values in groups.items()
    ]
    # Fused: one pass over all parameters instead of a dozen small operations for each.
    return (optim.Adam if coupled else optim.AdamW)(settings, fused=True)


def learning_rate(step: int, recipe: Recipe, *, peak: float) -> float:
    """The rate of this step, counted from 0: warm-up to `peak`, then polynomial decay to 0 at the end.

    "paper" warms up from `warmup_from` (its lr_min) along the power of the decay. As printed, its formula
    ends far below the peak; this one does what its text says.
    """
    warmup = recipe.warmup_steps
    if step < warmup:
        if recipe.warmup == "linear":
            return peak * (step + 1) / warmup
        start = recipe.warmup_from
        return start + (peak - start) * float((step / warmup) ** recipe.decay_power)
    left = 1 - (step - warmup) / max(1, recipe.steps - warmup)
    return peak * float(max(left, 0.0) ** recipe.decay_power)


def set_rates(optimizer: optim.Optimizer, step: int, recipe: Recipe) -> None:
    """Give every parameter group the rate of this step."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(step, recipe, peak=group["peak"])


def rates_of(optimizer: optim.Optimizer) -> tuple[tuple[str, float], ...]:
    """The rates set last, by the name of their part of the network."""
    return tuple({group["name"]: float(group["lr"]) for group in optimizer.param_groups}.items())


class Average:
    """The weights that are validated and saved: an exponential moving average of those that are trained.

    Of all parameters and of BatchNorm's statistics; decay 0: the trained ones themselves.
    """

    def __init__(self, network: nn.Module, *, decay: float) -> None:
        self._decay = decay
        self._source: dict[str, Tensor] = network.state_dict()  # views: they follow the network
        self.values = {name: value.clone() for name, value in self._source.items()}
        self._averaged = [name for name, value in self._source.items() if value.dtype.is_floating_point]
        self._copied = [name for name in self._source if name not in set(self._averaged)]

    def update(self, step: int) -> None:
        """Take in the weights after step number `step`; the first ones, far from their goal, fade sooner."""
        decay = min(self._decay, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(  # as torch's own swa_utils: 400 tensors in one call
                [self.values[name] for name in self._averaged],
                [self._source[name] for name in self._averaged],
                1 - decay,
            )
            for name in self._copied:
                self.values[name].copy_(self._source[name])

    def load(self, values: Mapping[str, Tensor]) -> None:
        """Take over saved values. LookupError, RuntimeError: they are of another network."""
        for name, value in self.values.items():
            value.copy_(values[name])
