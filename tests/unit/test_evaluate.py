"""Evaluation on sets small enough to be counted by hand. The tiny model answers with the brightness."""

import cv2
import numpy as np
import pytest
from tiny_models import write_model

from scr_live.content import find_field
from scr_live.engines.constant import ConstantEngine
from scr_live.engines.opening import open_engine
from scr_live.errors import DataError, InferenceError
from scr_live.evaluation.images import csv_rows, evaluate_set, probability_in_frame
from scr_live.geometry import Box, Placement
from scr_live.shipped import read_model

SIDE = 16


def boxed(box, *, inside, outside):
    x, y, width, height = box
    picture = np.full((SIDE, SIDE, 3), outside, np.uint8)
    picture[y : y + height, x : x + width] = inside
    return picture


def write(path, picture):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, picture)[1].tobytes())


BRIGHT = boxed((4, 4, 8, 8), inside=230, outside=90)
DULL = np.full((SIDE, SIDE, 3), 90, np.uint8)


@pytest.fixture
def image_set(tmp_path):
    """half: 64 pixels are marked, 32 of them and 32 others are polyp. clean: nothing. false: 64 marked."""
    folder = tmp_path / "set"
    for name, picture, polyp in (
        ("half", BRIGHT, (8, 4, 8, 8)),
        ("clean", DULL, (0, 0, 0, 0)),
        ("false", BRIGHT, (0, 0, 0, 0)),
    ):
        write(folder / "images" / f"{name}.png", picture)
        write(folder / "masks" / f"{name}.png", boxed(polyp, inside=255, outside=0)[..., 0])
    return folder


@pytest.fixture
def engine(tmp_path):
    with open_engine("openvino", read_model(write_model(tmp_path)), precision="f32") as opened:
        yield opened


def test_the_field_of_the_pictures_is_all_of_them():
    assert find_field(BRIGHT) == Box.whole(BRIGHT)


def test_means_counted_by_hand(engine, image_set):
    counted = []
    result = evaluate_set(
        engine, image_set, split=None, threshold=0.6, progress=lambda *now: counted.append(now)
    )
    negatives = SIDE * SIDE - 64
    assert result.as_dict() == pytest.approx(
        {
            "images": 3,
            "dice": (0.5 + 1 + 0) / 3,
            "iou": (1 / 3 + 1 + 0) / 3,
            "sensitivity": (0.5 + 1 + 0) / 3,
            "specificity": ((negatives - 32) / negatives + 1 + negatives / (SIDE * SIDE)) / 3,
            "threshold": 0.6,
            "images_without_polyp": 2,
            "falsely_marked_share": 0.5,
            "missed_share": 0.0,
        }
    )
    assert counted == [(1, 3), (2, 3), (3, 3)]


def test_rows_of_the_table(engine, image_set):
    result = evaluate_set(engine, image_set, split=None, threshold=0.6)
    rows = list(csv_rows(result))
    assert rows[0] == ["image", "dice", "iou", "sensitivity", "specificity", "has_polyp", "marked"]
    assert [row[0] for row in rows[1:]] == ["clean.png", "false.png", "half.png"]
    assert rows[3] == ["half.png", "0.500000", "0.333333", "0.500000", f"{160 / 192:.6f}", "1", "1"]


def test_without_masks_every_mark_is_false(engine, image_set):
    for mask in (image_set / "masks").iterdir():
        mask.unlink()
    (image_set / "masks").rmdir()
    means = evaluate_set(engine, image_set, split=None, threshold=0.6).as_dict()
    assert means["images_without_polyp"] == 3
    assert means["falsely_marked_share"] == pytest.approx(2 / 3)
    assert means["missed_share"] is None
    assert means["dice"] == pytest.approx(1 / 3)


def test_what_marks_nothing_misses_every_polyp(image_set):
    means = evaluate_set(ConstantEngine(), image_set, split=None, threshold=0.5).as_dict()
    assert (means["missed_share"], means["falsely_marked_share"]) == (1.0, 0.0)
    assert means["dice"] == pytest.approx(2 / 3)
    assert means["specificity"] == 1.0


def test_specks_that_a_run_would_not_mark_do_not_count(tmp_path, engine):
    speck = np.full((400, 400, 3), 90, np.uint8)
    speck[200:204, 200:204] = 255  # 16 of 160000 pixels, less than one in a thousand
    write(tmp_path / "set" / "images" / "speck.png", speck)
    result = evaluate_set(ConstantEngine(64, 1.0, radius=0.01), tmp_path / "set", split=None, threshold=0.5)
    assert not result.images[0].marked
    assert result.as_dict()["dice"] == 1.0


def test_outside_the_field_the_probability_is_zero():
    placement = Placement(Box(4, 2, 8, 6), SIDE)
    frame = probability_in_frame(np.ones((SIDE, SIDE), np.float32), placement, shape=(10, 20))
    assert frame.shape == (10, 20)
    assert frame.sum() == 8 * 6
    assert frame[2:8, 4:12].min() == 1


def test_an_engine_that_answers_nonsense_ends_it(tmp_path, image_set):
    model = read_model(write_model(tmp_path, name="nan", fill=float("nan")))
    with open_engine("openvino", model) as engine, pytest.raises(InferenceError, match="nan"):
        evaluate_set(engine, image_set, split=None, threshold=0.5)


def test_a_mask_of_another_size_is_named(engine, image_set):
    write(image_set / "masks" / "half.png", np.zeros((8, 20), np.uint8))
    with pytest.raises(DataError, match=r"half\.png is 20x8, its picture 16x16"):
        evaluate_set(engine, image_set, split=None, threshold=0.5)


@pytest.mark.parametrize("folder", ["images", "masks"])
@pytest.mark.parametrize(
    "content",
    [b"", b"no picture", b"BM" + b"\xff" * 60],
    ids=["empty", "text", "header of nonsense"],
)
def test_a_damaged_picture_is_named(folder, content, engine, image_set):
    (image_set / folder / "false.png").write_bytes(content)
    with pytest.raises(DataError, match=rf"{folder}/false\.png"):
        evaluate_set(engine, image_set, split=None, threshold=0.5)


def test_a_picture_too_large_for_opencv_is_named(engine, image_set):
    header = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (100_000).to_bytes(4, "big") * 2 + b"\x08\2\0\0\0"
    (image_set / "images" / "false.png").write_bytes(header + bytes(100))
    with pytest.raises(DataError, match=r"false\.png cannot be read as a picture"):
        evaluate_set(engine, image_set, split=None, threshold=0.5)
