"""Figures of a video, against examples worked out by hand."""

import pytest

from scr_live.evaluation.video.alarms import (
    false_alarm_rate,
    false_alarms,
    false_mark_share,
    poisson_interval,
)
from scr_live.evaluation.video.metrics import score
from scr_live.evaluation.video.records import FrameRecord, Region, length_s

A, B = frozenset("a"), frozenset("b")
NOTHING = frozenset()


def track(number, age_s, hits=NOTHING, **facts):
    return Region(hits=hits, track_id=number, age_s=age_s, **facts)


def video(*frames, step_s=0.1):
    """Frames as (regions, truth)."""
    return [FrameRecord(step_s * at, tuple(regions), truth) for at, (regions, truth) in enumerate(frames)]


@pytest.fixture
def one_polyp():
    """In view for four of six frames, found in the second of them; and a false track of two frames."""
    return video(
        ([], NOTHING),
        ([], A),
        ([track(1, 0.0, A), track(2, 0.0)], A),
        ([track(1, 0.1, A), track(2, 0.1)], A),
        ([track(1, 0.2, A)], A),
        ([track(1, 0.3)], NOTHING),
    )


def test_frames_polyps_and_times(one_polyp):
    found = score(one_polyp, 0.0)
    assert found.frames == 6
    assert found.frame_sensitivity == 3 / 4
    assert found.frame_specificity == 1 / 2  # the track that stays behind marks the last frame
    assert found.polyp_sensitivity == 1.0
    (polyp,) = found.polyps
    assert (polyp.visible_frames, polyp.persistence, polyp.identities) == (4, 3 / 4, 1)
    assert polyp.region_after_s == polyp.mark_after_s == pytest.approx(0.1)
    assert found.false_mark_share == 3 / 6


def test_a_rule_delays_the_first_mark_and_drops_short_false_alarms(one_polyp):
    found = score(one_polyp, 0.2)
    assert found.false_alarms.count == 0
    (polyp,) = found.polyps
    assert polyp.region_after_s == pytest.approx(0.1)
    assert polyp.mark_after_s == pytest.approx(0.3)
    assert found.mark_after_median_s == found.mark_after_max_s == polyp.mark_after_s
    assert polyp.persistence == 1 / 4


def test_a_rule_that_is_too_long_misses_the_polyp(one_polyp):
    found = score(one_polyp, 0.25)
    assert found.missed_share == 1.0
    assert found.mark_after_median_s is None
    assert found.polyps[0].mark_after_s is None


def test_a_track_that_ever_touched_a_polyp_is_no_false_alarm(one_polyp):
    assert false_alarms(one_polyp, 0.0) == 1
    assert false_alarms(one_polyp, 0.3) == 0  # only track 1, off the polyp by then, is so old


def test_false_alarms_a_minute_with_the_exact_interval():
    frames = video(*[([track(1 + at // 5, 0.0)], NOTHING) for at in range(50)], step_s=0.6)
    assert length_s(frames) == pytest.approx(30)
    rate = false_alarm_rate(frames, 0.0)
    assert (rate.count, rate.per_minute) == (10, pytest.approx(20))
    assert (rate.low, rate.high) == (pytest.approx(2 * 4.795, abs=1e-3), pytest.approx(2 * 18.390, abs=1e-3))


@pytest.mark.parametrize(
    ("count", "low", "high"), [(0, 0, 3.689), (1, 0.0253, 5.572), (5, 1.623, 11.668), (100, 81.364, 121.627)]
)
def test_poisson_intervals_are_those_of_the_tables(count, low, high):
    assert poisson_interval(count) == (pytest.approx(low, abs=1e-3), pytest.approx(high, abs=1e-3))


def test_without_tracks_gaps_of_half_a_second_are_bridged():
    mark, empty = ([Region(hits=NOTHING)], NOTHING), ([], NOTHING)
    bridged = video(mark, *[empty] * 4, mark)
    assert false_alarms(bridged, 0.0) == 1
    assert false_alarms(video(mark, *[empty] * 5, mark), 0.0) == 2


def test_without_tracks_a_run_that_touches_a_polyp_is_none():
    true = ([Region(hits=A)], A)
    false = ([Region(hits=NOTHING)], A)
    assert false_alarms(video(false, true, false), 0.0) == 0


def test_a_track_seen_only_where_nothing_can_be_judged_is_not_announced():
    frames = video(([track(1, 0.0, may_be_announced=False)], NOTHING))
    assert false_alarms(frames, 0.0) == 0
    assert false_mark_share(frames, 0.0) == 0.0


def test_flips_of_any_mark_and_of_a_polyp():
    on, off = ([track(1, 0.0, A)], A), ([], A)
    found = score(video(on, off, on, on, ([], NOTHING)), 0.0)
    assert found.flips_per_1000 == 1000 * 3 / 5
    assert found.polyp_flips_per_1000 == 1000 * 2 / 4  # that it leaves the view is no flip


def test_identities_that_break_and_identities_that_jump():
    frames = video(([track(1, 0.0, A)], A), ([track(2, 0.0, A)], A), ([track(2, 0.1, B)], A | B), ([], A | B))
    found = score(frames, 0.0)
    assert [(one.polyp, one.identities) for one in found.polyps] == [("a", 2), ("b", 1)]
    assert found.polyps_per_identity == 1.5


def test_the_mean_dice_is_that_of_frames_with_a_mask():
    frames = [FrameRecord(0.0, dice=0.5), FrameRecord(0.1), FrameRecord(0.2, dice=1.0)]
    assert score(frames, 0.0).mean_dice == 0.75


def test_a_video_without_frames_says_nothing():
    found = score([], 0.0)
    assert (found.frames, found.frame_sensitivity, found.false_mark_share) == (0, None, None)
    assert found.false_alarms.per_minute == 0.0
