"""Which pixels of a video may be kept: the field's, whatever comes before it, between and beside it."""

import copy
import functools
from pathlib import Path

import cv2
import numpy as np
import pytest
from field_pictures import HD, SD, frame, mask_of, mucosa, noisy
from margin_scenes import (
    FIELD,
    FIELDS,
    NOTHING,
    PAGES,
    TRUE,
    WHITE_PANEL,
    field,
    follow,
    near,
    page,
    shown_by,
)

from scr_live.geometry import Box
from scr_live.margins.mask import MarginMask

SHARED = Path(__file__).parents[2].parent / "shared"


@pytest.mark.parametrize("before", [*PAGES.values(), WHITE_PANEL], ids=[*PAGES, "white panel"])
def test_a_page_before_the_examination_is_hidden_and_the_field_shown_at_once(before):
    finder = MarginMask()
    assert not np.any(follow(finder, [before] * 30))
    shown = shown_by(finder, field())
    assert shown[TRUE].all()
    assert not shown[~near(TRUE, before)].any()


def window(share, *, level=120):
    """The field with a window of text over so much of it, from the left."""
    image = field()
    columns = np.flatnonzero(np.cumsum(TRUE.sum(axis=0)) <= share * TRUE.sum())
    covered = page(SD, ground=level, colour=(10, 10, 10) if level > 200 else (230, 230, 230))
    image[:, columns] = covered[:, columns]
    return image


WINDOWS = {
    f"{share:.0%} of {level}": window(share, level=level) for share in (0.6, 0.8) for level in (70, 200)
}


@pytest.mark.parametrize("later", [*PAGES.values(), *WINDOWS.values()], ids=[*PAGES, *WINDOWS])
def test_a_page_during_the_examination_is_hidden_from_its_first_frame(later):
    finder = MarginMask()
    before = follow(finder, [field(seed) for seed in range(30)])[-1]
    assert not np.any(follow(finder, [later] * 30))
    assert np.array_equal(follow(finder, [field(seed) for seed in range(3)])[-1], before)


@pytest.mark.parametrize("white", [window(0.6, level=255), window(0.8, level=255), WHITE_PANEL])
def test_a_known_limit_a_white_window_is_recorded_within_the_field(white):
    finder = MarginMask()
    usual = follow(finder, [field(seed) for seed in range(30)])[-1]
    for shown in follow(finder, [white] * 100):
        assert np.array_equal(shown, usual)


@pytest.mark.parametrize("share", [0.6, 0.8])
def test_a_known_limit_a_window_as_dark_as_the_margins_is_recorded_within_the_field(share):
    finder = MarginMask()
    usual = follow(finder, [field(seed) for seed in range(30)])[-1]
    assert np.array_equal(follow(finder, [window(share, level=8)] * 30)[-1], usual)


@pytest.mark.parametrize("level", [120, 255])
def test_a_known_limit_a_window_over_less_than_half_of_the_field_is_recorded(level):
    finder = MarginMask()
    usual = follow(finder, [field(seed) for seed in range(30)])[-1]
    image, box = field(), Box(250, 150, 280, 180)
    box.crop(image)[:] = box.crop(page(SD, ground=level, colour=(10, 10, 10)))
    assert np.array_equal(follow(finder, [image] * 30)[-1], usual)


ODD_FRAMES = {
    "black": NOTHING["black"],
    "white": NOTHING["white"],
    "white field": np.where(TRUE[:, :, None], np.full((*SD, 3), 255, np.uint8), np.uint8(8)),
    "dark": (frame("octagon", SD, FIELD) * 0.15).astype(np.uint8),
    "half dark": np.hstack([frame("octagon", SD, FIELD)[:, :400], np.zeros((480, 240, 3), np.uint8)]),
    "bright all over": mucosa(SD),
    "another picture": frame("rectangle", SD, Box(20, 20, 300, 300)),
}


LARGE_PICTURE = frame("rectangle", SD, Box(10, 10, 620, 460))
BEFORE = {
    "nothing": [],
    "a picture without margins": [mucosa(SD)] * 30,
    "a large picture": [LARGE_PICTURE] * 30,
}


@functools.cache
def settled(before, every):
    """A finder that knows the field, whatever came before it, and what it shows."""
    finder = MarginMask(every=every)
    usual = follow(finder, [*BEFORE[before], *(field(seed) for seed in range(140))])[-1]
    assert not usual[~near(TRUE, field())].any()
    return finder, usual


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("odd", ODD_FRAMES.values(), ids=ODD_FRAMES.keys())
@pytest.mark.parametrize(("count", "every"), [(1, 1), (12, 6)])
def test_odd_frames_neither_shrink_the_field_nor_open_the_margins(odd, count, every, before):
    finder, usual = copy.deepcopy(settled(before, every))
    frames = [odd] * count + [field(seed) for seed in range(20)]
    for shown in follow(finder, frames):
        assert np.array_equal(shown, usual)


@functools.cache
def soft(seed=0):
    """A field whose light fades towards its rim: its outline is never sharp."""
    far = cv2.distanceTransform(TRUE.astype(np.uint8), cv2.DIST_L2, 5)
    light = np.clip(far / 60, 0, 1)[:, :, None]
    return noisy((field(seed) * light + 8 * (1 - light)).astype(np.uint8), 1.5)


@pytest.mark.parametrize("odd", ODD_FRAMES.values(), ids=ODD_FRAMES.keys())
@pytest.mark.parametrize("count", [3, 12])
def test_odd_frames_open_no_margins_of_a_field_without_a_sharp_rim(odd, count):
    finder = MarginMask()
    follow(finder, [soft(seed % 4) for seed in range(20)])
    for shown in follow(finder, [odd] * count + [soft(seed % 4) for seed in range(20)]):
        assert not shown[~near(TRUE, odd)].any()


@pytest.mark.parametrize("usual", [field, soft])
def test_a_former_field_that_comes_back_for_one_look_leaves_nothing_open(usual):
    finder = MarginMask(every=1)
    known = follow(finder, [*[LARGE_PICTURE] * 30, *(usual(seed % 4) for seed in range(100))])[-1]
    assert not known[~near(TRUE, LARGE_PICTURE)].any()
    follow(finder, [LARGE_PICTURE])
    for shown in follow(finder, [usual(seed % 4) for seed in range(20)]):
        assert np.array_equal(shown, known)


@pytest.mark.parametrize(("before", "frames"), [(mucosa(SD), 120), (LARGE_PICTURE, 600)])
def test_a_field_without_a_sharp_rim_is_found_after_a_larger_picture(before, frames):
    finder = MarginMask()
    follow(finder, [before] * 30)
    shown = follow(finder, [soft(seed % 4) for seed in range(frames)])[-1]
    assert not shown[~near(TRUE, before)].any()


@pytest.mark.parametrize("usual", [field, soft])
def test_larger_looks_that_are_not_alike_open_nothing(usual):
    finder = MarginMask()
    follow(finder, [usual(seed % 4) for seed in range(20)])
    boxes = [Box(20, 20, 300, 300), Box(200, 20, 420, 440), Box(20, 160, 420, 300)]
    for shown in follow(finder, [frame("rectangle", SD, boxes[index % 3]) for index in range(60)]):
        assert not shown[~near(TRUE, LARGE_PICTURE)].any()


def test_smaller_looks_that_a_larger_one_interrupts_are_counted_anew():
    finder = MarginMask(every=1)
    usual = follow(finder, [field(seed) for seed in range(20)])[-1]
    small = field(box=Box(260, 100, 300, 300))
    rows = np.arange(SD[0])[:, None, None]
    half_lit = (field() * np.clip((360 - rows) / 80, 0, 1)).astype(np.uint8)
    frames = [*[small] * 14, half_lit, *[small] * 14]
    assert np.array_equal(follow(finder, frames)[-1], usual)
    assert follow(finder, [small])[-1].sum() < usual.sum()


def test_a_dark_lumen_for_long_does_not_shrink_the_field():
    finder = MarginMask()
    usual = follow(finder, [field(seed) for seed in range(10)])[-1]
    rows, columns = np.ogrid[: SD[0], : SD[1]]
    for index in range(300):  # a shadow with a soft edge wanders along the rim
        middle = 250 + 200 * np.sin(index / 40), 560
        far = np.hypot(rows - middle[0], columns - middle[1])
        light = np.clip((far - 120) / 90, 0.02, 1)[:, :, None]
        shown = shown_by(finder, (field(index % 4) * light + 8 * (1 - light)).astype(np.uint8))
        assert np.array_equal(shown, usual)


def test_a_field_that_is_lit_by_and_by_is_shown_as_far_as_it_was_seen():
    finder = MarginMask()
    rows = np.arange(SD[0])[:, None, None]
    lost = []
    for index in range(120):
        light = np.clip((160 + 4 * index - rows) / 80, 0, 1)
        image = noisy((frame("octagon", SD, FIELD, seed=1) * light).astype(np.uint8), 1.0)
        shown = shown_by(finder, image)
        lit = TRUE & (image.max(axis=2) > 60)
        lost.append(np.mean(~shown[lit]))
    first = lost.index(min(lost[:20]))
    assert first < 15  # a strip of light alone is no field
    assert max(lost[first:]) < 0.1
    assert lost[-1] == 0


def test_black_first_frames_are_waited_out():
    finder = MarginMask()
    follow(finder, [NOTHING["black"]] * 40)
    assert shown_by(finder, field())[TRUE].all()


@pytest.mark.parametrize(
    ("kind", "box"), [("octagon", Box(260, 100, 300, 300)), ("circle", Box(10, 20, 440, 440))]
)
def test_another_field_is_adopted_once_it_persists(kind, box):
    finder = MarginMask()
    follow(finder, [field(seed) for seed in range(30)])
    shown = follow(finder, [field(seed, kind=kind, box=box) for seed in range(120)])[-1]
    true = mask_of(kind, SD, box) > 0
    assert shown[true].all()
    assert not shown[~near(true, field())].any()


def test_a_field_that_was_hidden_for_long_is_shown_again_at_once():
    finder = MarginMask(every=1)
    usual = follow(finder, [field(seed) for seed in range(30)])[-1]
    small = field(kind="octagon", box=Box(260, 100, 300, 300))
    assert follow(finder, [small] * 40)[-1].sum() < usual.sum()
    assert np.array_equal(shown_by(finder, field()), usual)


def test_another_frame_size_starts_afresh():
    finder = MarginMask()
    follow(finder, [field(seed) for seed in range(30)])
    assert finder.update(page(HD)) is None
    kind, shape, box = FIELDS[0]
    assert shown_by(finder, frame(kind, shape, box))[mask_of(kind, shape, box) > 0].all()


def test_every_below_one_is_refused():
    with pytest.raises(ValueError, match="every 0 frames"):
        MarginMask(every=0)


@pytest.mark.parametrize(
    ("name", "kept"),
    [("normal_colon.mp4", (30, 22, 300, 234)), ("polyp_behind_fold.mp4", (4, 110, 552, 260))],
)
def test_no_pixel_of_a_real_field_is_lost(name, kept):
    path = SHARED / "clips" / name
    if not path.exists():
        pytest.skip(f"the clips are not here: no {path.name}")
    capture, finder = cv2.VideoCapture(str(path)), MarginMask()
    for index in range(180):
        image = np.ascontiguousarray(capture.read()[1][:, :, ::-1])
        mask = finder.update(image)
        assert mask is not None, index
        inside = mask[:, :, 0] > 0
        lit = cv2.medianBlur(image.max(axis=2), 7) > 40
        middle = np.s_[kept[1] : kept[1] + kept[3], kept[0] : kept[0] + kept[2]]
        assert np.mean(~inside[middle] & lit[middle]) < 0.001, index
    assert inside.mean() < 0.99
