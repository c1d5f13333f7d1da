"""Equation 8 on cases worked out by hand, and against float64 loops. Tolerance: float32 rounding."""

import math

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch, of the extra `train`")

import torch

from scr_live.training.loss import HARD_SHARE, border_weights, segmentation_loss, soft_dice_loss

torch.set_num_threads(1)


def logit(probability):
    return math.log(probability / (1 - probability))


def maps(*pictures):
    return torch.tensor(pictures, dtype=torch.float32)[:, None]


def reference_loss(logits, target, *, bce_share, negative_weight):
    """Pixel by pixel in float64."""
    losses = []
    for values, truth in zip(logits, target, strict=True):
        probability = [1 / (1 + math.exp(-value)) for value in values.ravel()]
        entropy = [-math.log(p if t else 1 - p) for p, t in zip(probability, truth.ravel(), strict=True)]
        if not truth.any():
            count = max(1, int(HARD_SHARE * len(entropy)))
            losses.append(negative_weight * np.mean(sorted(entropy)[-count:]))
            continue
        overlap = sum(p for p, t in zip(probability, truth.ravel(), strict=True) if t)
        dice = 1 - (2 * overlap + 1) / (sum(probability) + truth.sum() + 1)
        losses.append(bce_share * np.mean(entropy) + (1 - bce_share) * dice)
    return float(np.mean(losses))


def test_an_undecided_answer_costs_one_bit_and_half_the_overlap():
    """p = 0.5 on 4 pixels, 2 of them polyp: BCE = ln 2; Dice = (2 * 1 + 1) / (2 + 2 + 1) = 0.6."""
    logits, target = maps([[0.0, 0.0], [0.0, 0.0]]), maps([[1.0, 1.0], [0.0, 0.0]])
    loss = segmentation_loss(logits, target, bce_share=0.4)
    assert soft_dice_loss(logits, target).tolist() == [pytest.approx(0.4)]
    assert loss.item() == pytest.approx(0.4 * math.log(2) + 0.6 * 0.4)


@pytest.mark.parametrize(
    ("bce_share", "expected"), [(1.0, math.log(2)), (0.0, 0.4), (0.5, 0.5 * math.log(2) + 0.2)]
)
def test_lambda_shares_out_cross_entropy_and_dice(bce_share, expected):
    logits, target = maps([[0.0, 0.0], [0.0, 0.0]]), maps([[1.0, 1.0], [0.0, 0.0]])
    assert segmentation_loss(logits, target, bce_share=bce_share).item() == pytest.approx(expected)


def test_a_right_answer_costs_nothing_and_a_wrong_one_much():
    target = maps([[1.0, 1.0], [0.0, 0.0]])
    right = torch.where(target > 0, 30.0, -30.0)
    assert segmentation_loss(right, target).item() == pytest.approx(0, abs=1e-6)
    # Wrong everywhere: BCE = 30; Dice = 1 - 1 / (2 + 2 + 1)
    assert segmentation_loss(-right, target).item() == pytest.approx(0.4 * 30 + 0.6 * 0.8, rel=1e-5)


def test_a_picture_without_polyp_is_judged_by_its_worst_pixels_alone():
    """40 pixels, so the 2 worst: p = 0.9 and 0.8, whatever the other 38 say."""
    worst = (-math.log(0.1) - math.log(0.2)) / 2
    for rest in (0.5, 0.01):
        values = [logit(0.9), logit(0.8), *[logit(rest)] * 38]
        logits = maps([values])
        assert segmentation_loss(logits, torch.zeros_like(logits)).item() == pytest.approx(worst, rel=1e-5)


def test_the_weight_of_pictures_without_polyp_touches_them_alone():
    empty, full = maps([[0.0, 0.0]]), maps([[1.0, 0.0]])
    logits = maps([[1.0, -1.0]])
    plain = [segmentation_loss(logits, target).item() for target in (empty, full)]
    weighted = [segmentation_loss(logits, target, negative_weight=3.0).item() for target in (empty, full)]
    assert weighted == pytest.approx([3 * plain[0], plain[1]])


def test_a_batch_is_the_mean_of_its_pictures():
    logits, target = maps([[2.0, -1.0]], [[0.5, 0.1]]), maps([[1.0, 0.0]], [[0.0, 0.0]])
    single = [segmentation_loss(logits[i : i + 1], target[i : i + 1]).item() for i in range(2)]
    assert segmentation_loss(logits, target).item() == pytest.approx(sum(single) / 2)


def test_random_batches_match_the_reference(rng):
    logits = 3 * rng.standard_normal((3, 1, 7, 9))
    target = (rng.random((3, 1, 7, 9)) < 0.3).astype(float)
    target[1] = 0
    loss = segmentation_loss(
        torch.from_numpy(logits).float(), torch.from_numpy(target).float(), bce_share=0.3, negative_weight=0.7
    )
    expected = reference_loss(logits, target, bce_share=0.3, negative_weight=0.7)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_confident_mistakes_have_a_finite_gradient():
    logits = maps([[1e4, -1e4]], [[1e4, -1e4]]).requires_grad_()
    segmentation_loss(logits, maps([[0.0, 1.0]], [[0.0, 0.0]])).backward()
    assert logits.grad.isfinite().all()


def test_border_weights_rise_towards_the_border_alone():
    """A window of 3 pixels over 0 0 0 1 1 1 ...: at the border the local mean is 1/3 off."""
    target = torch.zeros(1, 1, 22, 22)
    target[..., 11:] = 1.0
    row = border_weights(target, 6.0)[0, 0, 5]
    assert row.tolist() == pytest.approx([1.0] * 10 + [3.0, 3.0] + [1.0] * 10)


def test_the_picture_edge_is_no_border():
    assert border_weights(torch.ones(1, 1, 44, 44), 5.0).tolist() == torch.ones(1, 1, 44, 44).tolist()


def test_a_mistake_at_the_border_costs_more_than_one_inside():
    target = torch.zeros(1, 1, 22, 22)
    target[..., 11:] = 1.0

    def cost(column, weight):
        logits = torch.where(target > 0, 30.0, -30.0)
        logits[0, 0, 5, column] *= -1
        return segmentation_loss(logits, target, boundary_weight=weight).item()

    assert cost(11, 5.0) > 2 * cost(20, 5.0)
    assert cost(11, 0.0) == pytest.approx(cost(20, 0.0))


def test_the_weighted_loss_of_one_row_by_hand():
    """22 equal rows, p = 0.5: every pixel costs ln 2, so the weights cancel there. Dice: 10 columns weigh 1
    and one weighs 2 on either side, 22 * 12 = 264 a side: 1 - (264 + 1) / (264 + 264 + 1).
    """
    target = torch.zeros(1, 1, 22, 22)
    target[..., 11:] = 1.0
    loss = segmentation_loss(torch.zeros_like(target), target, boundary_weight=3.0)
    assert loss.item() == pytest.approx(0.4 * math.log(2) + 0.6 * (1 - 265 / 529))
