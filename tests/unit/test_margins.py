"""Which pixels of a picture may be kept: the field's, and no others."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from field_pictures import HD, SD, frame, mask_of, mucosa, paste, write_text
from margin_scenes import FIELD, FIELDS, NOTHING, PAGES, TRUE, field, near, shown_by

from scr_live.geometry import Box
from scr_live.margins.mask import MarginMask, blacken

SHARED = Path(__file__).parents[2].parent / "shared"


@pytest.mark.parametrize("ground", [0, 30])
@pytest.mark.parametrize(("kind", "shape", "box"), FIELDS)
def test_all_of_the_field_is_kept_and_no_more_than_its_rim(ground, kind, shape, box):
    image = frame(kind, shape, box, ground=ground)
    true = mask_of(kind, shape, box) > 0
    shown = shown_by(MarginMask(), image)
    assert np.mean(shown[true]) >= 0.9999
    assert not shown[~near(true, image)].any()


@pytest.mark.parametrize(("kind", "shape", "box"), FIELDS)
def test_no_text_of_the_margins_or_the_corners_is_kept(kind, shape, box):
    clean = frame(kind, shape, box)
    image = clean.copy()
    width, height = shape[::-1]
    for x in (5, width - round(0.11 * width)):
        write_text(image, x)
    for x in (box.x + 3, box.x + box.width - round(0.05 * width)):
        for y in (box.y + round(0.03 * height), box.y + box.height - 4):
            cv2.putText(image, "DOE J", (x, y), cv2.FONT_HERSHEY_SIMPLEX, height / 1400, (230, 230, 230))
    true = mask_of(kind, shape, box) > 0
    text = (image != clean).any(axis=2) & ~near(true, image, cells=4)
    kept = blacken(image, MarginMask().update(image))
    assert text.any() or kind == "rectangle"
    assert not kept[text].any()
    assert np.mean((kept == image)[true]) > 0.9999


def test_of_text_that_reaches_into_the_field_only_what_lies_at_its_rim_is_kept():
    image = field()
    write_text(image, FIELD.x - 50)
    shown = shown_by(MarginMask(), image)
    assert not shown[~near(TRUE, image, cells=4)].any()
    assert shown[TRUE].all()


@pytest.mark.parametrize("overlap", [-0.02, 0.0, 0.08])
@pytest.mark.parametrize(("kind", "shape", "box"), [one for one in FIELDS if one[0] != "rectangle"])
def test_a_second_picture_at_a_corner_ends_where_the_field_does(overlap, kind, shape, box):
    image = frame(kind, shape, box)
    true = mask_of(kind, shape, box) > 0
    width, height = round(0.15 * shape[1]), round(0.3 * shape[0])
    x = max(0, box.x - width + round(overlap * shape[1]))
    paste(image, Box(x, box.y + box.height - height, width, height))
    shown = shown_by(MarginMask(), image)
    assert not shown[~near(true, image, cells=3)].any()
    assert shown[true].all()


@pytest.mark.parametrize("shape", [HD, SD, (288, 420)])
def test_a_picture_without_margins_is_kept_whole(shape):
    image = mucosa(shape)
    assert shown_by(MarginMask(), image).all()
    assert np.array_equal(blacken(image, MarginMask().update(image)), image)


@pytest.mark.parametrize(
    "image", [*PAGES.values(), *NOTHING.values()], ids=[*PAGES, *(f"{n} " for n in NOTHING)]
)
def test_what_shows_no_field_is_not_kept(image):
    assert MarginMask().update(image) is None
    assert not blacken(image, None).any()


@pytest.mark.parametrize("shape", [(2, 2), (3, 3), (5, 3), (4, 9), (16, 16), (1, 700), (48, 64)])
@pytest.mark.parametrize("high", [30, 255])
def test_no_size_is_too_small_to_be_judged(high, shape):
    image = np.random.default_rng(1).integers(0, high, (*shape, 3), np.uint8)
    finder = MarginMask(every=1)
    for _ in range(3):
        assert blacken(image, finder.update(image)).shape == image.shape


def test_blackening_leaves_the_frame_alone():
    image = field()
    image.flags.writeable = False
    kept = blacken(image, MarginMask().update(image))
    assert kept.flags.writeable
    assert kept.shape == image.shape


@pytest.mark.parametrize("name", ["cvc-clinicdb", "kvasir-seg", "negatives", "polypgen"])
def test_image_sets_are_shown(name):
    paths = sorted((SHARED / "data" / name / "images").glob("*.jpg"))[::60]
    if not paths:
        pytest.skip(f"the image sets are not here: no {name}")
    for path in paths:
        image = np.ascontiguousarray(cv2.imread(str(path))[:, :, ::-1])
        assert shown_by(MarginMask(), image).mean() > 0.25, path.name
