"""What a video's truth says, and what is told of one that says nothing sensible."""

import json

import numpy as np
import pytest

from scr_live.errors import DataError, OptionError
from scr_live.evaluation.video.truth import touches
from scr_live.evaluation.video.truth.opening import NoPolyps, find_truth
from scr_live.phantom.options import PhantomOptions
from scr_live.phantom.render import truth as phantom_truth

GOOD = {"width": 20, "height": 10, "fps": 25, "frames": [[], [{"bbox": [2, 3, 6, 9], "id": 7}]]}

COUNTS = [23, 6, 4, 6, 4, 6, 4, 6, 141]
"""Columns 2 to 5 of 20, rows 3 to 8 of 10, column by column."""
PACKED = "g06400000Y4"
"""The same as pycocotools packs it."""


@pytest.fixture
def truth_of(tmp_path):
    def read(**changes):
        path = tmp_path / "truth.json"
        path.write_text(json.dumps({**GOOD, **changes}), encoding="utf-8")
        return find_truth(str(path), "clip.mp4")

    return read


def area(x1, y1, x2, y2):
    pixels = np.zeros((10, 20), np.bool_)
    pixels[y1:y2, x1:x2] = True
    return pixels


def masked(counts=COUNTS, size=(10, 20), **box):
    return {"mask": {"size": list(size), "counts": counts}, **box}


def test_boxes_become_areas_under_their_ids(truth_of):
    truth = truth_of()
    assert truth.at(0).areas == {}
    (name, found), *others = truth.at(1).areas.items()
    assert (name, others) == ("7", [])
    assert np.array_equal(found, area(2, 3, 6, 9))
    assert truth.at(1).mask is None


def test_boxes_without_ids_are_named_by_their_place(truth_of):
    boxes = [{"bbox": [0, 0, 2, 2]}, {"bbox": [5, 5, 8, 8]}]
    assert set(truth_of(frames=[boxes]).at(0).areas) == {"1", "2"}


@pytest.mark.parametrize(
    ("bbox", "pixels"),
    [([10.2, 4.1, 10.4, 4.3], (10, 4, 11, 5)), ([1.5, 2.5, 3.5, 4.5], (1, 2, 4, 5)), ([0, 0, 20, 10], None)],
)
def test_a_box_covers_each_pixel_that_lies_in_it_in_part(truth_of, bbox, pixels):
    (found,) = truth_of(frames=[[{"bbox": bbox}]]).at(0).areas.values()
    assert np.array_equal(found, area(*(pixels or bbox)))


@pytest.mark.parametrize("counts", [COUNTS, PACKED], ids=["a list", "packed"])
@pytest.mark.parametrize("box", [{}, {"bbox": [2, 3, 6, 9]}, {"bbox": [1.5, 2, 5.2, 20 / 2]}], ids=str)
def test_masks_are_read_column_by_column(truth_of, counts, box):
    found = truth_of(frames=[[masked(counts, **box)]]).at(0)
    assert np.array_equal(found.areas["1"], area(2, 3, 6, 9))
    assert np.array_equal(found.mask, area(2, 3, 6, 9))


def test_a_packed_mask_with_whole_columns_and_single_pixels(truth_of):
    """Whole columns are one run; packed by pycocotools."""
    found = truth_of(frames=[[masked("d0X1\\1iNb10")]]).at(0).mask
    assert np.array_equal(found, area(2, 0, 6, 10) | area(10, 4, 11, 5) | area(19, 9, 20, 10))


def test_the_mask_of_a_frame_is_known_if_that_of_each_polyp_is(truth_of):
    other = masked([0, 10, 190], id="b")
    box = {"bbox": [10, 3, 14, 9], "id": "c"}
    truth = truth_of(frames=[[masked(id="a"), other], [masked(id="a"), box], []])
    assert np.array_equal(truth.at(0).mask, area(2, 3, 6, 9) | area(0, 0, 1, 10))
    assert truth.at(1).mask is None
    assert set(truth.at(1).areas) == {"a", "c"}
    assert truth.at(2).mask is None


def test_two_pieces_of_one_polyp_are_one_area(truth_of):
    pieces = [masked(id="a"), masked([0, 10, 190], id="a")]
    (found,) = truth_of(frames=[pieces]).at(0).areas.values()
    assert np.array_equal(found, area(2, 3, 6, 9) | area(0, 0, 1, 10))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"width": "20"}, "width should be a whole number"),
        ({"height": 0}, "height should be a whole number"),
        ({"width": 10**400}, "width should be a whole number of pixels from 1 to 65535"),
        ({"fps": 0}, "fps should be a number from 0.01"),
        ({"fps": 10**400}, "fps should be a number from 0.01 to 1000"),
        ({"fps": True}, "fps should be a number"),
        ({"frames": {}}, "frames should be a list"),
        ({"frames": [None]}, "frame 0 should be a list"),
        ({"frames": [[], [[1, 2, 3, 4]]]}, "frame 1, polyp 1 should be written"),
        ({"frames": [[{"bbox": [1, 2, 3]}]]}, "four numbers"),
        ({"frames": [[{"bbox": [1, 2, 3, "4"]}]]}, "four numbers"),
        ({"frames": [[{"bbox": [1, 2, 3, float("nan")]}]]}, "four numbers"),
        ({"frames": [[{"bbox": [1, 2, 10**400, 4]}]]}, "within 20x10"),
        ({"frames": [[{"bbox": [3, 2, 1, 4]}]]}, "x1 < x2"),
        ({"frames": [[{"bbox": [1, 2, 21, 4]}]]}, "within 20x10"),
        ({"frames": [[{"bbox": [1, 2, 3, 4], "id": None}]]}, "an id should be"),
        ({"frames": [[{"id": 3}]]}, "should be written"),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_file_is_told(truth_of, changes, told):
    with pytest.raises(DataError, match=told):
        truth_of(**changes)


@pytest.mark.parametrize(
    ("polyp", "told"),
    [
        ({"mask": []}, "a mask should be written"),
        ({"mask": {"size": [10, 20]}}, "a mask should be written"),
        (masked(size=(20, 10)), r"should be that of the frame, \[10, 20\]: height, then width"),
        (masked([23.0, 6, 171]), "counts of a mask should be whole numbers from 0 to 200; found 23.0"),
        (masked([True, 6, 193]), "should be whole numbers"),
        (masked([-1, 201]), "should be whole numbers"),
        (masked([10**400]), "should be whole numbers"),
        (masked([23, 6]), r"add up to 200 \(20x10\); found 29"),
        (masked([200]), "the mask has no pixel"),
        (masked([200, 0]), "the mask has no pixel"),
        (masked("g0 6"), "characters from 0 to o; found ' '"),
        (masked("o" * 4000 + "0"), "characters a number at most; found more"),
        (masked(PACKED[:-1]), "end within a number"),
        (masked(PACKED[:-2]), "add up to 200"),
        (masked(bbox=[2, 3, 6, 7.5]), r"reaches from \(2, 3\) to \(6, 9\), out of its bbox"),
        (masked([42, 4, 16, 4, 134], bbox=[2, 2, 6, 4]), "column by column"),  # written row by row
        (masked([8, 4, 188], bbox=[0, 8, 1, 10]), r"reaches from \(0, 0\) to \(2, 10\)"),
    ],
    ids=lambda value: f"{value!s:.60}",
)
def test_what_is_wrong_with_a_mask_is_told_by_file_frame_and_polyp(truth_of, polyp, told):
    with pytest.raises(DataError, match=told) as error:
        truth_of(frames=[[], [{"bbox": [1, 2, 3, 4]}, polyp]])
    assert "truth.json: frame 1, polyp 2: " in str(error.value)


def test_a_file_that_is_none(tmp_path):
    with pytest.raises(DataError, match="Cannot read the truth"):
        find_truth(str(tmp_path / "missing.json"), "clip.mp4")
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="is no JSON"):
        find_truth(str(tmp_path / "broken.json"), "clip.mp4")
    (tmp_path / "list.json").write_text("[]", encoding="utf-8")
    with pytest.raises(DataError, match="an object with width, height, fps and frames, or COCO's images and"):
        find_truth(str(tmp_path / "list.json"), "clip.mp4")


def test_a_mark_of_the_byte_order_is_no_part_of_a_file(tmp_path):
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(GOOD), encoding="utf-8-sig")
    assert set(find_truth(str(path), "clip.mp4").at(1).areas) == {"7"}


def test_as_many_frames_as_the_video(truth_of):
    truth = truth_of()
    truth.check_end(2)
    with pytest.raises(DataError, match="holds 2 frames and the video has more"):
        truth.at(2)
    with pytest.raises(DataError, match="holds 2 frames and the video has 1"):
        truth.check_end(1)


def test_a_tenth_of_the_smaller_one_is_a_touch():
    polyp = area(0, 0, 10, 10)
    assert touches(area(9, 0, 19, 10), polyp)
    assert not touches(area(9, 1, 19, 11), area(0, 0, 10, 10) & area(0, 0, 20, 9))
    assert touches(area(4, 4, 5, 5), polyp)
    assert not touches(area(0, 0, 0, 0), polyp)


def test_none_and_the_phantom():
    assert isinstance(find_truth("none", "clip.mp4"), NoPolyps)
    with pytest.raises(OptionError, match="goes with a phantom"):
        find_truth("phantom", "clip.mp4")


def test_the_phantom_knows_its_masks():
    spec, options = "phantom:seed=0,size=160x128", PhantomOptions(width=160, height=128)
    truth = find_truth("phantom", spec)
    index = next(at for at in range(0, 250, 10) if phantom_truth(options, at).polyps)
    known, found = phantom_truth(options, index), truth.at(index)
    assert set(found.areas) == {str(polyp.polyp_id) for polyp in known.polyps}
    assert np.array_equal(found.mask, known.mask)
    assert np.array_equal(np.logical_or.reduce(list(found.areas.values())), known.mask)
