import cv2
import numpy as np
import pytest

from scr_live.geometry import MIN_AREA, Box, Placement, large_regions, polyps_from_probability, shrink

SIZE = 96


def square_placement(size=SIZE):
    return Placement(Box(0, 0, size, size), size)


def disc(x, y, radius, *, size=SIZE, softness=1.0):
    """A probability that falls through 0.5 at `radius`."""
    rows, columns = np.mgrid[:size, :size]
    distance = np.hypot(columns - x, rows - y)
    return (1 / (1 + np.exp((distance - radius) / softness))).astype(np.float32)


def distance_to_circle(contour, x, y, radius):
    return np.abs(np.hypot(contour[:, 0] - x, contour[:, 1] - y) - radius)


@pytest.mark.parametrize("numbers", [(-1, 0, 4, 4), (0, -1, 4, 4), (0, 0, 0, 4), (0, 0, 4, 0)])
def test_an_impossible_box_is_refused(numbers):
    with pytest.raises(ValueError, match=r"width, height >= 1"):
        Box(*numbers)


def test_a_size_below_one_is_refused():
    with pytest.raises(ValueError, match="size >= 1"):
        Placement(Box(0, 0, 4, 4), 0)


def test_a_box_that_reaches_out_of_the_picture_is_refused():
    image = np.zeros((10, 20, 3), np.uint8)
    assert Box(0, 0, 20, 10).crop(image).shape == (10, 20, 3)
    with pytest.raises(ValueError, match="20x10"):
        Box(1, 0, 20, 10).crop(image)


def test_the_whole_box_covers_the_picture():
    assert Box.whole(np.zeros((10, 20, 3), np.uint8)) == Box(0, 0, 20, 10)


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (33, 17), (480, 560), (1080, 1919), (2160, 3840)])
@pytest.mark.parametrize("channels", [1, 3])
def test_shrink_gives_the_size_and_keeps_a_flat_colour(shape, channels):
    image = np.full((*shape, channels), 201, np.uint8)
    small = shrink(image, 64)
    assert small.shape == (64, 64, channels)
    assert small.dtype == np.uint8
    assert np.all(small == 201)


def test_what_shrink_returns_is_contiguous_memory_of_its_own():
    image = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
    image.flags.writeable = False
    small = shrink(image, 64)
    assert np.array_equal(small, image)
    assert small.flags.c_contiguous
    assert small.flags.writeable
    assert not np.shares_memory(small, image)


@pytest.mark.parametrize("shape", [(200, 300), (531, 622), (1080, 1439), (1079, 1920)])
def test_shrink_keeps_pixel_centres(shape):
    # A ramp is reproduced by every resize that keeps pixel centres, away from the clamped border.
    height, width = shape
    ramp = np.rint(np.linspace(0, 255, width)).astype(np.uint8)
    image = np.repeat(np.repeat(ramp[None, :, None], height, axis=0), 3, axis=2)
    columns = (np.arange(64) + 0.5) * width / 64 - 0.5
    expected = columns * 255 / (width - 1)
    assert np.abs(shrink(image, 64)[:, 1:-1].astype(float) - expected[None, 1:-1, None]).max() <= 1.5


@pytest.mark.parametrize("factor", [1.8, 2.0, 3.3, 5.45, 10.9])
def test_shrink_does_not_alias(factor):
    # Stripes finer than the result can carry must turn grey, not into other stripes.
    width = round(64 * factor)
    stripes = np.where(np.arange(width) % 2 == 0, 0, 255).astype(np.uint8)
    image = np.repeat(np.repeat(stripes[None, :, None], width, axis=0), 3, axis=2)
    contrast = shrink(image, 64)[:, 2:-2].astype(float).std()
    plain = cv2.resize(image, (64, 64), interpolation=cv2.INTER_LINEAR)[:, 2:-2].astype(float).std()
    assert contrast < max(12, 0.45 * plain)


def test_to_network_sees_the_box_alone():
    image = np.zeros((100, 200, 3), np.uint8)
    image[20:60, 30:130] = (10, 20, 30)
    network = Placement(Box(30, 20, 100, 40), 32).to_network(image)
    assert np.all(network == (10, 20, 30))


@pytest.mark.parametrize("box", [Box(0, 0, 96, 96), Box(7, 31, 640, 480), Box(240, 0, 1440, 1080)])
def test_the_corners_of_the_square_are_the_corners_of_the_box(box):
    placement = Placement(box, 96)
    corners = placement.to_frame([(-0.5, -0.5), (95.5, 95.5)])
    assert corners.dtype == np.float32
    expected = [(box.x - 0.5, box.y - 0.5), (box.x + box.width - 0.5, box.y + box.height - 0.5)]
    assert corners == pytest.approx(np.array(expected))


@pytest.mark.parametrize("radius", [3, 10, 30.3])
@pytest.mark.parametrize("centre", [(48, 48), (44.3, 50.8)])
def test_a_contour_is_accurate_to_a_fraction_of_a_pixel(radius, centre):
    (polyp,) = polyps_from_probability(disc(*centre, radius), square_placement(), threshold=0.5)
    assert distance_to_circle(polyp.contour, *centre, radius).max() < 0.06
    assert polyp.area_px == pytest.approx(np.pi * radius**2, rel=0.03)
    assert polyp.contour.dtype == np.float32


def test_a_contour_is_smooth_in_a_large_frame():
    placement = Placement(Box(240, 0, 1440, 1080), SIZE)
    (polyp,) = polyps_from_probability(disc(48, 48, 20), placement, threshold=0.5)
    edges = np.diff(np.vstack([polyp.contour, polyp.contour[:1]]), axis=0)
    edges = edges[np.hypot(*edges.T) > 0.5]
    turns = np.diff(np.unwrap(np.arctan2(edges[:, 1], edges[:, 0])))
    assert np.abs(turns).max() < np.radians(30)  # a staircase turns by 90


def test_the_score_is_the_highest_probability_inside_and_the_area_is_in_frame_pixels():
    probability = disc(30, 30, 10)
    probability[30, 30] = 0.97
    placement = Placement(Box(0, 0, 4 * SIZE, 2 * SIZE), SIZE)
    (polyp,) = polyps_from_probability(np.minimum(probability, 0.97), placement, threshold=0.5)
    assert polyp.score == pytest.approx(0.97)
    assert polyp.area_px == pytest.approx(8 * np.pi * 100, rel=0.03)


def test_small_regions_are_dropped_and_the_largest_comes_first():
    smallest = np.sqrt(MIN_AREA * SIZE**2 / np.pi)
    discs = [disc(20, 20, 0.8 * smallest, softness=0.2), disc(50, 20, 5), disc(50, 60, 12)]
    polyps = polyps_from_probability(np.maximum.reduce(discs), square_placement(), threshold=0.5)
    assert [round(polyp.area_px, -1) for polyp in polyps] == [450, 80]
    assert len(polyps_from_probability(discs[0], square_placement(), threshold=0.5, min_area=0.0)) == 1


def test_a_hole_belongs_to_its_region():
    ring = np.minimum(disc(48, 48, 30), 1 - disc(48, 48, 10))
    (polyp,) = polyps_from_probability(ring, square_placement(), threshold=0.5)
    assert polyp.area_px == pytest.approx(np.pi * 900, rel=0.02)


def test_a_region_at_the_border_ends_where_the_field_does():
    full = np.ones((SIZE, SIZE), np.float32)
    placement = Placement(Box(10, 20, 2 * SIZE, SIZE), SIZE)
    (polyp,) = polyps_from_probability(full, placement, threshold=0.5)
    assert polyp.contour.min(axis=0) == pytest.approx([9.5, 19.5])
    assert polyp.contour.max(axis=0) == pytest.approx([9.5 + 2 * SIZE, 19.5 + SIZE])


def test_nothing_above_the_threshold_gives_no_polyps():
    assert polyps_from_probability(disc(48, 48, 20) * 0.4, square_placement(), threshold=0.5) == ()


def test_a_map_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"\(96, 96\).*\(64, 64\)"):
        polyps_from_probability(disc(32, 32, 9, size=64), square_placement(), threshold=0.5)


def test_regions_are_kept_by_their_own_size():
    mask = np.zeros((20, 20), bool)
    mask[2:4, 2:6] = True  # 8 pixels
    mask[10:12, 10:12] = mask[12, 12] = True  # 5, the last one joined at a corner
    mask[17, 3:7] = True  # 4
    kept = large_regions(mask, 5)
    assert kept[:13].sum() == 13
    assert not kept[13:].any()
    assert not large_regions(np.zeros((5, 5), bool), 0).any()
