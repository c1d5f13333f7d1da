"""Augmentation: picture and mask stay together. Needs no torch."""

import cv2
import numpy as np
import pytest

from scr_live.training.augment import (
    _colour_ghosts,
    _geometry,
    _interlace,
    _uneven_light,
    augment,
    resized,
)
from scr_live.training.data import Sample

SIDE = 128


@pytest.fixture
def sample():
    """An off-centre ellipse: red 220 inside, 60 outside, so the red channel is the mask."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.ellipse(mask, (75, 55), (34, 20), 30, 0, 360, 255, -1)
    image = np.full((SIDE, SIDE, 3), (60, 70, 65), np.uint8)
    image[mask > 0, 0] = 220
    return Sample("drawn", image, mask)


@pytest.mark.parametrize("seed", range(20))
def test_geometry_moves_picture_and_mask_alike(sample, seed):
    coded = np.repeat(sample.mask[..., None], 3, axis=2)
    moved, mask = _geometry(coded, sample.mask, np.random.default_rng(seed), 96)
    assert moved.shape == (96, 96, 3)
    # Both are the same linear interpolation; one and three channels may round half a level apart.
    disagreeing = np.count_nonzero((moved[..., 0] > 127) != (mask > 0))
    assert disagreeing <= 5


@pytest.mark.parametrize("seed", range(20))
def test_the_mask_still_lies_on_the_polyp_after_all_of_it(sample, seed):
    """Red less green outlines the polyp whatever light, blur, noise and compression do to the colours."""
    image, mask = augment(sample, np.random.default_rng(seed), size=96)
    assert image.shape == (96, 96, 3)
    assert image.dtype == mask.dtype == np.uint8
    assert set(np.unique(mask)) <= {0, 255}
    redness = image[..., 0].astype(float) - image[..., 1]
    smooth = cv2.GaussianBlur(redness, (0, 0), 2)  # noise
    inside, outside = smooth[mask > 0], smooth[mask == 0]
    middle = (np.median(inside) + np.median(outside)) / 2
    found = smooth > middle
    overlap = np.count_nonzero(found & (mask > 0)) / np.count_nonzero(found | (mask > 0))
    assert np.median(inside) > np.median(outside) + 10
    assert overlap > 0.7


@pytest.mark.parametrize("seed", range(10))
def test_uneven_light_is_smooth_and_has_one_direction_for_all_colours(seed):
    grey = np.full((SIDE, SIDE, 3), 100, np.uint8)
    lit = _uneven_light(grey, np.random.default_rng(seed)).astype(int)
    assert (lit == lit[..., :1]).all()
    assert lit.max() > lit.min() + 10
    assert np.abs(np.diff(lit[..., 0], axis=0)).max() <= 5
    assert np.abs(np.diff(lit[..., 0], axis=1)).max() <= 5


@pytest.mark.parametrize("seed", range(10))
def test_colour_ghosts_leave_one_colour_where_it_was_and_move_the_others_apart(sample, seed):
    wide = np.repeat(sample.mask[..., None], 3, axis=2)
    ghosts = _colour_ghosts(wide, np.random.default_rng(seed))
    still = [np.array_equal(ghosts[..., c], wide[..., c]) for c in range(3)]
    assert any(still)
    centres = [np.argwhere(ghosts[..., c] > 127).mean(axis=0) for c in range(3)]
    home = np.argwhere(sample.mask > 127).mean(axis=0)
    assert np.sum(centres, axis=0) == pytest.approx(3 * home, abs=1.5)  # as far ahead as behind


@pytest.mark.parametrize("seed", range(10))
def test_interlacing_moves_every_other_line_sideways(sample, seed):
    combed = _interlace(sample.image, np.random.default_rng(seed))
    same = [np.array_equal(combed[y], sample.image[y]) for y in range(SIDE)]
    polyp_rows = np.flatnonzero(sample.mask.any(axis=1))
    assert 0.4 < np.mean([same[y] for y in polyp_rows]) < 0.6
    for y in polyp_rows:
        assert np.array_equal(np.sort(combed[y], axis=0), np.sort(sample.image[y], axis=0))


def test_geometry_really_varies(sample):
    variants = [_geometry(sample.image, sample.mask, np.random.default_rng(s), 96)[1] for s in range(20)]
    areas = [np.count_nonzero(mask) / mask.size for mask in variants]
    assert max(areas) > 2 * min(areas)
    assert len({mask.tobytes() for mask in variants}) == 20


@pytest.mark.parametrize("size", [32, 96, 160])
def test_one_seed_gives_one_variant(sample, size):
    one, two, other = (augment(sample, np.random.default_rng(seed), size=size) for seed in (3, 3, 4))
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert not np.array_equal(one[0], other[0])


def test_the_sample_itself_is_never_touched(sample):
    image, mask = sample.image.copy(), sample.mask.copy()
    for seed in range(20):
        augment(sample, np.random.default_rng(seed), size=SIDE)
    np.testing.assert_array_equal(sample.image, image)
    np.testing.assert_array_equal(sample.mask, mask)


def test_a_picture_without_a_polyp_gets_none(sample):
    clean = Sample("clean", sample.image, np.zeros_like(sample.mask))
    for seed in range(20):
        assert not augment(clean, np.random.default_rng(seed), size=64)[1].any()


def test_resized_changes_the_size_alone(sample):
    image, mask = resized(sample, size=64)
    assert image.shape == (64, 64, 3)
    assert set(np.unique(mask)) == {0, 255}
    assert np.count_nonzero((image[..., 0] > 140) != (mask > 0)) < 0.02 * mask.size
    same = resized(sample, size=SIDE)
    assert same[0] is sample.image
    assert same[1] is sample.mask
