"""One video from answers to sightings: what is announced, told and held back."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scenes import PLACE, blob, frame, regions, tissue, view

from scr_live.errors import OptionError
from scr_live.events import Event, EventKind, Journal
from scr_live.frames import Quality, Signal
from scr_live.tracking.alerts import AlertRule
from scr_live.tracking.following import Tracking, TrackingOptions
from scr_live.tracking.tracks import KEPT_S

SEEN, NOTHING = blob(170, 170), np.zeros_like(blob(0, 0))


class Video:
    def __init__(self, *, after_s=0.5, save_snapshot=None, still=None):
        self.told: list[Event] = []
        self.tracking = Tracking(
            TrackingOptions(AlertRule(after_s)),
            journal=Journal(self.told.append),
            save_snapshot=save_snapshot,
        )
        self.still = view(tissue()) if still is None else still
        self.index = 0

    def __call__(self, answer, *, picture=None, time_s=None, signal=Signal.OK):
        picture = self.still if picture is None else picture
        now = replace(frame(self.index, picture, time_s=time_s), signal=signal)
        self.index += 1
        steady, quality = self.tracking.update(now, picture, answer, PLACE)
        return self.tracking.follow(now, regions(steady), PLACE), quality

    def at_rate(self, answers, fps):
        """Yield what is found in each frame of a video of so many a second."""
        for answer in answers:
            yield self(answer, time_s=self.index / fps)[0]

    def facts(self, kind):
        return [event.facts for event in self.told if event.kind is kind]


@pytest.mark.parametrize("after_s", [0.0, 0.25, 0.5, 1.0])
def test_a_region_is_announced_when_it_has_been_seen_for_so_long(after_s):
    video = Video(after_s=after_s)
    announced = [video(SEEN)[0][0].announced for _ in range(40)]
    assert announced.index(True) == math.ceil(after_s * 25)
    assert all(announced[announced.index(True) :])
    assert video.facts(EventKind.SIGHTING_OPENED)[0]["first_s"] == 0.0


def test_a_rule_that_is_changed_counts_from_the_next_frame_on():
    after_s = 10.0
    video = Video()
    video.tracking = Tracking(rule=lambda: AlertRule(after_s))
    assert not any(video(SEEN)[0][0].announced for _ in range(20))
    after_s = 0.5
    assert video(SEEN)[0][0].announced
    after_s = 10.0
    assert video(SEEN)[0][0].announced, "what was announced stays so"


def test_what_comes_and_goes_is_never_announced():
    video = Video()
    for at in range(100):
        for polyp in video(SEEN if at % 20 < 8 else NOTHING)[0]:
            assert not polyp.announced
    assert video.told == []


def test_a_sighting_opens_goes_on_and_closes():
    video = Video()
    for _ in range(90):
        video(SEEN)
    for _ in range(60):
        video(NOTHING)
    (opened,), (closed,) = video.facts(EventKind.SIGHTING_OPENED), video.facts(EventKind.SIGHTING_CLOSED)
    assert len(video.facts(EventKind.SIGHTING_UPDATED)) == 3  # one a second
    assert (opened["sighting"], closed["sighting"]) == (1, 1)
    assert closed["first_s"] == 0.0
    assert 3.5 <= closed["last_s"] <= 3.9  # what is steadied lingers for a few frames
    assert 90 <= closed["frames"] <= 97
    x, y = closed["x"] + closed["width"] / 2, closed["y"] + closed["height"] / 2
    assert (x, y) == pytest.approx((170.5, 170.5), abs=2)
    assert closed["field_share"] == pytest.approx(closed["area_px"] / 352**2, abs=1e-5)
    assert video.tracking.sightings == 1
    json.dumps([dict(event.facts) for event in video.told], allow_nan=False)


def test_what_is_open_at_the_end_is_closed_and_pictured():
    saved = []

    def save(number, of, polyp, _placement):
        saved.append((number, of.index, polyp.score))
        return "somewhere.jpg"

    video = Video(save_snapshot=save)
    for at in range(30):
        video(blob(170, 170, height=0.97 if at == 20 else 0.8))
    video.tracking.close()
    (closed,) = video.facts(EventKind.SIGHTING_CLOSED)
    assert closed["snapshot"] == "somewhere.jpg"
    assert [number for number, *_ in saved] == [1]
    assert saved[0][1] in range(20, 24)
    video.tracking.close()
    assert len(saved) == 1


@pytest.mark.parametrize(("time_s", "goes_on"), [(1.2, True), (3.0, False), (0.2, False)])
def test_a_gap_or_a_step_back_begins_anew(time_s, goes_on):
    video = Video(after_s=0.0)
    for _ in range(26):
        (before,), _ = video(SEEN)
    (after,), _ = video(SEEN, time_s=time_s)
    assert (after.track_id == before.track_id) == goes_on


def test_in_a_frame_that_cannot_be_judged_nothing_is_announced_and_nothing_is_lost():
    video, blurred = Video(after_s=0.2), np.full((352, 352, 3), (180, 90, 70), np.uint8)
    for _ in range(4):
        video(SEEN, picture=blurred)
    for _ in range(30):
        (polyp,), quality = video(SEEN, picture=blurred)
        assert (polyp.announced, quality) == (False, Quality.BLURRED)
    (change,) = video.facts(EventKind.QUALITY_CHANGED)
    assert change == {"quality": "blurred", "before": "good"}
    assert video.tracking.qualities[Quality.BLURRED] >= 30


def test_what_was_announced_stays_so_through_frames_that_cannot_be_judged():
    video, red_out = Video(), np.full((352, 352, 3), (180, 90, 70), np.uint8)
    for _ in range(20):
        (before,), _ = video(SEEN)
    through = [video(SEEN, picture=red_out) for _ in range(20)]
    (after,), _ = video(SEEN)
    assert through[-1][1] is Quality.BLURRED
    assert all(polyp.announced for (polyp,), _ in through)
    assert before.announced
    assert (after.track_id, after.announced) == (before.track_id, True)


@pytest.mark.parametrize("fps", [3.0, 5.0, 12.0, 60.0])
def test_a_region_is_announced_at_any_rate_of_answers(fps):
    video = Video()
    announced = [bool(found) and found[0].announced for found in video.at_rate([SEEN] * 60, fps)]
    assert 0.5 <= announced.index(True) / fps <= 1.0
    assert all(announced[announced.index(True) :])


@pytest.mark.parametrize("fps", [4.0, 12.5, 25.0, 50.0])
def test_a_mark_lingers_for_as_long_whatever_the_rate(fps):
    video = Video(after_s=0.0)
    found = list(video.at_rate([SEEN] * 30 + [NOTHING] * 60, fps))
    lingering = sum(bool(polyps) for polyps in found[30:])
    assert lingering / fps <= 0.25


def test_in_a_frozen_picture_nothing_grows_older():
    video = Video()
    for _ in range(5):
        video(SEEN)
    for _ in range(40):
        (polyp,), _ = video(SEEN, signal=Signal.FROZEN)
    assert not polyp.announced
    for _ in range(9):
        (polyp,), _ = video(SEEN)
    assert polyp.announced


def test_without_answers_a_sighting_is_closed_when_it_would_not_be_kept_any_longer():
    video = Video()
    for _ in range(25):
        video(SEEN)
    for at in range(50):
        video.tracking.pass_by(frame(video.index + at))
        closed = video.facts(EventKind.SIGHTING_CLOSED)
        assert bool(closed) == ((at + 1) / 25 > KEPT_S)
    assert closed[0]["last_s"] == pytest.approx(24 / 25, abs=1e-3)


def test_after_a_gap_the_old_quality_says_nothing_of_the_new_picture():
    video, dark = Video(after_s=0.0), np.zeros((352, 352, 3), np.uint8)
    for _ in range(10):
        video(NOTHING)
    (polyp,), quality = video(SEEN, picture=dark, time_s=9.0)
    assert (polyp.announced, quality) == (False, Quality.DARK)


@pytest.mark.parametrize("after_s", [-0.1, 11.0, float("nan")])
def test_a_rule_that_cannot_be_meant_is_refused(after_s):
    with pytest.raises(OptionError, match="announced after 0 to 10 seconds"):
        AlertRule(after_s)
