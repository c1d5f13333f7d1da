"""Equation 8: lambda * BCE + (1 - lambda) * Dice; weight decay stands for its L2 term."""

import torch
from torch import Tensor
from torch.nn import functional

HARD_SHARE = 0.05
"""Share of the pixels of a polyp-free picture that its loss looks at: those most wrong."""


def segmentation_loss(
    logits: Tensor, target: Tensor, *, bce_share: float = 0.4, negative_weight: float = 1.0
) -> Tensor:
    """logits, target: (b, 1, h, w), target 0 or 1. Returns a scalar.

    A picture without a polyp has no Dice (on an empty mask it punishes a faint pixel like a missed polyp).
    Its BCE is taken over its worst pixels: a false mark is small, and an average over the picture hides it.
    """
    bce = functional.binary_cross_entropy_with_logits(logits, target, reduction="none").flatten(1)
    empty = target.flatten(1).sum(1) == 0
    losses = bce_share * bce.mean(1) + (1 - bce_share) * soft_dice_loss(logits, target)
    worst = bce.topk(max(1, int(HARD_SHARE * bce.shape[1])), dim=1).values.mean(1)
    return torch.where(empty, negative_weight * worst, losses).mean()


def soft_dice_loss(logits: Tensor, target: Tensor, *, smooth: float = 1.0) -> Tensor:
    """1 - Dice of the probabilities, one value a picture: (b,)."""
    probability = torch.sigmoid(logits).flatten(1)
    truth = target.flatten(1)
    overlap = (probability * truth).sum(1)
    return 1 - (2 * overlap + smooth) / (probability.sum(1) + truth.sum(1) + smooth)
