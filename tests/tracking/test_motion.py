"""Motion of the camera: found where there is one, and a cut told from it."""

import cv2
import numpy as np
import pytest
from scenes import SIZE, blob, tissue, view

from scr_live.tracking.motion import SIDE, MotionFinder, halved
from scr_live.tracking.quality import measure

STEP = SIZE / SIDE


def after(*pictures):
    finder = MotionFinder()
    return [finder.update(picture) for picture in pictures]


@pytest.mark.parametrize(("x", "y"), [(0, 0), (8, 0), (0, -12), (16, 12)])
def test_a_shift_is_found(x, y):
    picture = tissue()
    first, motion = after(view(picture), view(picture, x, y))
    assert first is None
    inner = motion.flow[15:-15, 15:-15].reshape(-1, 2)
    assert np.median(inner, axis=0) == pytest.approx((x / STEP, y / STEP), abs=0.4)
    assert not motion.is_cut


@pytest.mark.parametrize(("x", "y"), [(8, 0), (16, 12)])
def test_what_is_carried_goes_with_the_picture(x, y):
    picture = tissue()
    _, motion = after(view(picture), view(picture, x, y))
    small = blob(180, 180).reshape(SIDE, int(STEP), SIDE, int(STEP)).mean(axis=(1, 3))
    rows, columns = np.nonzero(motion.carry(small) > 0.5)
    assert columns.mean() * STEP == pytest.approx(180 - x, abs=6)
    assert rows.mean() * STEP == pytest.approx(180 - y, abs=6)


def test_another_place_is_a_cut():
    _, motion = after(view(tissue(seed=1)), view(tissue(seed=2)))
    assert motion.is_cut


def test_a_change_of_light_is_none():
    picture = view(tissue())
    _, motion = after(picture, (picture * 0.8).astype(np.uint8))
    assert not motion.is_cut


@pytest.mark.parametrize("level", [0, 128, 255])
def test_flat_pictures_do_no_harm(level):
    flat, picture = np.full((SIZE, SIZE, 3), level, np.uint8), view(tissue())
    _, to_flat, flat_to_flat, back, elsewhere = after(picture, flat, flat, picture, view(tissue(seed=9)))
    assert not to_flat.is_cut, "the scope touches the wall, and comes off it again"
    assert not flat_to_flat.is_cut
    assert not back.is_cut
    assert elsewhere.is_cut
    assert all(np.isfinite(one.flow).all() for one in (to_flat, flat_to_flat, back))


def test_behind_a_flat_picture_may_lie_another_place():
    flat = np.full((SIZE, SIZE, 3), 128, np.uint8)
    *_, back = after(view(tissue(seed=1)), flat, view(tissue(seed=2)))
    assert back.is_cut


def test_a_video_may_begin_flat():
    first, second, third = after(*[np.zeros((SIZE, SIZE, 3), np.uint8)] * 2, view(tissue()))
    assert first is None
    assert not second.is_cut
    assert third.is_cut


def test_nothing_that_a_picture_may_hold_breaks_it():
    rng = np.random.default_rng(0)
    finder = MotionFinder()
    for _ in range(60):
        picture = (rng.random((SIZE, SIZE, 3)) ** rng.integers(1, 9) * 255).astype(np.uint8)
        motion = finder.update(np.roll(picture, int(rng.integers(-200, 200)), axis=1))
        assert motion is None or np.isfinite(motion.flow).all()


def test_after_a_reset_there_is_no_frame_before():
    finder = MotionFinder()
    finder.update(view(tissue()))
    finder.reset()
    assert finder.update(view(tissue())) is None


@pytest.mark.parametrize("size", [2 * SIDE, 4 * SIDE, 300, 448])
def test_a_copy_that_was_made_for_others_too_shows_the_same(size):
    pictures = [cv2.resize(view(tissue(), x), (size, size)) for x in (0, 6)]
    own, shared = MotionFinder(), MotionFinder()
    for picture in pictures:
        one, other = own.update(picture), shared.update(halved(picture))
    assert np.array_equal(one.flow, other.flow)
    assert one.likeness == other.likeness
    assert measure(pictures[0]) == measure(halved(pictures[0]))
