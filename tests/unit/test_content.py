import functools
from pathlib import Path

import cv2
import numpy as np
import pytest
from field_pictures import HD, SD, frame, mucosa, noisy, paste, write_text

from scr_live.content import FieldFinder, find_field
from scr_live.geometry import Box

CLIPS = Path(__file__).parents[2].parent / "shared" / "clips"


def assert_near(found, true, shape):
    reach = max(3, 0.015 * shape[1])
    edges = [(b.x, b.y, b.x + b.width, b.y + b.height) for b in (found, true)]
    assert np.abs(np.subtract(*edges)).max() <= reach, f"found {found}, the field is {true}"


FIELDS = [
    ("octagon", HD, Box(400, 12, 1280, 1056)),
    ("octagon", HD, Box(720, 0, 1200, 1080)),
    ("circle", HD, Box(430, 10, 1060, 1060)),
    ("circle", HD, Box(300, 0, 1300, 1080)),
    ("rounded", HD, Box(160, 40, 1440, 1000)),
    ("rectangle", HD, Box(600, 100, 1100, 880)),
    ("octagon", (720, 1280), Box(310, 40, 800, 640)),
    ("octagon", SD, Box(160, 10, 460, 460)),
    ("circle", SD, Box(90, 20, 440, 440)),
    ("rounded", (288, 384), Box(40, 14, 310, 260)),
    ("octagon", (1200, 1920), Box(460, 30, 1350, 1150)),
]


@pytest.mark.parametrize(("kind", "shape", "box"), FIELDS)
@pytest.mark.parametrize("ground", [0, 30])
def test_the_field_is_found(ground, kind, shape, box):
    assert_near(find_field(frame(kind, shape, box, ground=ground)), box, shape)


@pytest.mark.parametrize("noise", [1.5, 4.0])
@pytest.mark.parametrize(("kind", "shape", "box"), [FIELDS[0], FIELDS[2], FIELDS[7]])
def test_noise_in_the_black_changes_nothing(kind, shape, box, noise):
    assert_near(find_field(noisy(frame(kind, shape, box, ground=16), noise)), box, shape)


@pytest.mark.parametrize(("kind", "shape", "box"), FIELDS)
def test_text_beside_the_field_is_left_out(kind, shape, box):
    image = frame(kind, shape, box)
    write_text(image, 5)
    write_text(image, max(5, box.x - round(0.08 * shape[1])))  # reaches into the field
    assert_near(find_field(image), box, shape)


@pytest.mark.parametrize("gap", [0.02, 0.0, -0.08])
@pytest.mark.parametrize(("kind", "shape", "box"), [FIELDS[1], FIELDS[0], FIELDS[2], FIELDS[7]])
def test_a_second_picture_at_the_lower_left_is_left_out(kind, shape, box, gap):
    image = frame(kind, shape, box)
    width = round(0.15 * shape[1])
    x = max(0, box.x - width - round(gap * shape[1]))
    height = round(0.3 * shape[0])
    paste(image, Box(x, box.y + box.height - height, width, height))
    assert_near(find_field(image), box, shape)


def test_a_side_panel_of_pictures_is_left_out():
    box = Box(700, 20, 1200, 1040)
    image = frame("octagon", HD, box)
    for row in range(3):
        paste(image, Box(40, 60 + 340 * row, 420, 300), colour=(180, 90, 80))
    write_text(image, 480)
    assert_near(find_field(image), box, HD)


@pytest.mark.parametrize("shape", [HD, SD])
def test_a_picture_without_ground_is_used_whole(shape):
    image = mucosa(shape)
    assert find_field(image) == Box.whole(image)


def test_a_field_that_touches_all_edges_is_the_whole_frame():
    image = frame("octagon", SD, Box(0, 0, 640, 480))
    assert find_field(image) == Box.whole(image)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((*HD, 3), np.uint8),
        np.full((*HD, 3), 255, np.uint8),
        np.full((*SD, 3), (0, 0, 200), np.uint8),
        np.full((1, 1, 3), 90, np.uint8),
        np.full((2, 900, 3), 90, np.uint8),
        np.random.default_rng(0).integers(0, 255, (5, 3, 3), np.uint8),
    ],
    ids=["black", "white", "blue", "one pixel", "a line", "tiny"],
)
def test_when_there_is_no_field_the_whole_frame_is_used(image):
    assert find_field(image) == Box.whole(image)
    assert FieldFinder().update(image) == Box.whole(image)


@pytest.mark.parametrize("box", [Box(900, 500, 300, 250), Box(200, 500, 1600, 200)])
def test_an_absurd_field_is_not_believed(box):
    image = frame("rectangle", HD, box)
    assert find_field(image) == Box.whole(image)


def test_text_alone_is_no_field():
    image = np.zeros((*HD, 3), np.uint8)
    write_text(image, 100)
    assert find_field(image) == Box.whole(image)


FIELD = Box(160, 10, 460, 460)


@functools.cache
def pictures_of(kind, box):
    return [noisy(frame(kind, SD, box, ground=8, seed=seed), 1.5) for seed in range(4)]


def video(count, *, kind="octagon", box=FIELD):
    return (pictures_of(kind, box) * count)[:count]


ODD_FRAMES = {
    "black": np.zeros((*SD, 3), np.uint8),
    "white": np.full((*SD, 3), 255, np.uint8),
    "dark": (frame("octagon", SD, FIELD) * 0.15).astype(np.uint8),
    "half dark": np.hstack([frame("octagon", SD, FIELD)[:, :400], np.zeros((480, 240, 3), np.uint8)]),
    "bright all over": mucosa(SD),
    "another picture": frame("rectangle", SD, Box(20, 20, 300, 300)),
}


@pytest.mark.parametrize("odd", ODD_FRAMES.values(), ids=ODD_FRAMES.keys())
@pytest.mark.parametrize("position", [1, 4, 40])
def test_a_single_odd_frame_never_moves_the_box(odd, position):
    finder = FieldFinder(every=1)
    frames = video(56)
    frames[position] = odd
    boxes = {finder.update(image) for image in frames}
    assert len(boxes) == 1
    assert_near(boxes.pop(), FIELD, SD)


def test_half_of_the_field_may_lie_in_the_dark_for_long():
    finder = FieldFinder(every=1)
    before = [finder.update(image) for image in video(80)][-1]
    assert {finder.update(ODD_FRAMES["half dark"]) for _ in range(80)} == {before}


def test_a_menu_before_the_video_is_forgotten():
    finder = FieldFinder(every=1)
    for _ in range(10):
        finder.update(ODD_FRAMES["bright all over"])
    boxes = [finder.update(image) for image in video(60)]
    assert_near(boxes[-1], FIELD, SD)


def test_black_first_frames_are_waited_out():
    finder = FieldFinder()
    boxes = [finder.update(image) for image in [ODD_FRAMES["black"]] * 10 + video(10)]
    assert boxes[0] == Box(0, 0, 640, 480)
    assert_near(boxes[-1], FIELD, SD)


def test_a_field_seen_in_parts_is_put_together():
    # The lumen lies at one side after the other, so that no single frame shows all of the field.
    whole = frame("octagon", SD, FIELD)
    left, right = whole.copy(), whole.copy()
    left[:, :300], right[:, 480:] = 0, 0
    finder = FieldFinder(every=1)
    for _ in range(20):
        finder.update(left)
        box = finder.update(right)
    assert_near(box, FIELD, SD)


@pytest.mark.parametrize("every", [1, 3])
def test_another_field_is_adopted_once_it_persists(every):
    finder = FieldFinder(every=every)
    for image in video(60):
        finder.update(image)
    smaller = Box(330, 120, 300, 300)
    boxes = [finder.update(image) for image in video(100 * every, box=smaller)]
    assert_near(boxes[0], FIELD, SD)
    assert_near(boxes[-1], smaller, SD)
    boxes = [finder.update(image) for image in video(36 * every)]
    assert_near(boxes[-1], FIELD, SD)


def test_another_frame_size_starts_afresh():
    finder = FieldFinder()
    for image in video(20):
        finder.update(image)
    kind, shape, box = FIELDS[0]
    assert_near(finder.update(frame(kind, shape, box)), box, shape)


def test_every_below_one_is_refused():
    with pytest.raises(ValueError, match="1 or more"):
        FieldFinder(every=0)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "box"), [("polyp_behind_fold", Box(0, 0, 560, 480)), ("normal_colon", Box(28, 10, 366, 270))]
)
def test_the_field_of_a_real_clip_is_found_and_kept(name, box):
    path = CLIPS / f"{name}.mp4"
    if not path.exists():
        pytest.skip(f"the clips are not here: no {path.name}")
    capture, finder, boxes, shape = cv2.VideoCapture(str(path)), FieldFinder(), set(), (0, 0)
    while len(boxes) < 5 and capture.get(cv2.CAP_PROP_POS_FRAMES) < 150:
        image = np.ascontiguousarray(capture.read()[1][:, :, ::-1])
        boxes.add(finder.update(image))
        shape = image.shape[:2]
    capture.release()
    assert len(boxes) == 1
    assert_near(boxes.pop(), box, shape)
