import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from scr_live.evaluation.metrics import Confusion, Score, auroc, confusion, score

MASKS = array_shapes(min_dims=2, max_dims=2, max_side=6).flatmap(
    lambda shape: st.tuples(arrays(bool, shape), arrays(bool, shape))
)


def mask(rows):
    return np.array([[pixel == "#" for pixel in row] for row in rows])


def test_a_case_counted_by_hand():
    predicted, truth = mask(["##..", "##.."]), mask([".##.", ".##."])
    counts = confusion(predicted, truth)
    assert counts == Confusion(true_positive=2, false_positive=2, false_negative=2, true_negative=2)
    assert score(counts) == Score(dice=0.5, iou=pytest.approx(1 / 3), sensitivity=0.5, specificity=0.5)


@pytest.mark.parametrize(
    ("predicted", "truth", "wanted"),
    [
        (["...."], ["...."], Score(1, 1, 1, 1)),
        (["#..."], ["...."], Score(0, 0, 0, 0.75)),
        (["...."], ["#..."], Score(0, 0, 0, 1)),
        (["####"], ["####"], Score(1, 1, 1, 1)),
        (["...."], ["####"], Score(0, 0, 0, 1)),
        (["####"], ["...."], Score(0, 0, 0, 0)),
    ],
)
def test_empty_and_full_masks(predicted, truth, wanted):
    assert score(confusion(mask(predicted), mask(truth))) == wanted


def test_masks_of_two_shapes_are_a_mistake():
    with pytest.raises(ValueError, match=r"\(1, 4\) and \(4, 1\)"):
        confusion(np.zeros((1, 4), bool), np.zeros((4, 1), bool))


@given(MASKS)
def test_counts_add_up_and_scores_stay_in_bounds(masks):
    predicted, truth = masks
    counts = confusion(predicted, truth)
    values = (counts.true_positive, counts.false_positive, counts.false_negative, counts.true_negative)
    assert sum(values) == truth.size
    assert min(values) >= 0
    result = score(counts)
    assert 0 <= result.iou <= result.dice <= 1
    assert 0 <= result.sensitivity <= 1
    assert 0 <= result.specificity <= 1
    assert result.dice == pytest.approx(2 * result.iou / (1 + result.iou))


@given(MASKS)
def test_dice_and_iou_do_not_care_which_is_the_truth(masks):
    one, other = score(confusion(*masks)), score(confusion(*reversed(masks)))
    assert one.dice == other.dice
    assert one.iou == other.iou


@given(arrays(bool, (4, 5)))
def test_a_mask_agrees_with_itself(truth):
    assert score(confusion(truth, truth)) == Score(1, 1, 1, 1)


@pytest.mark.parametrize(
    ("positive", "negative", "wanted"),
    [
        ([0.9, 0.8], [0.1, 0.2], 1.0),
        ([0.1], [0.2, 0.9], 0.0),
        # Pairs: 0.8 > 0.5, 0.8 > 0.2; 0.5 = 0.5 counts half, 0.5 > 0.2: 3.5 of 4.
        ([0.8, 0.5], [0.5, 0.2], 3.5 / 4),
        # All equal: every pair counts half.
        ([0.5, 0.5], [0.5, 0.5, 0.5], 0.5),
        # 0.7 beats 0.1 and 0.6 and ties with 0.7; 0.3 beats 0.1: 2.5 + 1 of 6.
        ([0.7, 0.3], [0.1, 0.6, 0.7], 3.5 / 6),
    ],
)
def test_the_area_under_the_curve_by_hand(positive, negative, wanted):
    assert auroc(positive, negative) == pytest.approx(wanted)


def test_without_both_kinds_there_is_no_curve():
    assert auroc([0.5], []) is None
    assert auroc([], [0.5]) is None


SCORES = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=12)


@given(SCORES, SCORES)
def test_the_area_is_the_share_of_pairs_in_the_right_order(positive, negative):
    won = sum((p > n) + 0.5 * (p == n) for p in positive for n in negative)
    assert auroc(positive, negative) == pytest.approx(won / len(positive) / len(negative))
