"""What scenarios are made of, text in the margins, and how both are asked for and written down."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scr_live.errors import OptionError
from scr_live.frames import Quality
from scr_live.phantom import lens
from scr_live.phantom.scenarios import SCENARIOS, Conditions, value_at
from scr_live.phantom.veils import is_blind, judge
from scr_live.sources.phantom import PhantomOptions, PhantomSource, parse_phantom, render


@pytest.mark.parametrize(
    ("conditions", "quality", "nothing_seen"),
    [
        (Conditions(), Quality.GOOD, False),
        (Conditions(stops=3.0), Quality.BRIGHT, False),
        (Conditions(stops=5.0), Quality.BRIGHT, True),
        (Conditions(stops=-4.0), Quality.DARK, False),
        (Conditions(stops=-8.0), Quality.DARK, True),
        (Conditions(smear=0.03), Quality.GOOD, False),
        (Conditions(smear=0.3), Quality.BLURRED, True),
        (Conditions(outside=0.2), Quality.BLURRED, True),
        (Conditions(outside=0.9), Quality.OUTSIDE, True),
    ],
)
def test_a_bad_picture_may_still_show_something(conditions, quality, nothing_seen):
    assert judge(conditions, np.zeros((32, 40), np.bool_)) is quality
    assert is_blind(conditions) == nothing_seen


def test_half_a_field_of_bubbles_is_covered():
    covered = np.zeros((32, 40), np.bool_)
    covered[:20] = True
    assert judge(Conditions(bubbles=0.5), covered) is Quality.COVERED


def test_courses_ease_from_key_to_key():
    course = ((1.0, 0.0), (2.0, 4.0), (3.0, 4.0))
    assert [value_at(course, second) for second in (0, 1, 1.5, 2, 2.5, 9)] == [0, 0, 2, 4, 4, 4]


def test_courses_are_of_conditions_within_the_stop():
    for scenario in SCENARIOS.values():
        for name, course in scenario.courses.items():
            usual = getattr(Conditions(), name)
            assert course[0][1] == course[-1][1] == usual, "nothing jumps where the flight goes on"
            assert [second for second, _ in course] == sorted({second for second, _ in course})
            assert course[-1][0] <= scenario.stop_s


def test_patient_text_fills_margins_and_corners_and_leaves_the_field_alone():
    plain = PhantomOptions(width=640, height=512, polyps=0)
    image, written = (render(replace(plain, has_patient_text=has), 5)[0].astype(int) for has in (False, True))
    changed = np.abs(written - image).max(axis=2) > 60
    assert not changed[lens.octagon(640, 512) > 0].any()
    cx, cy, half_width, half_height = lens.field_box(640, 512)
    cut = int(lens.CORNER * half_height)
    left, right, top, bottom = (
        round(v) for v in (cx - half_width, cx + half_width, cy - half_height, cy + half_height)
    )
    for rows in (slice(top, top + cut), slice(bottom - cut, bottom)):
        for columns in (slice(left, left + cut), slice(right - cut, right)):
            assert changed[rows, columns].sum() > 40
    assert changed[:, :left].sum() > 150


def test_scenario_and_margins_are_read():
    options = parse_phantom("phantom:scenario=pan,margins=text,seed=3")
    assert options == PhantomOptions(seed=3, scenario="pan", has_patient_text=True)
    assert not parse_phantom("phantom:margins=plain").has_patient_text


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("phantom:scenario=flood", "no scenario 'flood'. Choose one of: pan, occlusion"),
        ("phantom:scenario=", "no scenario ''"),
        ("phantom:scenario=two,polyps=0", "needs polyps"),
        ("phantom:polyps=0,scenario=reentry", "needs polyps"),
        ("phantom:margins=wide", "plain or text"),
    ],
)
def test_a_wrong_scenario_is_refused(spec, says):
    with pytest.raises(OptionError, match=says):
        parse_phantom(spec)


def test_the_truth_is_written_as_boxes(tmp_path):
    script = Path(__file__).parents[2] / "scripts" / "make_truth.py"
    spec, out = "phantom:scenario=two,size=96x80,duration=2,fps=5,seed=1", tmp_path / "truth.json"
    subprocess.run([sys.executable, script, spec, "--out", out], check=True, timeout=120)
    written = json.loads(out.read_text())
    source = PhantomSource(parse_phantom(spec))
    assert (written["width"], written["height"], written["fps"], len(written["frames"])) == (96, 80, 5, 10)
    x, y, width, height = source.truth(8).polyps[0].box
    first = {"bbox": [x, y, x + width, y + height], "id": source.truth(8).polyps[0].polyp_id}
    assert written["frames"][8][0] == first


def test_the_truth_of_an_endless_phantom_is_refused(tmp_path):
    script = Path(__file__).parents[2] / "scripts" / "make_truth.py"
    command = [sys.executable, script, "phantom:duration=endless", "--out", tmp_path / "truth.json"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert "Give duration in seconds" in done.stderr
    assert "Traceback" not in done.stderr
