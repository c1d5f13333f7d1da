"""A recipe: everything that decides a training run, the pictures apart."""

import math
from dataclasses import dataclass, field, replace
from typing import Final, Literal, Self

from scr_live.errors import OptionError
from scr_live.network.config import NetworkConfig


@dataclass(frozen=True, slots=True)
class Recipe:
    """Times are counted in optimiser steps; sizes in pixels."""

    network: NetworkConfig = field(default_factory=NetworkConfig)
    imagenet: bool = True
    """Start the encoder from ImageNet weights; False: Kaiming from scratch."""
    sizes: tuple[int, ...] = (256, 288, 320)
    """Each step draws one of these input sizes."""
    final_size: int = 352
    """Input size of the last `final_share` of the steps, of validation and of the exported model."""
    final_share: float = 0.2
    batch: int = 8
    negatives_per_batch: int = 2
    """Pictures without a polyp in each batch."""
    steps: int = 4000
    epochs: float = 0.0
    """How often each picture with a polyp is seen, instead of `steps`: exactly one of the two is set."""
    optimizer: Literal["adamw", "adam"] = "adamw"
    """adam: the decay is a part of the gradient, the L2 term of equation 8; adamw: apart from it."""
    warmup: Literal["linear", "paper"] = "linear"
    """linear: from 0; paper: from `warmup_from`, along the power of the decay."""
    warmup_steps: int = 200
    warmup_from: float = 1e-5
    """Learning rate at which `warmup = "paper"` begins, its lr_min."""
    decay_power: float = 0.9
    rate: float = 1e-3
    """Peak learning rate of the decoder."""
    encoder_rate: float = 4e-4
    weight_decay: float = 1e-2
    gradient_clip: float = 5.0
    """Longer gradients are cut to this norm: one odd batch must not undo a hundred. 0: none is."""
    bce_share: float = 0.4
    """lambda of equation 8: lambda * BCE + (1 - lambda) * Dice."""
    negative_weight: float = 1.0
    """Weight of the loss on the pictures without a polyp."""
    boundary_weight: float = 0.0
    """How much more a pixel at a polyp's edge counts in the loss; 0: as much as any other."""
    deep_supervision: float = 0.0
    """Weight of the mean loss of the side outputs, beside that of their sum; 0: none."""
    augmentation: Literal["endoscopy", "paper"] = "endoscopy"
    precision: Literal["float32", "mixed"] = "float32"
    """mixed: convolutions in bfloat16 or float16 where that is faster."""
    ema: float = 0.998
    """Decay of the averaged weights that are validated and saved; 0: they are the last ones."""
    init: str = ""
    """Weights (.safetensors) of the same network to start from, instead of ImageNet's or Kaiming's."""
    seed: int = 0
    validate_every: int = 400
    """Steps from one validation to the next; 0: an epoch."""
    set_weights: tuple[tuple[str, float], ...] = ()
    """How often a picture of a set is drawn relative to the others; 1 where not named."""

    def __post_init__(self) -> None:
        for key, (least, most) in _RANGES.items():
            value = getattr(self, key)
            if not least <= value <= most:
                raise OptionError(f"{key} must lie in {least}..{most:.20g}, found {value}.")
        for key, choices in _CHOICES.items():
            if getattr(self, key) not in choices:
                raise OptionError(f"{key} must be {' or '.join(choices)}, found {getattr(self, key)!r}.")
        _check_sizes((*self.sizes, self.final_size), drawn=len(self.sizes))
        _check_weights(self.set_weights)
        self._check_together()

    def resolved(self, pictures_with_polyp: int) -> Self:
        """The same with steps in place of epochs, and `validate_every` above 0.

        An epoch is what it takes to draw as many pictures with a polyp as there are.
        """
        epoch = max(1, math.ceil(pictures_with_polyp / (self.batch - self.negatives_per_batch)))
        steps = self.steps or max(1, round(self.epochs * epoch))
        return replace(self, steps=steps, epochs=0.0, validate_every=self.validate_every or epoch)

    def _check_together(self) -> None:
        if bool(self.steps) == bool(self.epochs):
            raise OptionError(
                f"A recipe says either steps or epochs, above 0; found steps = {self.steps} and "
                f"epochs = {self.epochs:g}."
            )
        if self.warmup == "paper" and self.warmup_from > min(self.rate, self.encoder_rate):
            raise OptionError(
                f"warmup_from must not lie above rate and encoder_rate, {self.rate:g} and "
                f"{self.encoder_rate:g}; found {self.warmup_from:g}."
            )
        if not 0 <= self.negatives_per_batch < self.batch:
            raise OptionError(
                f"negatives_per_batch must lie in 0..batch - 1 = {self.batch - 1}, "
                f"found {self.negatives_per_batch}."
            )


_MOST_STEPS: Final = 1e9
_LARGEST: Final = 4096
"""Pictures in a batch, and pixels of a side: what no machine has the memory for is most often a slip."""

_RANGES: Final[dict[str, tuple[float, float]]] = {
    "final_share": (0, 1),
    "batch": (1, _LARGEST),
    "steps": (0, _MOST_STEPS),
    "epochs": (0, 1e6),
    "warmup_from": (0, 100),
    "decay_power": (0, 100),
    "boundary_weight": (0, 1000),
    "deep_supervision": (0, 1000),
    "warmup_steps": (0, _MOST_STEPS),
    "rate": (0, 100),
    "encoder_rate": (0, 100),
    "weight_decay": (0, 100),
    "gradient_clip": (0, 1e9),
    "bce_share": (0, 1),
    "negative_weight": (0, 1000),
    "ema": (0, 1),
    "seed": (0, 2**32 - 1),
    "validate_every": (0, _MOST_STEPS),
}

_WEIGHTS: Final = (1e-6, 1e6)
"""Of a set, unless it is 0."""

_CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "optimizer": ("adamw", "adam"),
    "warmup": ("linear", "paper"),
    "augmentation": ("endoscopy", "paper"),
    "precision": ("float32", "mixed"),
}


def _check_sizes(sizes: tuple[int, ...], *, drawn: int) -> None:
    if not drawn:
        raise OptionError("sizes must name at least one input size, found none.")
    for size in sizes:
        if size % 32 or not 0 < size <= _LARGEST:
            raise OptionError(
                f"Input sizes (sizes, final_size) must be multiples of 32, {_LARGEST} at most; found {size}."
            )


def _check_weights(weights: tuple[tuple[str, float], ...]) -> None:
    for name, weight in weights:
        if weight != 0 and not _WEIGHTS[0] <= weight <= _WEIGHTS[1]:
            raise OptionError(
                f"set_weights must be 0 or in {_WEIGHTS[0]:g}..{_WEIGHTS[1]:g}, found {weight} for {name}."
            )
