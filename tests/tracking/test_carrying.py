"""Marks of an earlier frame, carried to where their content is by now."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from scenes import PLACE, SIZE, blob, frame, regions, tissue, view

from scr_live.frames import Prediction
from scr_live.geometry import Box
from scr_live.tracking import carrying
from scr_live.tracking.carrying import MarkCarrier

TISSUE = tissue()
STEPS = 8


def predicted(index, probability):
    polyps = regions(probability)
    assert polyps or not probability.any()
    return Prediction(index, polyps, probability, PLACE, 1.0, captured_at=frame(index).captured_at)


def carrier(*, longest_s=1.0):
    return MarkCarrier(longest_s=longest_s)


def shown(one, pictures, *, box=PLACE.box):
    for index, picture in enumerate(pictures):
        one.see(frame(index, picture), box)
    return one


def moving(count=STEPS + 1, *, x=4, y=-3):
    """Content that goes (-x, -y) a frame."""
    return [view(TISSUE, index * x, index * y) for index in range(count)]


def middle(polyp):
    return polyp.contour.mean(axis=0)


def overlap(contour, other):
    masks = []
    for points in (contour, other):
        mask = np.zeros((SIZE, SIZE), np.uint8)
        cv2.fillPoly(mask, [np.round(points).astype(np.int32)], 1)
        masks.append(mask.astype(bool))
    return (masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum()


def test_a_region_goes_with_its_content():
    before = predicted(0, blob(180, 160))
    carried = shown(carrier(), moving()).carry(before)
    there = regions(blob(180 - 4 * STEPS, 160 + 3 * STEPS))[0]
    assert overlap(carried.polyps[0].contour, there.contour) > 0.85
    assert overlap(before.polyps[0].contour, there.contour) < 0.4
    assert carried.polyps[0].area_px == pytest.approx(before.polyps[0].area_px, rel=0.1)


def test_all_but_place_and_area_stays_as_it_was():
    before = predicted(0, blob(180, 160))
    before = replace(before, polyps=(replace(before.polyps[0], track_id=7, age_s=2.0, announced=False),))
    after = shown(carrier(), moving()).carry(before)
    assert (after.frame_index, after.captured_at, after.placement) == (0, before.captured_at, PLACE)
    polyp = after.polyps[0]
    assert (polyp.track_id, polyp.age_s, polyp.announced, polyp.score) == (
        7,
        2.0,
        False,
        before.polyps[0].score,
    )


def test_it_makes_little_difference_whether_it_is_asked_at_each_frame_or_at_the_last():
    """At the last it takes fewer steps, of several frames each."""
    before, one, now = predicted(0, blob(180, 160)), carrier(), None
    for index, picture in enumerate(moving()):
        one.see(frame(index, picture), PLACE.box)
        now = one.carry(before)
    at_once = shown(carrier(), moving()).carry(before)
    assert np.allclose(now.polyps[0].contour, at_once.polyps[0].contour, atol=1.0)


def test_content_that_comes_nearer_takes_a_larger_mark():
    picture, before = view(TISSUE), predicted(0, blob(SIZE / 2, SIZE / 2, 40))
    nearer = [
        cv2.warpAffine(picture, cv2.getRotationMatrix2D((SIZE / 2, SIZE / 2), 0, 1.03**step), (SIZE, SIZE))
        for step in range(STEPS)
    ]
    after = shown(carrier(), nearer).carry(before)
    assert after.polyps[0].area_px / before.polyps[0].area_px == pytest.approx(
        1.03 ** (2 * (STEPS - 1)), rel=0.12
    )


def test_without_regions_nothing_is_computed(monkeypatch):
    monkeypatch.setattr(carrying, "pulled", None)  # a step would fail
    nothing = predicted(0, np.zeros((SIZE, SIZE), np.float32))
    assert shown(carrier(), moving()).carry(nothing) is nothing


def test_each_step_is_found_once(monkeypatch):
    found = []
    real = carrying.likeness
    monkeypatch.setattr(carrying, "likeness", lambda *both: found.append(1) or real(*both))
    one, before = carrier(), predicted(0, blob(180, 160))
    for index, picture in enumerate(moving()):
        one.see(frame(index, picture), PLACE.box)
        one.carry(before)
    one.carry(predicted(3, blob(170, 170)))  # another answer, along the same way
    assert len(found) == STEPS


def test_nothing_is_carried_over_a_cut():
    elsewhere = tissue(seed=5)
    one = shown(carrier(), [*moving(4), *(view(elsewhere, 2 * index) for index in range(3))])
    assert one.carry(predicted(2, blob(180, 160))) is None
    assert one.carry(predicted(3, blob(180, 160))) is None
    assert one.carry(predicted(4, blob(180, 160))).polyps


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_picture_between_is_passed_over(level):
    flat = np.full((SIZE, SIZE, 3), level, np.uint8)
    before = predicted(0, blob(180, 160))
    same = shown(carrier(), [view(TISSUE), flat, flat, view(TISSUE, 4, 0)]).carry(before)
    assert middle(same.polyps[0]) == pytest.approx(middle(before.polyps[0]) - (4, 0), abs=0.7)
    assert shown(carrier(), [view(TISSUE), flat, view(tissue(seed=5))]).carry(before) is None
    of_flat = predicted(1, blob(180, 160))
    assert shown(carrier(), [view(TISSUE), flat, view(tissue(seed=5))]).carry(of_flat) is None
    only_flat = shown(carrier(), [flat, flat, flat]).carry(before)
    assert np.array_equal(only_flat.polyps[0].contour, before.polyps[0].contour)


def test_a_region_that_shrinks_beyond_belief_is_dropped(monkeypatch):
    collapsing = -(np.stack(np.meshgrid(np.arange(88), np.arange(88)), axis=-1) - 44).astype(np.float32) * 0.5

    class Collapse:
        calc = staticmethod(lambda *_: collapsing)

    monkeypatch.setattr(carrying, "likeness", lambda *_: 1.0)
    one = shown(carrier(), moving(3))
    one._flow = Collapse()
    assert one.carry(predicted(0, blob(SIZE / 2, SIZE / 2))).polyps == ()


def test_a_region_that_leaves_the_field_is_dropped_and_none_reaches_out_of_it():
    one, before, areas = carrier(), predicted(0, blob(310, 160)), []
    for index in range(12):
        one.see(frame(index, view(TISSUE, -12 * index, 0)), PLACE.box)
        polyps = one.carry(before).polyps
        areas.append(polyps[0].area_px if polyps else 0.0)
        assert all((polyp.contour >= -0.5).all() and (polyp.contour <= SIZE - 0.5).all() for polyp in polyps)
    assert areas[0] == pytest.approx(before.polyps[0].area_px)
    assert areas[-1] == 0.0


def test_an_answer_from_before_everything_that_was_seen_has_no_place():
    one = carrier()
    for index in (3, 4, 5):
        one.see(frame(index, view(TISSUE, 4 * index, 0)), PLACE.box)
    assert one.carry(predicted(2, blob(180, 160))) is None
    assert one.carry(predicted(3, blob(180, 160))).polyps


def test_an_answer_of_a_frame_that_was_dropped_counts_for_the_one_before():
    one = carrier()
    for index in (0, 1, 3, 4):
        one.see(frame(index, view(TISSUE, 4 * index, 0)), PLACE.box)
    before = predicted(2, blob(180, 160))
    assert middle(one.carry(before).polyps[0]) == pytest.approx(middle(before.polyps[0]) - (12, 0), abs=1.0)


def test_a_cut_beside_a_dropped_frame_is_seen():
    one = shown(carrier(), moving(2))
    one.see(frame(3, view(tissue(seed=5))), PLACE.box)
    assert one.carry(predicted(2, blob(180, 160))) is None


def test_what_lies_before_the_history_has_no_place():
    one, before = carrier(longest_s=0.2), predicted(0, blob(180, 160))
    one.see(frame(0, view(TISSUE)), PLACE.box)
    assert one.carry(before).polyps
    for index in range(1, 10):
        one.see(frame(index, view(TISSUE, index, 0)), PLACE.box)
    assert one.carry(before) is None


def test_a_first_mark_takes_few_steps_and_is_in_its_place_all_the_same(monkeypatch):
    found, real = [], carrying.likeness
    monkeypatch.setattr(carrying, "likeness", lambda *both: found.append(1) or real(*both))
    before, one = predicted(0, blob(180, 160)), shown(carrier(), moving(21, x=2, y=-1))
    at_once = one.carry(before)
    assert len(found) == carrying.MOST_NEW_STEPS
    assert middle(at_once.polyps[0]) == pytest.approx(middle(before.polyps[0]) - (40, -20), abs=2.0)
    one.see(frame(21, view(TISSUE, 42, -21)), PLACE.box)
    after = one.carry(before)
    assert len(found) == carrying.MOST_NEW_STEPS + 1
    assert middle(after.polyps[0]) == pytest.approx(middle(before.polyps[0]) - (42, -21), abs=2.0)


def test_large_steps_that_lead_past_a_frame_are_not_known_for_it(monkeypatch):
    found, real = [], carrying.likeness
    monkeypatch.setattr(carrying, "likeness", lambda *both: found.append(1) or real(*both))
    one = shown(carrier(), moving(8, x=2, y=-1))
    one.carry(predicted(0, blob(180, 160)))
    found.clear()
    assert one.carry(predicted(1, blob(178, 161))).polyps
    assert len(found) <= carrying.MOST_NEW_STEPS


def test_another_place_of_the_field_ends_it():
    one = shown(carrier(), moving())
    one.see(frame(STEPS + 1, view(TISSUE)), Box(10, 0, SIZE - 10, SIZE))
    assert one.carry(predicted(2, blob(180, 160))) is None


def test_what_is_kept_is_bounded_in_time_and_number():
    one = shown(carrier(longest_s=0.2), moving(30, x=1, y=0))
    assert len(one._glances) == 6  # 0.2 s of 25 a second, and the frame itself
    one = shown(carrier(longest_s=1e9), [view(TISSUE)] * (carrying.LONGEST_HISTORY + 9))
    assert len(one._glances) == carrying.LONGEST_HISTORY


def test_the_field_in_a_larger_picture():
    box = Box(40, 20, SIZE, SIZE)
    place = replace(PLACE, box=box)
    pictures = [cv2.copyMakeBorder(one, 20, 12, 40, 30, cv2.BORDER_CONSTANT) for one in moving()]
    at_home = predicted(0, blob(180, 160))
    shifted = replace(at_home.polyps[0], contour=at_home.polyps[0].contour + np.float32((40, 20)))
    after = shown(carrier(), pictures, box=box).carry(replace(at_home, polyps=(shifted,), placement=place))
    expected = middle(shifted) + np.array((-4, 3)) * STEPS
    assert middle(after.polyps[0]) == pytest.approx(expected, abs=1.5)
