"""Figures on arrays made by hand. Needs no torch."""

import math

import numpy as np
import pytest

from scr_live.convert.parity import TOLERANCE, Parity, Tolerance, compare


def maps(*rows):
    return [np.array([row], np.float32) for row in rows]


def test_equal_maps_differ_in_nothing():
    assert compare(maps([0.25, 0.75]), maps([0.25, 0.75])) == Parity(1, 0.0, 0.0, 0.0)


def test_errors_are_over_all_pictures():
    parity = compare(maps([0.5, 0.25], [0.75, 0.0]), maps([0.5, 0.5], [0.25, 0.0]))
    assert parity.images == 2
    assert parity.max_error == 0.5
    assert parity.mean_error == 0.75 / 4
    assert parity.flipped_share == 2 / 4  # 0.25 -> 0.5 and 0.75 -> 0.25; 0.5 itself counts as polyp


def test_the_worst_picture_counts_whichever_it_is():
    good, bad = maps([0.5, 0.5]), maps([0.5, 1.0])
    assert compare(good * 3, [*good, *bad, *good]).max_error == 0.5


def test_a_nan_makes_the_errors_nan():
    parity = compare(maps([0.5, 0.5], [0.5, 0.5]), maps([0.5, 0.5], [math.nan, 0.5]))
    assert math.isnan(parity.max_error)
    assert math.isnan(parity.mean_error)
    assert not parity.max_error <= 1.0  # so that no limit lets it pass


@pytest.mark.parametrize(
    ("reference", "other"),
    [([], []), (maps([0.5]), maps([0.5], [0.5])), (maps([0.5, 0.5]), maps([0.5]))],
    ids=["none", "another number", "another shape"],
)
def test_what_cannot_be_compared_is_refused(reference, other):
    with pytest.raises(ValueError, match=r"at least one picture|shorter|longer|shape"):
        compare(reference, other)


def test_the_figures_go_into_the_manifest_by_name():
    assert Parity(2, 0.1, 0.05, 0.0).as_dict() == {
        "images": 2,
        "max_error": 0.1,
        "mean_error": 0.05,
        "flipped_share": 0.0,
    }


def test_a_tolerance_names_what_is_beyond_it_and_lets_the_rest_pass():
    parity = Parity(images=1, max_error=0.2, mean_error=0.001, flipped_share=0.01)
    assert Tolerance(mean_error=0.001, flipped_share=0.01).breach(parity) == ""
    assert Tolerance().breach(parity) == ""
    breach = Tolerance(max_error=0.1, mean_error=0.01, flipped_share=0.005).breach(parity)
    assert breach == (
        "largest difference of the probability 0.2, allowed 0.1; share of pixels that change sides 0.01, "
        "allowed 0.005"
    )


def test_dice_counts_against_the_reference_s_and_stands_beside_it():
    parity = Parity(2, 0.1, 0.05, 0.0, dice=0.8, reference_dice=0.81)
    assert parity.dice_loss == pytest.approx(0.01)
    assert parity.as_dict()["dice"] == 0.8
    assert parity.as_dict()["reference_dice"] == 0.81
    assert Tolerance(dice_loss=0.005).breach(parity) == "loss of Dice 0.01, allowed 0.005"
    assert Tolerance(dice_loss=0.02).breach(parity) == ""
    assert Parity(2, 0.1, 0.05, 0.0).dice_loss == 0.0


def test_a_gain_of_dice_is_no_breach():
    assert Tolerance(dice_loss=0.001).breach(Parity(1, 0.0, 0.0, 0.0, dice=0.9, reference_dice=0.8)) == ""


def test_a_tolerance_says_what_it_limits():
    assert str(Tolerance(mean_error=0.001, dice_loss=0.005)) == "mean 0.001, Dice loss 0.005"


def test_coarser_arithmetic_is_allowed_no_less():
    for coarse, fine in (("int8", "bf16"), ("bf16", "fp16")):
        assert TOLERANCE[coarse].mean_error > TOLERANCE[fine].mean_error
        assert TOLERANCE[coarse].dice_loss >= TOLERANCE[fine].dice_loss >= TOLERANCE["fp32"].dice_loss


@pytest.mark.parametrize("name", ["max_error", "mean_error", "flipped_share"])
def test_no_tolerance_allows_nan(name):
    figures = {"max_error": 0.0, "mean_error": 0.0, "flipped_share": 0.0, name: float("nan")}
    assert "nan" in Tolerance(1.0, 1.0, 1.0).breach(Parity(images=1, **figures))
