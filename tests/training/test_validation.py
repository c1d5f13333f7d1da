import math

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch, of the extra `train`")

import torch
from training_fakes import PLAIN, SAMPLES, SIDE, drawn

from scr_live.network.scr_net import ScrNet
from scr_live.training.events import FalseMarks, SetScores, Validation
from scr_live.training.validation import is_marked, validate

torch.set_num_threads(1)


def constant_network(logit):
    """Answers the same everywhere."""
    network = ScrNet(PLAIN)
    with torch.no_grad():
        for side in network.side:
            side.weight.zero_()
            side.bias.zero_()
        network.side[0].bias.fill_(logit)
    return network


def test_marking_everything_scores_the_share_that_is_polyp_and_marks_every_clean_picture():
    result, _ = validate(constant_network(5.0), SAMPLES, size=SIDE)
    share = (32 * 32) / (64 * 64)
    dice = 2 * share / (1 + share)
    for one, name in zip(result.sets, "ab", strict=True):
        assert one == SetScores(name, 1, pytest.approx(dice), pytest.approx(share), 1.0, 0.0)
    assert result.clean == (FalseMarks("clean", 1, 1.0),)
    assert result.quality == pytest.approx(dice - 0.1)


def test_marking_nothing_scores_nothing_and_marks_no_clean_picture():
    result, _ = validate(constant_network(-5.0), SAMPLES, size=SIDE)
    assert [(one.dice, one.sensitivity, one.specificity) for one in result.sets] == [(0, 0, 1), (0, 0, 1)]
    assert result.false_mark_share == 0
    assert result.quality == 0


@pytest.mark.parametrize(("logit", "marked"), [(0.01, 1.0), (-0.01, 0.0)])
def test_a_pixel_is_marked_from_one_half_on(logit, marked):
    result, _ = validate(constant_network(logit), SAMPLES, size=SIDE)
    assert (result.sets[0].sensitivity, result.false_mark_share) == (marked, marked)


@pytest.mark.parametrize(("side", "marked"), [(1, False), (2, True)])
def test_a_region_below_a_thousandth_or_so_is_no_mark(side, marked):
    found = np.zeros((64, 64), bool)  # 0.0008 of it are 3.3 pixels
    found[5 : 5 + side, 9 : 9 + side] = found[40, 40] = True
    assert is_marked(found) is marked


def test_without_clean_pictures_false_marks_are_unknown_and_cost_nothing():
    result, _ = validate(constant_network(5.0), SAMPLES[:2], size=SIDE)
    assert math.isnan(result.false_mark_share)
    assert result.quality == pytest.approx(0.4)


def test_every_set_counts_the_same_and_every_clean_picture_too():
    sets = (SetScores("large", 90, 0.9, 0.8, 1, 1), SetScores("small", 10, 0.5, 0.4, 1, 1))
    clean = (FalseMarks("many", 30, 0.1), FalseMarks("few", 10, 0.5))
    result = Validation(sets, clean)
    assert result.mean_dice == pytest.approx(0.7)
    assert result.false_mark_share == pytest.approx(0.2)
    assert result.quality == pytest.approx(0.68)


def test_pictures_are_measured_the_same_alone_and_together():
    torch.manual_seed(0)
    network = ScrNet(PLAIN)
    torch.nn.init.normal_(network.side[0].weight, std=5.0)
    samples = [drawn("a", polyp=True, seed=seed) for seed in range(6)]  # more than one pass takes
    together, kept = validate(network, samples, size=32, keep=[1, 5])
    alone = [validate(network, [sample], size=32, keep=[0]) for sample in samples]
    for figure in ("dice", "iou", "sensitivity", "specificity"):
        values = [getattr(one.sets[0], figure) for one, _ in alone]
        assert len(set(values)) > 1
        assert getattr(together.sets[0], figure) == pytest.approx(np.mean(values), abs=0.01)
    assert set(kept) == {1, 5}
    for place, probability in kept.items():
        assert probability.shape == (32, 32)
        np.testing.assert_allclose(probability, alone[place][1][0], atol=1e-4)
