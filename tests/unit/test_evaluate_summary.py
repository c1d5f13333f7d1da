"""What pictures add up to, counted by hand."""

from pathlib import Path

import numpy as np
import pytest

from scr_live.evaluation.image_sets import Entry
from scr_live.evaluation.images import ImageResult
from scr_live.evaluation.marks import TruePolyp
from scr_live.evaluation.metrics import Confusion
from scr_live.evaluation.sheet import WorstCases, worst_cases
from scr_live.evaluation.summary import by_source, summarize, summarize_set
from scr_live.evaluation.sweep import STEPS, SweepPoint, recommend, thresholds_with

FIELD_PX = 100


def picture(  # noqa: PLR0913 - a picture has that many sides, all optional
    name="a.png", counts=(0, 0, 0, 100), *, marked=None, highest=0.0, polyps=None, false_marks=0, sweep=()
):
    """A picture of 100 pixels, all of them field."""
    counts = Confusion(*counts)
    marked = counts.true_positive + counts.false_positive > 0 if marked is None else marked
    share = (counts.true_positive + counts.false_negative) / FIELD_PX
    own = (TruePolyp(share, hit=counts.true_positive > 0),) if share else ()
    return ImageResult(
        entry=Entry("set", Path("images") / name, None),
        counts=counts,
        field_px=FIELD_PX,
        polyps=own if polyps is None else polyps,
        outlines=(np.zeros((3, 2), np.float32),) if marked else (),
        false_marks=false_marks,
        highest=highest,
        reliability=np.ones((10, 4)),
        sweep=np.array(sweep, np.int64).reshape(-1, 3),
    )


# Dice 2*2/(2*2+2+2) = 0.5, IoU 2/6, sensitivity 2/4, specificity 94/96.
HALF = picture("half.png", (2, 2, 2, 94), highest=0.9)
# Dice 0, specificity 1.
MISSED = picture("missed.png", (0, 0, 10, 90), highest=0.2)
# Specificity 0.9.
FALSE = picture("false.png", (0, 10, 0, 90), highest=0.6, false_marks=2)
CLEAN = picture("clean.png", highest=0.1)
PICTURES = [HALF, MISSED, FALSE, CLEAN]


def values(summary):
    return {name: estimate and estimate.value for name, estimate in summary.estimates.items()}


def test_a_picture_without_polyp_has_no_dice_but_a_specificity():
    found = summarize("set", PICTURES, resamples=0)
    assert (found.images, found.positives, found.negatives, found.polyps) == (4, 2, 2, 2)
    assert values(found) == pytest.approx(
        {
            "dice": (0.5 + 0) / 2,
            "iou": (2 / 6 + 0) / 2,
            "sensitivity": (0.5 + 0) / 2,
            "specificity": (94 / 96 + 1 + 0.9 + 1) / 4,
            "missed_share": 1 / 2,
            "marked_negatives": 1 / 2,
            "polyps_hit": 1 / 2,
            "false_marks_per_image": 2 / 4,
        }
    )


def test_negatives_alone_have_neither_dice_nor_misses():
    found = summarize("set", [FALSE, CLEAN], resamples=0)
    none = {name for name, value in values(found).items() if value is None}
    assert none == {"dice", "iou", "sensitivity", "missed_share", "polyps_hit"}
    assert (found.negatives, values(found)["marked_negatives"]) == (2, 0.5)


def test_a_negative_counts_as_marked_by_what_a_run_would_draw():
    drawn = picture(marked=True, false_marks=0)
    assert values(summarize("set", [drawn, CLEAN], resamples=0))["marked_negatives"] == 0.5


def test_intervals_are_of_the_pictures_that_have_the_figure():
    with_interval = summarize("set", PICTURES * 20, resamples=500).estimates
    polyps_alone = summarize("set", [HALF, MISSED] * 20, resamples=500).estimates
    assert with_interval["dice"] == polyps_alone["dice"]
    assert with_interval["dice"].low < 0.25 < with_interval["dice"].high
    # Wilson for 20 of 40: (0.5 + 3.8415/80) / (1 + 3.8415/40) = 0.5, reach 0.148.
    assert with_interval["missed_share"].interval() == pytest.approx([0.352, 0.648], abs=1e-3)


def test_the_former_conventions_stand_beside_it():
    found = summarize_set("set", PICTURES, thresholds=(), resamples=0).other_conventions
    # An empty mask counts 1 if nothing is marked, else 0.
    assert found["empty_masks_count_as_1_or_0"]["dice"] == pytest.approx((0.5 + 0 + 0 + 1) / 4)
    # Summed: 2 true positive, 12 false positive, 12 false negative, 374 true negative.
    assert found["pixels_of_all_images_summed"] == pytest.approx(
        {"dice": 4 / 28, "iou": 2 / 26, "sensitivity": 2 / 14, "specificity": 374 / 386}
    )


def test_by_size_pictures_by_all_their_polyps_and_polyps_by_their_own():
    # 4 % and 10 % in one picture: a large one of 14 % together, with a small and a medium polyp.
    two = picture("two.png", (14, 0, 0, 86), polyps=(TruePolyp(0.04, hit=True), TruePolyp(0.1, hit=False)))
    small, medium, large = summarize_set("set", [HALF, two, CLEAN], thresholds=(), resamples=0).sizes
    assert [(part.name, part.images, part.polyps) for part in (small, medium, large)] == [
        ("small", 1, 2),
        ("medium", 0, 1),
        ("large", 1, 0),
    ]
    assert values(small)["dice"] == 0.5
    assert values(small)["polyps_hit"] == 1.0
    assert values(medium) == {**values(medium), "dice": None, "polyps_hit": 0.0}
    assert values(large) == {**values(large), "dice": 1.0, "polyps_hit": None}


def test_telling_polyps_by_the_highest_probability():
    # 0.9 beats 0.6 and 0.1; 0.2 beats 0.1: 3 of 4 pairs.
    assert summarize_set("set", PICTURES, thresholds=(), resamples=0).auroc == 0.75
    assert summarize_set("set", [HALF], thresholds=(), resamples=0).auroc is None


def test_the_worst_come_first_of_each_kind():
    half = picture("b.png", (2, 2, 2, 94))
    wide, narrow = picture("c.png", (0, 30, 0, 70)), picture("d.png", (0, 3, 0, 97))
    cases = worst_cases([half, narrow, CLEAN, MISSED, wide], 9)
    assert cases.lowest_dice == (MISSED, half)
    assert cases.largest_false == (wide, narrow)
    assert worst_cases([half, narrow, CLEAN, MISSED, wide], 1) == WorstCases((MISSED,), (wide,))


# --- sources --------------------------------------------------------------------------------------------


def named(*names):
    return [picture(f"{name}.jpg") for name in names]


def test_sources_are_the_names_before_the_first_underscore():
    parts = by_source(named("b-1_1", "a_1_2", "b-1_3", "a_4"))
    assert {source: [result.entry.image.stem for result in part] for source, part in parts.items()} == {
        "a": ["a_1_2", "a_4"],
        "b-1": ["b-1_1", "b-1_3"],
    }


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["a_1", "a_2", "a_3"],
        ["a_1", "a_2", "b_1", "plain"],
        ["a_1", "a_2", "10_1", "10_2"],
        ["a_1", "a_2", "b_", "b_2"],
        ["a_1", "b_1", "c_1"],
        [f"{letter}{number}_{i}" for letter in "abc" for number in range(7) for i in range(2)],
    ],
    ids=["none", "one source", "no underscore", "a number", "nothing after it", "a picture each", "21"],
)
def test_other_names_tell_no_source(names):
    assert by_source(named(*names)) == {}


def test_twenty_sources_are_told():
    assert len(by_source(named(*(f"s{number}_{i}" for number in range(20) for i in range(2))))) == 20


# --- sweep ----------------------------------------------------------------------------------------------


def test_the_steps_and_the_chosen_threshold():
    assert STEPS[0] == 0.05
    assert STEPS[-1] == 0.95
    assert len(STEPS) == 19
    assert thresholds_with(0.5) == STEPS
    assert thresholds_with(0.42)[8:10] == (0.42, 0.45)
    assert STEPS[2] == 0.15  # and not 0.15000000000000002


def test_points_by_hand():
    # At the first threshold 4 pixels of the polyp of 4 and 4 others are marked, at the second nothing is.
    polyp = picture("p.png", (4, 0, 0, 96), sweep=[(4, 4, 1), (0, 0, 0)])
    clean = picture("c.png", sweep=[(0, 50, 1), (0, 0, 0)])
    first, second = summarize_set("set", [polyp, clean], thresholds=(0.1, 0.9), resamples=0).sweep
    assert first == SweepPoint(
        threshold=0.1,
        dice=pytest.approx(8 / 12),
        iou=0.5,
        sensitivity=1.0,
        specificity=pytest.approx((92 / 96 + 0.5) / 2),
        missed_share=0.0,
        marked_negatives=1.0,
    )
    assert (second.dice, second.specificity, second.missed_share, second.marked_negatives) == (0, 1, 1, 0)


def point(threshold, dice, marked_negatives):
    return SweepPoint(threshold, dice, 0.5, 0.5, 0.5, 0.0, marked_negatives)


def test_the_recommended_threshold_weighs_dice_and_false_marks():
    # 0.90 - 0.2 * 0.10 = 0.880; 0.895 - 0.2 * 0.05 = 0.885; 0.88 - 0.2 * 0 = 0.880.
    best = recommend([point(0.3, 0.90, 0.10), point(0.5, 0.895, 0.05), point(0.7, 0.88, 0.0)])
    assert (best.threshold, best.value) == (0.5, pytest.approx(0.885))
    assert "0.2 x" in best.rule


def test_of_two_equal_thresholds_the_higher_marks_less():
    assert recommend([point(0.3, 0.9, 0.0), point(0.4, 0.9, 0.0), point(0.5, 0.8, 0.0)]).threshold == 0.4


def test_without_negatives_dice_decides_and_the_rule_says_so():
    best = recommend([point(0.3, 0.90, None), point(0.5, 0.8, None)])
    assert best.threshold == 0.3
    assert "no pictures without a polyp" in best.rule


def test_without_polyps_nothing_is_recommended():
    assert recommend([point(0.3, None, 0.1)]) is None
    assert recommend([]) is None
