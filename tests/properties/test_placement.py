import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from scr_live.geometry import Box, Placement, polyps_from_probability

boxes = st.builds(Box, st.integers(0, 500), st.integers(0, 500), st.integers(1, 4000), st.integers(1, 4000))
placements = st.builds(Placement, boxes, st.sampled_from([64, 97, 352, 448]))
shares = st.floats(0, 1, allow_nan=False)


@given(placements, st.lists(st.tuples(shares, shares), min_size=1, max_size=20))
def test_points_come_back_from_network_space(placement, points_in_box):
    box = placement.box
    points = np.array(points_in_box) * (box.width, box.height) + (box.x - 0.5, box.y - 0.5)
    back = placement.to_frame(placement.to_network_points(points))
    assert np.abs(back - points).max() < 1e-3


@settings(max_examples=60, deadline=None)
@given(
    size=st.sampled_from([128, 160]),
    stretch=st.tuples(st.floats(0.8, 1.25), st.floats(0.8, 1.25)),
    corner=st.tuples(st.integers(0, 40), st.integers(0, 40)),
    blob=st.tuples(
        st.tuples(st.floats(0.3, 0.7), st.floats(0.3, 0.7)),  # centre, shares of the box
        st.tuples(st.floats(0.06, 0.22), st.floats(0.06, 0.22)),  # semi-axes, shares of the size
        st.floats(0, 180),
    ),
)
def test_a_blob_in_the_frame_comes_back_to_within_a_pixel(size, stretch, corner, blob):
    box = Box(*corner, round(stretch[0] * size), round(stretch[1] * size))
    (across, down), radii, angle_deg = blob
    x, y = box.x + across * box.width, box.y + down * box.height
    semi_axes = np.array(radii) * size
    shape = (box.y + box.height + 9, box.x + box.width + 5)
    image = np.repeat(ellipse_coverage(shape, x, y, semi_axes=semi_axes, angle_deg=angle_deg), 3, axis=2)

    placement = Placement(box, size)
    probability = placement.to_network(image)[:, :, 0].astype(np.float32) / 255
    (polyp,) = polyps_from_probability(probability, placement, threshold=0.5)

    outline = ellipse_outline(x, y, semi_axes=semi_axes, angle_deg=angle_deg)
    assert np.abs(signed_distance(polyp.contour, outline)).max() < 1.0
    assert np.abs(signed_distance(outline[::9], polyp.contour)).max() < 1.0


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.5, 3.0), st.floats(0.2, 0.8))
def test_a_contour_separates_the_pixels_above_the_threshold_from_the_others(seed, blur, threshold):
    noise = np.random.default_rng(seed).random((40, 40)).astype(np.float32)
    probability = cv2.GaussianBlur(noise, (0, 0), blur)
    probability = ((probability - probability.min()) / np.ptp(probability)).astype(np.float32)
    polyps = polyps_from_probability(
        probability, Placement(Box(0, 0, 40, 40), 40), threshold=threshold, min_area=0.0
    )
    above = (probability >= threshold).astype(np.uint8)
    outer, _ = cv2.findContours(above, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = cv2.drawContours(np.zeros_like(above), outer, -1, 1, cv2.FILLED)
    covered = np.zeros_like(above)
    for polyp in polyps:
        for row, column in np.ndindex(covered.shape):
            point = (float(column), float(row))
            covered[row, column] |= cv2.pointPolygonTest(polyp.contour, point, measureDist=False) >= 0
    assert np.array_equal(covered, filled)
    assert len(polyps) == len(outer)


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 0.9), st.floats(0.0, 0.09))
@settings(max_examples=40, deadline=None)
def test_a_higher_threshold_marks_no_more(seed, threshold, step):
    noise = np.random.default_rng(seed).random((48, 48)).astype(np.float32)
    probability = np.asarray(cv2.GaussianBlur(noise, (0, 0), 4.0), np.float32)
    probability = (probability - probability.min()) / np.ptp(probability)
    placement = Placement(Box(0, 0, 48, 48), 48)
    low = polyps_from_probability(probability, placement, threshold=threshold)
    high = polyps_from_probability(probability, placement, threshold=threshold + step)
    assert sum(p.area_px for p in high) <= sum(p.area_px for p in low) + 1e-3


def turn(angle_deg):
    cosine, sine = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    return np.array([[cosine, sine], [-sine, cosine]])


def ellipse_outline(x, y, *, semi_axes, angle_deg):
    angles = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1) * semi_axes
    return points @ turn(angle_deg) + (x, y)


def ellipse_coverage(shape, x, y, *, semi_axes, angle_deg):
    """Draw the share of each pixel that the ellipse covers, by 3 x 3 samples, (h, w, 1)."""
    rows, columns = ((np.arange(3 * side) + 0.5) / 3 - 0.5 for side in shape)
    offsets = np.stack(np.meshgrid(columns - x, rows - y), axis=2) @ turn(angle_deg).T / semi_axes
    inside = np.square(offsets).sum(axis=2) <= 1
    covered = inside.reshape(shape[0], 3, shape[1], 3).mean(axis=(1, 3))
    return np.rint(255 * covered).astype(np.uint8)[:, :, None]


def signed_distance(points, outline):
    polygon = outline.astype(np.float32)
    return np.array(
        [cv2.pointPolygonTest(polygon, (float(x), float(y)), measureDist=True) for x, y in points]
    )
