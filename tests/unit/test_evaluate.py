"""Pictures scored on sets small enough to be counted by hand."""

import dataclasses

import numpy as np
import pytest
from evaluation_sets import BRIGHT, DULL, HALF, NOTHING, SIDE, make_set, write
from tiny_models import write_model

from scr_live.content import find_field
from scr_live.engines.constant import ConstantEngine
from scr_live.engines.opening import open_engine
from scr_live.errors import DataError, InferenceError
from scr_live.evaluation.image_sets import find_entries
from scr_live.evaluation.images import evaluate_pictures, probability_in_frame
from scr_live.evaluation.marks import TruePolyp
from scr_live.evaluation.metrics import Confusion, score
from scr_live.geometry import Box, Placement
from scr_live.shipped import read_model


@pytest.fixture
def image_set(tmp_path):
    """half: 64 pixels are marked, 32 of them and 32 others are polyp. clean: nothing. false: 64 marked."""
    pictures = {"half": (BRIGHT, HALF), "clean": (DULL, NOTHING), "false": (BRIGHT, NOTHING)}
    return make_set(tmp_path / "set", pictures)


@pytest.fixture
def engine(tmp_path):
    with open_engine("openvino", read_model(write_model(tmp_path)), precision="fp32") as opened:
        yield opened


def evaluate(engine, folder, *, threshold=0.6, **options):
    return evaluate_pictures(engine, find_entries(folder, None), threshold=threshold, **options)


def test_the_field_of_the_pictures_is_all_of_them():
    assert find_field(BRIGHT) == Box.whole(BRIGHT)


def test_pictures_counted_by_hand(engine, image_set):
    counted = []
    clean, false, half = evaluate(engine, image_set, progress=lambda *now: counted.append(now))
    assert [result.entry.image.name for result in (clean, false, half)] == [
        "clean.png",
        "false.png",
        "half.png",
    ]
    assert counted == [(1, 3), (2, 3), (3, 3)]
    # 256 pixels; 64 marked, 64 polyp, 32 both.
    assert half.counts == Confusion(32, 32, 32, 160)
    assert score(half.counts).dice == 0.5
    assert (half.has_polyp, half.marked, half.false_marks) == (True, True, 0)
    assert half.polyps == (TruePolyp(64 / 256, hit=True),)
    assert false.counts == Confusion(0, 64, 0, 192)
    assert (false.has_polyp, false.marked, false.false_marks) == (False, True, 1)
    assert (clean.has_polyp, clean.marked, clean.false_marks) == (False, False, 0)
    assert clean.counts == Confusion(0, 0, 0, 256)
    assert (half.highest, clean.highest) == pytest.approx((230 / 255, 90 / 255), abs=1e-3)


def test_a_sweep_counts_every_threshold_in_the_same_pass(engine, image_set):
    thresholds = (0.2, 0.6, 0.95)
    clean, _, half = evaluate(engine, image_set, sweep=thresholds)
    # 0.2: everything is marked. 0.6: as above. 0.95: nothing.
    assert half.at(0) == (Confusion(64, 192, 0, 0), True)
    assert half.at(1) == (half.counts, True)
    assert half.at(2) == (Confusion(0, 0, 64, 192), False)
    assert [clean.at(index)[1] for index in range(3)] == [True, False, False]


def test_calibration_looks_at_the_pixels_of_the_field(engine, image_set):
    clean, _, half = evaluate(engine, image_set)
    # Bin 0.3-0.4 holds 192 pixels, 32 of them polyp; bin 0.9-1.0 the 64 bright ones, 32 of them polyp.
    assert half.reliability[:, 0].tolist() == [0, 0, 0, 192, 0, 0, 0, 0, 0, 64]
    assert half.reliability[:, 2].tolist() == [0, 0, 0, 32, 0, 0, 0, 0, 0, 32]
    assert clean.reliability[3, 0] == SIDE * SIDE


def test_shares_and_calibration_are_of_the_field_and_a_polyp_outside_it_is_not_hit(engine, tmp_path):
    picture, truth = np.zeros((240, 320, 3), np.uint8), np.zeros((240, 320), np.uint8)
    picture[20:220, 60:280] = 230
    truth[100:120, 100:120] = truth[100:120, 20:30] = 255
    write(tmp_path / "set" / "images" / "a.png", picture)
    write(tmp_path / "set" / "masks" / "a.png", truth)
    box = find_field(picture)
    field_px = box.width * box.height
    (result,) = evaluate(engine, tmp_path / "set")
    assert result.field_px == field_px < 0.7 * 320 * 240
    assert result.polyps == (TruePolyp(200 / field_px, hit=False), TruePolyp(400 / field_px, hit=True))
    assert result.reliability[:, [0, 2]].sum(axis=0).tolist() == [field_px, 400]
    assert (result.counts.true_positive, result.counts.false_negative) == (400, 200)
    assert sum(dataclasses.astuple(result.counts)) == 320 * 240


@pytest.mark.parametrize("workers", [1, 3])
def test_the_number_of_threads_changes_nothing(workers, engine, image_set):
    plain, threaded = evaluate(engine, image_set), evaluate(engine, image_set, workers=workers)
    assert [result.counts for result in plain] == [result.counts for result in threaded]


def test_specks_that_a_run_would_not_mark_do_not_count(tmp_path):
    write(tmp_path / "set" / "images" / "speck.png", np.full((400, 400, 3), 90, np.uint8))
    # A disc of two pixels' radius among 256 x 256: 0.0002 of the field, a fourth of what a run would mark.
    (result,) = evaluate(ConstantEngine(256, 1.0, radius=0.008), tmp_path / "set", sweep=(0.3, 0.5))
    assert (result.marked, result.false_marks, result.counts.false_positive) == (False, 0, 0)
    assert result.sweep.sum() == 0
    assert result.highest == 1


def test_outside_the_field_the_probability_is_zero():
    placement = Placement(Box(4, 2, 8, 6), SIDE)
    frame = probability_in_frame(np.ones((SIDE, SIDE), np.float32), placement, shape=(10, 20))
    assert frame.shape == (10, 20)
    assert frame.sum() == 8 * 6
    assert frame[2:8, 4:12].min() == 1


def test_an_engine_that_answers_nonsense_ends_it_and_the_picture_is_named(tmp_path, image_set):
    model = read_model(write_model(tmp_path, name="nan", fill=float("nan")))
    with open_engine("openvino", model) as engine, pytest.raises(InferenceError, match="nan") as caught:
        evaluate(engine, image_set)
    assert caught.value.__notes__ == [f"at {image_set / 'images' / 'clean.png'}"]


def test_a_mask_of_another_size_is_named(engine, image_set):
    write(image_set / "masks" / "half.png", np.zeros((8, 20), np.uint8))
    with pytest.raises(DataError, match=r"half\.png is 20x8, its picture 16x16"):
        evaluate(engine, image_set)


@pytest.mark.parametrize("folder", ["images", "masks"])
@pytest.mark.parametrize(
    "content",
    [b"", b"no picture", b"BM" + b"\xff" * 60],
    ids=["empty", "text", "header of nonsense"],
)
def test_a_damaged_picture_is_named(folder, content, engine, image_set):
    (image_set / folder / "false.png").write_bytes(content)
    with pytest.raises(DataError, match=rf"{folder}/false\.png"):
        evaluate(engine, image_set)


def test_a_picture_too_large_for_opencv_is_named(engine, image_set):
    header = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (100_000).to_bytes(4, "big") * 2 + b"\x08\2\0\0\0"
    (image_set / "images" / "false.png").write_bytes(header + bytes(100))
    with pytest.raises(DataError, match=r"false\.png cannot be read as a picture"):
        evaluate(engine, image_set)
