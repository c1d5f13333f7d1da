"""A follower that fails: marks stay, whatever failed, and it is told."""

import numpy as np
import pytest
from scenes import PLACE, blob, frame, regions, tissue, view

from scr_live.app.guarded import Guarded
from scr_live.engines.constant import ConstantEngine
from scr_live.frames import Quality
from scr_live.predictor import Predictor
from scr_live.tracking.following import Tracking

SEEN, PICTURE = blob(170, 170), view(tissue())


class Broken(Tracking):
    """Fails in one of its methods."""

    def __init__(self, where):
        super().__init__()
        setattr(self, where, self.fail)

    def fail(self, *_):
        raise ZeroDivisionError("no step")


@pytest.mark.parametrize("where", ["update", "follow"])
def test_where_following_fails_the_regions_are_drawn_as_they_were_found(where):
    guarded, now = Guarded(Broken(where)), frame(0, PICTURE)
    steady, quality = guarded.update(now, PICTURE, SEEN, PLACE)
    np.testing.assert_array_equal(steady, SEEN)
    assert quality is Quality.GOOD
    found = regions(steady)
    assert guarded.follow(now, found, PLACE) == found
    assert all(polyp.announced for polyp in found)
    assert guarded.problems == [
        "1 frame could not be followed from the one before; the first failure: ZeroDivisionError: no step"
    ]


def test_the_next_frame_is_followed_again():
    tracking = Tracking()
    guarded = Guarded(tracking)
    works, tracking.update = tracking.update, Broken("update").fail
    guarded.update(frame(0, PICTURE), PICTURE, SEEN, PLACE)
    guarded.follow(frame(0, PICTURE), regions(SEEN), PLACE)
    tracking.update = works
    guarded.update(frame(1, PICTURE), PICTURE, SEEN, PLACE)
    (polyp,) = guarded.follow(frame(1, PICTURE), regions(SEEN), PLACE)
    assert (polyp.track_id, polyp.announced) == (1, False)
    assert guarded.failures == 1


def test_a_frame_that_is_passed_by_harms_nobody():
    guarded = Guarded(Broken("pass_by"))
    for at in range(3):
        guarded.pass_by(frame(at))
    assert guarded.problems[0].startswith("3 frames could not be followed")


def test_nothing_is_said_of_what_works_and_the_prediction_is_the_same():
    predictions = []
    for follower in (Tracking(), Guarded(Tracking())):
        predictor = Predictor(ConstantEngine(352, 0.9), threshold=lambda: 0.5, follower=follower)
        predictions.append([predictor.predict(frame(at, PICTURE)).polyps[0].age_s for at in range(5)])
    assert predictions[0] == predictions[1]
    assert follower.problems == []
