from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest

from scr_live.frames import Polyp, Prediction
from scr_live.geometry import Box, Placement, polyps_from_probability
from scr_live.overlays import (
    NIGHT,
    SKY,
    ContourOverlay,
    ScoreLabel,
    draw,
    draw_status,
    marks_mask,
    status_plate,
)

SHAPES = [(288, 384), (480, 560), (1080, 1920)]
MARKS = (ContourOverlay(), ScoreLabel())
SIZE = 128


def prediction_of(shape, *blobs, box=None):
    """Polyps at (x, y, radius), shares of the field."""
    rows, columns = (np.mgrid[:SIZE, :SIZE] + 0.5) / SIZE
    probability = np.zeros((SIZE, SIZE), np.float32)
    for x, y, radius in blobs:
        inside = 1 / (1 + np.exp((np.hypot(columns - x, rows - y) - radius) * 60))
        probability = np.maximum(probability, 0.93 * inside.astype(np.float32))
    placement = Placement(box or Box(0, 0, shape[1], shape[0]), SIZE)
    polyps = polyps_from_probability(probability, placement, threshold=0.5)
    return Prediction(0, polyps, probability, placement, 1.0, 0.0)


def tissue(shape, seed=0):
    image = np.random.default_rng(seed).integers(40, 220, (*shape, 3), np.uint8)
    image.flags.writeable = False
    return image


def changed(before, after):
    return (before != after).any(axis=2)


def near_contours(shape, polyps, reach_px):
    """Tell the pixels whose centre is at most that far from a contour: by distance, not by drawing."""
    mask = np.zeros(shape, bool)
    for polyp in polyps:
        closed = np.vstack([polyp.contour, polyp.contour[:1]])
        for start, end in pairwise(closed):
            left, top = np.maximum(np.floor(np.minimum(start, end) - reach_px).astype(int), 0)
            right, bottom = np.ceil(np.maximum(start, end) + reach_px).astype(int) + 1
            rows, columns = np.mgrid[top : min(bottom, shape[0]), left : min(right, shape[1])]
            offsets = np.stack([columns - start[0], rows - start[1]], axis=-1)
            along = end - start
            share = np.clip(offsets @ along / max(along @ along, 1e-9), 0, 1)
            distance = np.linalg.norm(offsets - share[..., None] * along, axis=-1)
            mask[rows, columns] |= distance <= reach_px
    return mask


def with_plates(mask, plates):
    mask = mask.copy()
    for plate in plates:
        mask[plate.y : plate.y + plate.height, plate.x : plate.x + plate.width] = True
    return mask


SCENES = {
    "one": [(0.5, 0.5, 0.1)],
    "three": [(0.2, 0.2, 0.08), (0.7, 0.3, 0.12), (0.6, 0.8, 0.05)],
    "at the edges": [(0.0, 0.0, 0.15), (1.0, 0.5, 0.1), (0.5, 1.0, 0.1)],
    "nearly all": [(0.5, 0.5, 0.45)],
}


@pytest.mark.parametrize("blobs", SCENES.values(), ids=SCENES.keys())
@pytest.mark.parametrize("shape", SHAPES)
def test_no_pixel_outside_the_marks_changes(shape, blobs):
    image, prediction = tissue(shape), prediction_of(shape, *blobs)
    picture = draw(image, prediction, MARKS)
    reach = near_contours(shape, prediction.polyps, MARKS[0].reach_px(shape[0]))
    allowed = with_plates(reach, MARKS[1].plates(shape, prediction))
    difference = changed(image, picture)
    assert difference.any()
    assert not (difference & ~allowed).any()
    assert not (difference & ~marks_mask(shape, prediction, MARKS)).any()


def test_the_contour_is_no_fill():
    shape = (480, 560)
    image, prediction = tissue(shape), prediction_of(shape, (0.5, 0.5, 0.2))
    picture = draw(image, prediction, [ContourOverlay()])
    assert changed(image, picture).mean() < 0.02
    assert np.array_equal(picture[200:280, 240:320], image[200:280, 240:320])


def test_drawing_leaves_the_frame_alone_and_gives_a_new_picture():
    image, prediction = tissue((480, 560)), prediction_of((480, 560), (0.5, 0.5, 0.1))
    before = image.copy()
    picture = draw(image, prediction, MARKS)
    assert np.array_equal(image, before)
    assert picture.flags.writeable
    assert not np.shares_memory(image, picture)


def test_where_nothing_is_marked_nothing_is_copied():
    image = tissue((480, 560))
    assert draw(image, None, MARKS) is image
    assert draw(image, prediction_of((480, 560)), MARKS) is image
    assert draw(image, prediction_of((480, 560), (0.5, 0.5, 0.1)), []) is image


@pytest.mark.parametrize(
    ("height", "thickness"), [(288, 1.4), (480, 1.4), (720, 3.4), (1080, 3.4), (2160, 7.4)]
)
def test_the_line_grows_with_the_picture(height, thickness):
    image = np.zeros((height, height, 3), np.uint8)
    contour = np.array([[9, 50], [height - 9, 50], [height - 9, height - 9], [9, height - 9]], np.float32)
    prediction = prediction_of((height, height))
    polyps = (Polyp(contour, 0.9, 1.0),)
    marked = Prediction(0, polyps, prediction.probability, prediction.placement, 1.0, 0.0)
    ContourOverlay()(image, marked)
    across = image[20:100, height // 2].astype(float)
    coloured = (across[:, 2] - NIGHT[2]).clip(0) / (SKY[2] - NIGHT[2])
    assert coloured.sum() == pytest.approx(thickness, abs=0.3)
    assert np.average(np.arange(20, 100), weights=coloured) == pytest.approx(50, abs=0.3)


def test_a_thickness_of_ones_own_is_used():
    shape = (480, 560)
    prediction = prediction_of(shape, (0.5, 0.5, 0.2))
    thin, thick = (marks_mask(shape, prediction, [ContourOverlay(thickness=t)]).sum() for t in (1, 6))
    assert thick > 1.5 * thin


def test_the_line_moves_by_parts_of_a_pixel():
    def centre(y):
        image = np.zeros((720, 720, 3), np.uint8)
        contour = np.array([[100, y], [600, y], [600, 600], [100, 600]], np.float32)
        prediction = prediction_of((720, 720))
        polyps = (Polyp(contour, 0.9, 1.0),)
        ContourOverlay()(image, Prediction(0, polyps, prediction.probability, prediction.placement, 1.0, 0.0))
        light = image[150:250, 350, 2].astype(float)
        return np.average(np.arange(150, 250), weights=light)

    assert centre(200.5) - centre(200.0) == pytest.approx(0.5, abs=0.15)
    assert centre(200.25) - centre(200.0) == pytest.approx(0.25, abs=0.15)


@pytest.mark.parametrize("blobs", SCENES.values(), ids=SCENES.keys())
@pytest.mark.parametrize("shape", SHAPES)
def test_labels_lie_inside_the_picture_and_on_no_polyp_where_there_is_room(shape, blobs):
    prediction = prediction_of(shape, *blobs)
    plates = ScoreLabel().plates(shape, prediction)
    assert len(plates) == len(prediction.polyps) == len(blobs)
    blank = np.zeros(shape, np.uint8)
    outlines = [np.rint(polyp.contour).astype(np.int32) for polyp in prediction.polyps]
    polyps = cv2.fillPoly(blank.copy(), outlines, 1)
    covered = np.zeros(shape, int)
    for plate in plates:
        assert plate.x + plate.width <= shape[1]
        assert plate.y + plate.height <= shape[0]
        assert not polyps[plate.y : plate.y + plate.height, plate.x : plate.x + plate.width].any()
        covered[plate.y : plate.y + plate.height, plate.x : plate.x + plate.width] += 1
    assert covered.max() == 1


def test_a_label_stays_in_the_field():
    shape, field = (720, 1280), Box(400, 0, 800, 720)
    prediction = prediction_of(shape, (0.98, 0.5, 0.1), box=field)
    (plate,) = ScoreLabel().plates(shape, prediction)
    assert plate.x >= field.x
    assert plate.x + plate.width <= field.x + field.width


@pytest.mark.parametrize("shape", [(12, 10), (30, 400), (5, 5), (1, 1)])
def test_a_picture_smaller_than_its_label_is_no_error(shape):
    prediction = prediction_of(shape, (0.5, 0.5, 0.4))
    assert draw(tissue(shape), prediction, MARKS).shape == (*shape, 3)


def test_a_prediction_of_a_larger_frame_is_no_error():
    prediction = prediction_of((1080, 1920), (0.9, 0.9, 0.05))
    assert draw(tissue((480, 640)), prediction, MARKS).shape == (480, 640, 3)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_score_can_be_read(shape):
    image, prediction = np.full((*shape, 3), 128, np.uint8), prediction_of(shape, (0.5, 0.5, 0.1))
    (plate,) = ScoreLabel().plates(shape, prediction)
    picture = plate.crop(draw(image, prediction, [ScoreLabel()]))
    strokes = picture[:, :, 2] > 150
    lines = np.flatnonzero(strokes.any(axis=1))
    capitals_px = lines[-1] - lines[0] + 1
    assert 9 <= capitals_px <= shape[0] / 20
    assert capitals_px >= 0.015 * shape[0]
    # "0.93" is three digits and a point: at least four groups of lit columns, all inside the plate.
    groups = np.diff(np.concatenate([[0], strokes.any(axis=0), [0]]).astype(int)).clip(0).sum()
    assert groups >= 3
    assert not strokes[[0, -1]].any()
    assert not strokes[:, [0, -1]].any()


def test_scores_that_differ_look_different():
    shape = (480, 560)
    one = prediction_of(shape, (0.5, 0.5, 0.1))
    (polyp,) = one.polyps
    other = Prediction(
        0, (Polyp(polyp.contour, 0.58, polyp.area_px),), one.probability, one.placement, 1.0, 0.0
    )
    image = tissue(shape)
    assert not np.array_equal(draw(image, one, [ScoreLabel()]), draw(image, other, [ScoreLabel()]))


@pytest.mark.parametrize("text", ["AI late", "no signal"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("side", ["left", "right", "top", "bottom", "none"])
def test_status_stands_outside_the_field_if_there_is_room(shape, text, side):
    height, width = shape
    room = {
        "left": Box(width // 3, 0, width - width // 3, height),
        "right": Box(0, 0, width - width // 3, height),
        "top": Box(0, height // 6, width, height - height // 6),
        "bottom": Box(0, 0, width, height - height // 6),
        "none": Box(0, 0, width, height),
    }
    field = room[side]
    image = tissue(shape).copy()
    before = image.copy()
    draw_status(image, text, field)
    plate = status_plate(shape, text, field)
    difference = changed(before, image)
    assert difference.any()
    assert not (difference & ~with_plates(np.zeros(shape, bool), [plate])).any()
    if side == "none":
        assert (plate.x, plate.y) == (0, 0)
        assert plate.height < 0.1 * height
    else:
        inside = difference[field.y : field.y + field.height, field.x : field.x + field.width]
        assert not inside.any()


def test_no_status_changes_nothing():
    image = tissue((480, 560)).copy()
    before = image.copy()
    draw_status(image, "", Box(0, 0, 560, 480))
    assert np.array_equal(image, before)


@pytest.mark.parametrize("shape", [(8, 8), (1, 1)])
def test_status_in_a_tiny_picture_is_no_error(shape):
    draw_status(tissue(shape).copy(), "no signal", Box(0, 0, shape[1], shape[0]))


# Cluster centres of 80,000 pixels of colonoscopy pictures, then blood, stool and dyed mucosa.
MUCOSA = [
    (123, 68, 47), (90, 51, 36), (181, 103, 75), (54, 30, 22), (166, 80, 49), (140, 95, 74), (234, 153, 106),
    (222, 114, 67), (197, 130, 100), (235, 191, 151), (90, 20, 15), (150, 110, 30), (60, 90, 110),
]  # fmt: skip
HIGHLIGHT = (247, 240, 222)
# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB.
SIGHT = {
    "normal": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881],
    ],
    "protanopia": [
        [0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900],
    ],
}  # fmt: skip


def seen_lab(colour, sight):
    """Convert sRGB 0..255 to CIE L*a*b* as that eye sees it."""
    value = np.asarray(colour, float) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    red, green, blue = np.clip(np.array(sight) @ linear, 0, 1)
    x = (0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / 0.95047
    y = 0.2126729 * red + 0.7151522 * green + 0.0721750 * blue
    z = (0.0193339 * red + 0.1191920 * green + 0.9503041 * blue) / 1.08883
    f = [np.cbrt(v) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z)]
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def difference_seen(one, other, sight):
    return np.linalg.norm(seen_lab(one, sight) - seen_lab(other, sight))


@pytest.mark.parametrize("name", ["normal", "deuteranopia", "protanopia"])
@pytest.mark.parametrize("ground", [*MUCOSA, HIGHLIGHT])
def test_the_colour_stands_out_on_mucosa(ground, name):
    # A difference of 2.3 is just noticeable, one of 30 is seen at a glance.
    assert difference_seen(SKY, ground, SIGHT[name]) > 30


@pytest.mark.parametrize("sight", SIGHT.values(), ids=SIGHT.keys())
def test_line_and_edge_stand_out_from_each_other_for_every_eye(sight):
    assert difference_seen(SKY, NIGHT, sight) > 65


@pytest.mark.parametrize("sight", SIGHT.values(), ids=SIGHT.keys())
@pytest.mark.parametrize("ground", [*MUCOSA, HIGHLIGHT])
def test_on_any_ground_the_line_or_its_edge_stands_out(ground, sight):
    assert max(difference_seen(colour, ground, sight) for colour in (SKY, NIGHT)) > 35


# --- what is not announced yet ------------------------------------------------------------------------------


def unannounced(prediction):
    return replace(prediction, polyps=tuple(replace(one, announced=False) for one in prediction.polyps))


def test_a_region_that_is_not_announced_is_drawn_thinly_without_a_score():
    shape = (480, 560)
    prediction = prediction_of(shape, (0.5, 0.5, 0.15))
    loud, faint = (marks_mask(shape, one, MARKS) for one in (prediction, unannounced(prediction)))
    assert 0 < faint.sum() < loud.sum() / 2
    assert not (faint & ~loud).any()
    assert ScoreLabel().plates(shape, unannounced(prediction)) == []


def test_announced_and_other_regions_stand_side_by_side():
    shape = (480, 560)
    both = prediction_of(shape, (0.25, 0.5, 0.12), (0.75, 0.5, 0.12))
    mixed = replace(both, polyps=(both.polyps[0], replace(both.polyps[1], announced=False)))
    assert len(ScoreLabel().plates(shape, mixed)) == 1
    image = draw(tissue(shape), mixed, MARKS)
    changed = np.any(image != tissue(shape), axis=2)
    np.testing.assert_array_less(changed.astype(int) - marks_mask(shape, mixed, MARKS).astype(int), 1)
