"""Identities: kept through motion and short absence, never shared, never stolen."""

import numpy as np
import pytest
from scenes import FPS, PLACE, blob, regions, tissue, view

from scr_live.tracking.motion import MotionFinder
from scr_live.tracking.tracks import KEPT_S, KEPT_YOUNG_S, LONGEST_STEP_S, Tracks


class Run:
    """Feeds maps to tracks, over a picture that stands still unless one is given."""

    def __init__(self):
        self.tracks, self.finder, self.index = Tracks(), MotionFinder(), 0
        self.still = view(tissue())
        self.fps = FPS

    def __call__(self, *maps, picture=None, grows=True):
        motion = self.finder.update(self.still if picture is None else picture)
        polyps = regions(np.maximum.reduce(maps)) if maps else ()
        found, ended = self.tracks.update(polyps, PLACE, motion, time_s=self.index / self.fps, grows=grows)
        self.index += 1
        return found, ended

    def skip(self, seconds):
        """Frames without any region."""
        return [one for _ in range(round(seconds * FPS)) for one in self()[1]]


@pytest.fixture
def run():
    return Run()


LEFT, RIGHT = blob(100, 170), blob(250, 170)


def test_one_region_is_one_track_and_grows_older(run):
    tracks = [run(LEFT)[0][0] for _ in range(26)]
    assert {track.number for track in tracks} == {1}
    assert tracks[-1].age_s == pytest.approx(1.0)
    assert tracks[-1].frames == 26
    assert tracks[-1].first_s == 0.0


def test_two_regions_keep_their_own_numbers_whichever_is_larger(run):
    numbers = set()
    for at in range(10):
        left, right = blob(100, 170, 30 + at % 3 * 5), blob(250, 170, 30 + (at + 1) % 3 * 5)
        found, _ = run(left, right)
        polyps = regions(np.maximum(left, right))
        by_side = sorted(zip(polyps, found, strict=True), key=lambda pair: pair[0].contour[:, 0].mean())
        numbers.add(tuple(track.number for _, track in by_side))
    assert len(numbers) == 1
    assert len(set(numbers.pop())) == 2


def test_a_track_follows_the_camera(run):
    picture = tissue()
    numbers = [
        run(blob(270 - 8 * at, 170, 20), picture=view(picture, 8 * at))[0][0].number for at in range(20)
    ]
    assert set(numbers) == {1}


def test_a_short_absence_is_forgiven_and_makes_nobody_older(run):
    for _ in range(26):
        (track,), _ = run(LEFT)
    track.announced = True
    assert run.skip(KEPT_S - 0.1) == []
    (back,), _ = run(LEFT)
    assert back is track
    assert back.age_s == pytest.approx(1.0 + 1 / FPS)  # the frame in which it is back


def test_what_is_seen_in_every_fourth_frame_ages_four_times_slower(run):
    for at in range(101):
        found, _ = run(LEFT) if at % 4 == 0 else run()
    (track,) = found
    assert track.number == 1
    assert track.age_s == pytest.approx(4.0 / 4)


@pytest.mark.parametrize("fps", [3.0, 1.2])
def test_few_answers_a_second_are_no_absence(run, fps):
    run.fps = fps
    tracks = [run(LEFT)[0][0] for _ in range(8)]
    assert {track.number for track in tracks} == {1}
    assert tracks[-1].age_s == pytest.approx(7 * LONGEST_STEP_S)


@pytest.mark.parametrize(("announced", "kept_s"), [(True, KEPT_S), (False, KEPT_YOUNG_S)])
def test_a_longer_absence_ends_it(run, announced, kept_s):
    for _ in range(26):
        (track,), _ = run(LEFT)
    track.announced = announced
    assert run.skip(kept_s + 0.1) == [track]
    assert run(LEFT)[0][0] is not track


def test_another_place_is_another_track(run):
    (first,), _ = run(LEFT)
    (second,), _ = run(RIGHT)
    assert first is not second


def test_a_cut_ends_all(run):
    (track,), _ = run(LEFT)
    (other,), ended = run(LEFT, picture=view(tissue(seed=9)))
    assert ended == [track]
    assert other is not track


def test_where_nothing_can_be_judged_nobody_grows_older(run):
    for _ in range(20):
        (track,), _ = run(LEFT, grows=False)
    assert track.age_s == 0
    assert track.frames == 20


def test_two_regions_that_were_one_have_two_numbers(run):
    run(blob(170, 170, 60))
    found, _ = run(blob(140, 170, 20), blob(200, 170, 20))
    assert len({track.number for track in found}) == 2
    assert 1 in {track.number for track in found}


def test_a_region_that_two_became_has_one_number_and_grows_older(run):
    """A track that is out of sight is looked for around it, and must not take what is seen from another."""
    run(blob(140, 170, 20), blob(200, 170, 20))
    numbers, ages = [], []
    for at in range(25):
        (track,), _ = run(blob(170, 150 + 2 * at, 90))
        numbers.append(track.number)
        ages.append(track.age_s)
    assert len(set(numbers)) == 1
    assert ages[-1] == pytest.approx(1.0)


def test_of_two_that_become_one_the_older_goes_on(run):
    for _ in range(10):
        (older,), _ = run(blob(120, 170, 24))
    run(blob(120, 170, 24), blob(215, 170, 34))
    for _ in range(5):
        (track,), _ = run(blob(170, 170, 80))
        assert track is older


def test_a_piece_that_breaks_off_is_the_new_one(run):
    for _ in range(5):
        (track,), _ = run(blob(170, 170, 60))
    whole, piece = blob(160, 170, 46), blob(225, 170, 8)
    found, _ = run(whole, piece)
    by_size = sorted(
        zip(regions(np.maximum(whole, piece)), found, strict=True), key=lambda one: one[0].area_px
    )
    assert [one.number == track.number for _, one in by_size] == [False, True]


def test_the_end_ends_all(run):
    found, _ = run(LEFT, RIGHT)
    assert sorted(track.number for track in run.tracks.end_all()) == [1, 2]
    assert len(found) == 2
    assert run.tracks.end_all() == []
