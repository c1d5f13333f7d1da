"""The ablation's table from figures worked out by hand. Needs no torch."""

import pytest

from scr_live.evaluation.intervals import Estimate
from scr_live.evaluation.summary import Summary
from scr_live.network.config import NetworkConfig
from scr_live.training.ablation_table import VARIANTS, Measured, as_json, as_markdown
from scr_live.training.recipe import Recipe

RECIPE = Recipe(
    network=NetworkConfig(encoder="plain", width=None),
    imagenet=False,
    sizes=(448,),
    final_size=448,
    batch=8,
    negatives_per_batch=0,
    steps=880,
    seed=3,
)
FACTS = {
    "recipe": "plain",
    "sets": [
        {"set": "kvasir-seg", "split": "train", "pictures": 700, "with_polyp": 700},
        {"set": "kvasir-seg", "split": "val", "pictures": 100, "with_polyp": 100},
    ],
}


def measured(variant, *, iou=0.6, step=880, sets=("kvasir-seg",), recipe=RECIPE):
    estimates = {
        "iou": Estimate(iou, iou - 0.05, iou + 0.05),
        "dice": Estimate(0.75),
        "sensitivity": Estimate(0.8),
        "specificity": Estimate(0.98765),
        "marked_negatives": None,
    }
    entries = [Summary(name, images=100, positives=100, estimates=estimates, polyps=100) for name in sets]
    return Measured(
        variant, recipe, FACTS, parameters=951_234, step=step, best_step=440, sets=entries, iou={}
    )


def rows(text):
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"
    ]


def test_figures_stand_beside_the_papers():
    gains = {"scm-srm": {"kvasir-seg": Estimate(0.05, 0.012, 0.09)}}
    text = as_markdown([measured(VARIANTS[0]), measured(VARIANTS[3], iou=0.65)], gains)
    header, _, first, second = rows(text)
    assert header == [
        *("network", "parameters", "IoU %", "paper", "Dice %", "paper", "sensitivity %", "paper"),
        *("specificity %", "paper", "IoU over the baseline's"),
    ]
    assert first == [
        *("Baseline (FPN+PPM)", "0.951 M", "60.0 (55.0 to 65.0)", "64.96", "75.0", "-", "80.0", "84.13"),
        *("98.8", "94.98", "-"),
    ]
    assert second[:6] == ["Baseline+SCM+SRM", "0.951 M", "65.0 (60.0 to 70.0)", "70.85", "75.0", "80.78"]
    assert second[-1] == "+5.0 (+1.2 to +9.0)"


def test_the_title_says_how_little_it_was_trained():
    text = as_markdown([measured(one) for one in VARIANTS], {})
    assert "recipe plain, trained at 448 px for 10 epochs from scratch, seed 3" in text.splitlines()[0]
    assert "200 test pictures" in text
    assert "not finished" not in text
    assert "Not trained" not in text


def test_what_is_unfinished_or_missing_is_said():
    text = as_markdown([measured(VARIANTS[0]), measured(VARIANTS[1], step=176)], {})
    assert "for 2 to 10 epochs" in text
    assert "Baseline+SCM is not finished: 176 of 880 steps." in text
    assert "Not trained: Baseline+SRM, Baseline+SCM+SRM." in text


def test_a_set_the_paper_does_not_know_has_no_column_of_it():
    text = as_markdown([measured(one, sets=("own", "other")) for one in VARIANTS], {})
    assert "paper" not in text
    assert [line for line in text.splitlines() if line.endswith("100 pictures")] == [
        "own, 100 pictures",
        "other, 100 pictures",
    ]


def test_as_json_holds_plain_numbers_from_0_to_1():
    gains = {"scm": {"kvasir-seg": Estimate(-0.01, -0.03, 0.01)}}
    report = as_json([measured(VARIANTS[0]), measured(VARIANTS[1])], gains)
    baseline, scm = report["variants"]
    assert (scm["scm"], scm["srm"], scm["epochs"], scm["best_step"]) == (True, False, 10.0, 440)
    assert scm["paper"] == {"iou": 0.6848, "sensitivity": 0.8725, "specificity": 0.9689}
    assert scm["sets"][0]["iou_gain"] == {"value": -0.01, "interval": [-0.03, 0.01]}
    assert baseline["sets"][0]["iou_gain"] is None
    assert scm["sets"][0]["specificity"] == pytest.approx(0.98765)
    assert scm["sets"][0]["intervals"]["iou"] == pytest.approx([0.55, 0.65])
    assert (scm["sets"][0]["intervals"]["dice"], scm["sets"][0]["marked_negatives"]) == (None, None)


def test_the_table_is_the_papers():
    assert [(one.scm, one.srm) for one in VARIANTS] == [
        (False, False),
        (True, False),
        (False, True),
        (True, True),
    ]
    assert [one.paper["iou"] for one in VARIANTS] == [64.96, 68.48, 67.43, 70.85]
