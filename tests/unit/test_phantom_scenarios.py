"""Each scenario of the phantom shows what its name says, and its truth admits what can no longer be seen."""

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest

from scr_live.frames import Quality
from scr_live.phantom import direct, lens
from scr_live.phantom.flight import LAP_S
from scr_live.phantom.render import _colon, _displayed, scene, stage, truth
from scr_live.phantom.scenarios import SCENARIOS
from scr_live.phantom.veils import hidden
from scr_live.sources.phantom import PhantomOptions, parse_phantom, render

TINY = PhantomOptions(width=128, height=104, seed=1, duration_s=None)
FIELD = lens.octagon(TINY.width, TINY.height) == 1
TOURS = [name for name, scenario in SCENARIOS.items() if scenario.stop_s]


class Stop:
    """The first stop of a scenario: frames by the second since the scope stopped."""

    def __init__(self, name, options=TINY):
        self.options = replace(options, scenario=name)
        first = direct.stops_of(stage(self.options).flight, SCENARIOS[name])[0]
        self.begin_s, self.polyp = first.flight_s, first.growth.polyp_id if first.growth else None

    def index(self, second):
        return round((self.begin_s + second) * self.options.fps)

    def image(self, second):
        return render(self.options, self.index(second))[0].astype(float)

    def truth(self, second):
        return truth(self.options, self.index(second))

    def truths(self, begin, end, step=1):
        return [truth(self.options, i) for i in range(self.index(begin), self.index(end), step)]

    def area(self, second):
        return area_of(self.polyp, self.truth(second))


def area_of(polyp, frame):
    return sum(p.visible_area_px for p in frame.polyps if p.polyp_id == polyp)


def sharpness(image):
    grey = cv2.cvtColor(image.astype(np.uint8), cv2.COLOR_RGB2GRAY)
    return cv2.Laplacian(grey, cv2.CV_64F)[cv2.erode(FIELD.astype(np.uint8), np.ones((9, 9))) > 0].var()


def test_equal_options_give_equal_frames():
    options = Stop("occlusion").options
    image, _ = render(options, 30)
    for cache in (scene, _displayed, _colon):
        cache.cache_clear()
    assert np.array_equal(image, render(options, 30)[0])


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_frame_and_its_truth_do_not_depend_on_what_was_rendered_before(name):
    stop = Stop(name if name in TOURS else "pan")
    options, index = replace(stop.options, scenario=name), stop.index(2.2)
    alone = truth(options, index)
    image, _ = render(options, index)
    render(options, index + 40)
    again, whole = render(options, index)
    assert np.array_equal(image, again)
    assert np.array_equal(whole.mask, alone.mask)
    for key in ("frame_index", "polyps", "quality", "is_cut"):
        assert getattr(whole, key) == getattr(alone, key)


def test_without_a_scenario_all_frames_are_good_and_nothing_is_cut():
    frames = [truth(TINY, index) for index in range(0, 100, 20)]
    assert {(frame.quality, frame.is_cut) for frame in frames} == {(Quality.GOOD, False)}


@pytest.mark.parametrize("name", [name for name in SCENARIOS if name != "cut"])
def test_the_scope_never_jumps(name):
    options = replace(TINY, scenario=name)
    flight = stage(options).flight
    shots = [direct.direct(flight, options, index) for index in range(500)]
    steps = [
        (b.pose.position[2] - a.pose.position[2] + 24) % 48 - 24
        for a, b in pairwise(shots)
        if b.index != a.index and b.index - a.index < 2  # after a freeze the picture does jump
    ]
    assert max(map(abs, steps)) < 0.12
    assert not any(shot.is_cut for shot in shots)


def test_pan_sweeps_the_view_across_the_polyp():
    stop = Stop("pan")
    frames = stop.truths(0, 5)
    assert {frame.quality for frame in frames} == {Quality.GOOD}
    seen = [area_of(stop.polyp, frame) > 0 for frame in frames]
    assert sum(a and not b for a, b in pairwise(seen)) >= 2, "it leaves the view"
    assert seen[0]
    assert seen[-1]
    middles = [[p.box[0] + p.box[2] / 2 for p in f.polyps if p.polyp_id == stop.polyp] for f in frames]
    assert min(filter(None, middles))[0] < 0.35 * TINY.width
    assert max(middles)[0] > 0.65 * TINY.width
    moves = [abs(a[0] - b[0]) for a, b in pairwise(middles) if a and b]
    assert max(moves) > 0.05 * TINY.width


def test_occlusion_hides_the_polyp_behind_a_fold_and_gives_it_back():
    stop = Stop("occlusion")
    hidden = [area_of(stop.polyp, frame) == 0 for frame in stop.truths(0, 5)]
    assert stop.area(0.5) > 100
    assert stop.area(4) > 100
    assert 0.5 <= sum(hidden) / stop.options.fps <= 2
    assert sum(b and not a for a, b in pairwise(hidden)) == 1, "it stays hidden"
    assert stop.truth(1.8).quality is Quality.GOOD


def test_two_shows_a_pair_for_seconds():
    stop = Stop("two")
    for frame in stop.truths(0, 4, step=5):
        ids = {polyp.polyp_id for polyp in frame.polyps}
        assert stop.polyp in ids
        assert len(ids) >= 2


def test_reentry_brings_the_same_polyp_back():
    stop = Stop("reentry")
    seen = [area_of(stop.polyp, frame) > 0 for frame in stop.truths(0, 6.5, step=5)]
    assert seen[0]
    assert seen[-1]
    away = [second for second in np.arange(0, 6.5, 0.2) if not stop.area(second)]
    assert len(away) * 0.2 >= 2


def test_blur_spreads_the_picture_and_hides_the_polyp():
    stop = Stop("blur")
    sharp = sharpness(stop.image(0.5))
    for second in (1.6, 4.0):
        assert sharpness(stop.image(second)) < sharp / 3
        assert stop.truth(second).quality is Quality.BLURRED
        assert not stop.truth(second).mask.any()
    for second in (0.5, 3.0, 5.5):
        assert stop.truth(second).quality is Quality.GOOD
        assert stop.area(second) > 100


def test_bubbles_cover_a_part_and_then_all():
    stop = Stop("bubbles")
    bare = Stop("freeze")
    assert np.array_equal(stop.image(0.2), bare.image(0.2)), "before them, the colon is as it was"
    changed = np.abs(stop.image(2.5) - Stop("bright", TINY).image(0.9)).max(axis=2)[FIELD] > 40
    assert 0.1 < changed.mean() < 0.9
    assert stop.truth(2.5).quality is Quality.GOOD
    assert stop.truth(4.5).quality is Quality.COVERED
    assert not stop.truth(4.5).mask.any()
    assert stop.area(7.8) > 100


def test_what_bubbles_and_tools_cover_is_not_in_the_truth():
    for name in ("bubbles", "tool"):
        stop = Stop(name)
        shot = direct.direct(stage(stop.options).flight, stop.options, stop.index(2.2))
        assert hidden(shot, stop.options).any()
        assert not (stop.truth(2.2).mask & hidden(shot, stop.options)).any()


def test_cut_changes_the_place_from_one_frame_to_the_next():
    stop = Stop("cut")
    numbers = range(stop.index(1), stop.index(6.4))
    frames = [render(stop.options, index) for index in numbers]
    changes = np.array([np.abs(b[0].astype(float) - a[0]).mean() for a, b in pairwise(frames)])
    is_cut = np.array([frame.is_cut for _, frame in frames[1:]])
    assert is_cut.sum() == 4
    assert changes[is_cut].min() > 2 * changes[~is_cut].max()
    ids = [{p.polyp_id for p in stop.truth(second).polyps} for second in (1, 2, 4, 5)]
    assert stop.polyp not in set.union(*ids[1:])
    assert ids[2].isdisjoint(ids[3])


def test_freeze_repeats_a_frame_bit_by_bit_for_more_than_a_second():
    stop = Stop("freeze")
    for begin, end in ((1.0, 2.6), (3.6, 6.4)):
        first = stop.image(begin + 0.05)
        for second in np.arange(begin + 0.1, end - 0.05, 0.25):
            assert np.array_equal(stop.image(second), first)
        assert not np.array_equal(stop.image(end + 0.1), first)
    assert np.array_equal(stop.truth(2.5).mask, stop.truth(1.1).mask)
    assert stop.truth(2.5).frame_index == stop.index(2.5)


@pytest.mark.parametrize(("name", "quality"), [("bright", Quality.BRIGHT), ("dark", Quality.DARK)])
def test_wrong_exposure_leaves_nothing_to_see(name, quality):
    stop = Stop(name)
    level = stop.image(2)[FIELD].mean()
    assert level > 225 if name == "bright" else level < 20
    assert stop.truth(2).quality is quality
    assert stop.truth(2).polyps == ()
    for second in (0.5, 4):
        assert 50 < stop.image(second)[FIELD].mean() < 200
        assert stop.truth(second).quality is Quality.GOOD
        assert stop.area(second) > 100


def test_outside_begins_and_ends_in_a_room():
    options = replace(TINY, scenario="outside", duration_s=12.0)
    frames = [render(options, index) for index in (0, 40, 150, 260, 299)]
    for number, (image, known) in enumerate(frames):
        red, _, blue = image[FIELD].mean(axis=0)
        is_inside = number == 2
        assert (red > 1.4 * blue) == is_inside
        assert (known.quality is Quality.GOOD) == is_inside
        assert (known.quality is Quality.OUTSIDE) != is_inside
        assert is_inside or known.polyps == ()


def test_outside_takes_half_of_a_short_video_at_most_and_an_endless_one_never_leaves():
    short = replace(TINY, scenario="outside", duration_s=2.0)
    assert sum(truth(short, index).quality is not Quality.GOOD for index in range(50)) <= 26
    endless = replace(short, duration_s=None)
    assert truth(endless, 5000).quality is Quality.GOOD


def test_tool_is_a_grey_shaft():
    stop = Stop("tool")
    grey = [
        (np.ptp(stop.image(second), axis=2) < 30) & (stop.image(second).max(axis=2) > 50)
        for second in (0.3, 3)
    ]
    before, now = (mask[FIELD].mean() for mask in grey)
    assert now > before + 0.04
    assert stop.truth(3).quality is Quality.GOOD


@pytest.mark.parametrize(
    "name", [name for name, scenario in SCENARIOS.items() if not scenario.is_about_polyps]
)
def test_what_is_not_about_polyps_works_without_any(name):
    options = parse_phantom(f"phantom:scenario={name},polyps=0,size=64x48,duration=300")
    frames = [truth(options, index) for index in range(0, 500, 20)]
    assert all(frame.polyps == () for frame in frames)
    scenario = SCENARIOS[name]
    if scenario.courses and name != "tool":
        assert {frame.quality for frame in frames} > {Quality.GOOD}


def test_scenarios_go_on_in_the_next_lap():
    options = replace(TINY, scenario="dark")
    stops = direct.stops_of(stage(options).flight, SCENARIOS["dark"])
    lap_s = LAP_S + len(stops) * SCENARIOS["dark"].stop_s
    index = round((lap_s + stops[0].flight_s + 2) * TINY.fps)
    assert truth(options, index).quality is Quality.DARK
