"""Equation 8: lambda * BCE + (1 - lambda) * Dice; weight decay stands for its L2 term."""

import torch
from torch import Tensor
from torch.nn import functional

HARD_SHARE = 0.05
"""Share of the pixels of a polyp-free picture that its loss looks at: those most wrong."""


def segmentation_loss(
    logits: Tensor,
    target: Tensor,
    *,
    bce_share: float = 0.4,
    negative_weight: float = 1.0,
    boundary_weight: float = 0.0,
) -> Tensor:
    """logits, target: (b, 1, h, w), target 0 or 1. Returns a scalar.

    boundary_weight: how much more a pixel on a border counts than one far from it, where a polyp is.
    A picture without a polyp has no Dice (on an empty mask it punishes a faint pixel like a missed polyp).
    Its BCE is taken over its worst pixels: a false mark is small, and an average over the picture hides it.
    """
    bce = functional.binary_cross_entropy_with_logits(logits, target, reduction="none").flatten(1)
    empty = target.flatten(1).sum(1) == 0
    weight = border_weights(target, boundary_weight).flatten(1) if boundary_weight else torch.ones_like(bce)
    entropy = (weight * bce).sum(1) / weight.sum(1)
    losses = bce_share * entropy + (1 - bce_share) * soft_dice_loss(logits, target, weight=weight)
    worst = bce.topk(max(1, int(HARD_SHARE * bce.shape[1])), dim=1).values.mean(1)
    return torch.where(empty, negative_weight * worst, losses).mean()


def soft_dice_loss(
    logits: Tensor, target: Tensor, *, weight: Tensor | None = None, smooth: float = 1.0
) -> Tensor:
    """1 - Dice of the probabilities, one value a picture: (b,). weight: of each pixel, (b, h * w)."""
    probability = torch.sigmoid(logits).flatten(1)
    truth = target.flatten(1)
    if weight is not None:
        probability, truth = probability * weight, truth * weight
    overlap = (probability * target.flatten(1)).sum(1)
    return 1 - (2 * overlap + smooth) / (probability.sum(1) + truth.sum(1) + smooth)


def border_weights(target: Tensor, strength: float) -> Tensor:
    """1 + strength * |local mean - target|, after Wei et al. 2020 (F3Net). Same shape as target.

    The window is an eleventh of the picture: 31 of 352 pixels, as there.
    """
    reach = target.shape[-1] // 22
    mean = target
    for kernel, padding in (((1, 2 * reach + 1), (0, reach)), ((2 * reach + 1, 1), (reach, 0))):
        mean = functional.avg_pool2d(mean, kernel, stride=1, padding=padding, count_include_pad=False)
    return 1 + strength * (mean - target).abs()
