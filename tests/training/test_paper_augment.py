import numpy as np
import pytest

from scr_live.training import paper_augment as module
from scr_live.training.data import Sample
from scr_live.training.paper_augment import paper_augment

SIZE = 64
CHANCES = ("FLIP_CHANCE", "CONTRAST_CHANCE", "ZOOM_CHANCE", "CROP_CHANCE")


@pytest.fixture
def only(monkeypatch):
    """Let one augmentation happen, and no other."""

    def choose(name=None, chance=1.0):
        for other in CHANCES:
            monkeypatch.setattr(module, other, chance if other == name else 0.0)

    return choose


@pytest.fixture
def sample(rng):
    """A picture whose blue channel is its mask, so that they can be seen to move together."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    mask = np.where((rows - 25) ** 2 + (columns - 36) ** 2 < 200, 255, 0).astype(np.uint8)
    image = np.stack((2 * columns + 40, 2 * rows + 40, mask), axis=-1).astype(np.uint8)
    return Sample("a", image, mask)


def test_with_no_augmentation_the_picture_stays_as_it_is(sample, rng, only):
    only()
    image, mask = paper_augment(sample, rng, size=SIZE)
    np.testing.assert_array_equal(image, sample.image)
    np.testing.assert_array_equal(mask, sample.mask)


def test_both_flips_turn_it_round(sample, rng, only):
    only("FLIP_CHANCE")
    image, mask = paper_augment(sample, rng, size=SIZE)
    np.testing.assert_array_equal(image, sample.image[::-1, ::-1])
    np.testing.assert_array_equal(mask, sample.mask[::-1, ::-1])


def test_each_flip_has_its_own_chance(sample, only):
    only("FLIP_CHANCE", 0.5)
    seen = {paper_augment(sample, np.random.default_rng(seed), size=SIZE)[0].tobytes() for seed in range(40)}
    ways = {
        np.ascontiguousarray(flipped).tobytes()
        for rows in (sample.image, sample.image[::-1])
        for flipped in (rows, rows[:, ::-1])
    }
    assert seen == ways


def test_contrast_moves_pixels_about_their_mean_and_leaves_the_mask(sample, rng, only):
    only("CONTRAST_CHANCE")
    image, mask = paper_augment(sample, rng, size=SIZE)
    np.testing.assert_array_equal(mask, sample.mask)
    mean = sample.image.mean()
    before, after = sample.image.astype(float) - mean, image.astype(float) - mean
    inside = (image > 0) & (image < 255) & (np.abs(before) > 20)
    factors = after[inside] / before[inside]
    assert np.ptp(factors) < 0.1  # rounding
    assert 0.65 < factors.mean() < 1.35
    assert abs(factors.mean() - 1) > 0.01


def test_zooming_out_shows_the_whole_at_half_its_size_on_black(sample, rng, only):
    only("ZOOM_CHANCE")
    image, mask = paper_augment(sample, rng, size=SIZE)
    frame = np.ones((SIZE, SIZE), bool)
    frame[15:49, 15:49] = False  # a pixel around may be mixed with the black
    assert not image[frame].any()
    assert not mask[frame].any()
    small = sample.image.reshape(SIZE // 2, 2, SIZE // 2, 2, 3).mean((1, 3))
    np.testing.assert_allclose(image[17:47, 17:47], small[1:-1, 1:-1], atol=2)


def test_zooming_in_shows_the_middle_at_twice_its_size(sample, only):
    only("ZOOM_CHANCE", 0.5)  # of each, so one of the two is certain
    pairs = [paper_augment(sample, np.random.default_rng(seed), size=SIZE) for seed in range(10)]
    large = [(image, mask) for image, mask in pairs if mask.sum() > sample.mask.sum()]
    assert large
    image, mask = large[0]
    middle = sample.image[16:48, 16:48]
    np.testing.assert_allclose(
        image.reshape(32, 2, 32, 2, 3).mean((1, 3))[1:-1, 1:-1, :2], middle[1:-1, 1:-1, :2], atol=2
    )
    assert mask.sum() == pytest.approx(4 * sample.mask[16:48, 16:48].sum(), rel=0.1)


def test_a_crop_shows_a_part_of_the_picture_larger(sample, rng, only):
    only("CROP_CHANCE")
    image, _ = paper_augment(sample, rng, size=SIZE)
    red = image[1:-1, 1:-1, 0].astype(float)
    steps = np.diff(red, axis=1).mean()
    assert 0.7 * 2 - 0.1 < steps < 2  # two a pixel before
    assert red.min() > 0  # nothing from outside


@pytest.mark.parametrize("size", [32, 64, 96])
def test_picture_and_mask_stay_together_at_any_size(sample, size):
    for seed in range(40):
        image, mask = paper_augment(sample, np.random.default_rng(seed), size=size)
        assert image.shape == (size, size, 3)
        assert mask.shape == (size, size)
        assert set(np.unique(mask)) <= {0, 255}
        blue = image[..., 2].astype(float)
        if np.ptp(blue):
            drawn = blue > (blue.min() + blue.max()) / 2
            assert (drawn != (mask > 0)).mean() < 0.03


def test_it_depends_on_the_generator_alone(sample):
    one, two = (paper_augment(sample, np.random.default_rng(9), size=SIZE) for _ in range(2))
    for left, right in zip(one, two, strict=True):
        np.testing.assert_array_equal(left, right)


def test_the_sample_is_left_as_it_was(sample):
    image, mask = sample.image.copy(), sample.mask.copy()
    for seed in range(20):
        paper_augment(sample, np.random.default_rng(seed), size=SIZE)
    np.testing.assert_array_equal(sample.image, image)
    np.testing.assert_array_equal(sample.mask, mask)
