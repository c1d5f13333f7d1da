"""Steady maps: less flicker, the outline of the newest frame, nothing from the future."""

import numpy as np
import pytest
from scenes import blob, regions, tissue, view

from scr_live.tracking.motion import MotionFinder
from scr_live.tracking.steady import Steadier


def steadied(answers, pictures=None):
    """Yield what becomes of the answers, one a frame, over a picture that stands still."""
    finder, steadier = MotionFinder(), Steadier()
    still = view(tissue())
    for at, answer in enumerate(answers):
        motion = finder.update(still if pictures is None else pictures[at])
        yield steadier.update(answer, motion)


NOTHING = np.zeros_like(blob(0, 0))
SEEN = blob(170, 170)


def is_marked(maps):
    return [bool(regions(one)) for one in maps]


def test_what_does_not_change_is_left_alone():
    for one in steadied([SEEN] * 5):
        np.testing.assert_allclose(one, SEEN, atol=1e-5)


def test_a_single_frame_that_says_nothing_does_not_put_out_a_mark():
    assert all(is_marked(steadied([SEEN] * 8 + [NOTHING] + [SEEN] * 3)))


def test_a_single_frame_that_says_something_lights_none():
    assert not any(is_marked(steadied([NOTHING] * 5 + [SEEN] + [NOTHING] * 5)))


def test_a_region_stands_after_three_frames_and_is_gone_after_five():
    marked = is_marked(steadied([NOTHING] * 5 + [SEEN] * 20 + [NOTHING] * 10))
    assert marked.index(True) - 5 <= 2
    assert marked[25:].index(False) <= 5


def test_flicker_becomes_less_than_half():
    rng = np.random.default_rng(3)
    answers = [blob(170, 170, height=float(height)) for height in rng.choice([0.42, 0.75], 200)]
    flips = [np.count_nonzero(np.diff(is_marked(maps))) for maps in (answers, list(steadied(answers)))]
    assert flips[0] > 60
    assert flips[1] < flips[0] / 2


def test_it_moves_with_the_camera():
    """Over a picture that moves by 8 pixels a frame a region that moves along stays where it is."""
    picture = tissue()
    pictures = [view(picture, 8 * at) for at in range(12)]
    answers = [blob(240 - 8 * at, 170) for at in range(12)]
    last = list(steadied(answers, pictures))[-1]
    (found,) = regions(last)
    assert found.contour[:, 0].mean() == pytest.approx(240 - 8 * 11, abs=4)
    assert found.area_px == pytest.approx(regions(answers[-1])[0].area_px, rel=0.15)


def test_two_frames_of_one_time_count_as_usual():
    finder, steadier, still = MotionFinder(), Steadier(), view(tissue())
    maps = [steadier.update(SEEN if at else NOTHING, finder.update(still), 0.0) for at in range(6)]
    assert is_marked(maps)[-1]


def test_after_a_cut_the_new_frame_speaks_alone():
    pictures = [view(tissue(seed=1))] * 5 + [view(tissue(seed=2))]
    *_, last = steadied([SEEN] * 5 + [NOTHING], pictures)
    assert last.max() < 1e-6


def test_it_stays_a_probability():
    rng = np.random.default_rng(0)
    for one in steadied([rng.random(SEEN.shape, np.float32) for _ in range(8)]):
        assert one.dtype == np.float32
        assert one.min() >= 0
        assert one.max() <= 1


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1])
def test_a_share_is_a_share(share):
    with pytest.raises(ValueError, match="above 0 and up to 1"):
        Steadier(rise=share)
