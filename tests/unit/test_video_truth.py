"""What a video's truth says, and what is told of one that says nothing sensible."""

import json

import numpy as np
import pytest

from scr_live.errors import DataError, OptionError
from scr_live.evaluation.video.truth import NoPolyps, find_truth, read_boxes, touches
from scr_live.phantom.options import PhantomOptions
from scr_live.phantom.render import truth as phantom_truth

GOOD = {"width": 20, "height": 10, "fps": 25, "frames": [[], [{"bbox": [2, 3, 6, 9], "id": 7}]]}


@pytest.fixture
def written(tmp_path):
    def write(**changes):
        path = tmp_path / "truth.json"
        path.write_text(json.dumps({**GOOD, **changes}), encoding="utf-8")
        return path

    return write


def area(x1, y1, x2, y2):
    pixels = np.zeros((10, 20), np.bool_)
    pixels[y1:y2, x1:x2] = True
    return pixels


def test_boxes_become_areas_under_their_ids(written):
    truth = read_boxes(written())
    assert truth.at(0).areas == {}
    (name, found), *others = truth.at(1).areas.items()
    assert (name, others) == ("7", [])
    assert np.array_equal(found, area(2, 3, 6, 9))
    assert truth.at(1).mask is None


def test_boxes_without_ids_are_named_by_their_place(written):
    boxes = [{"bbox": [0, 0, 2, 2]}, {"bbox": [5, 5, 8, 8]}]
    assert set(read_boxes(written(frames=[boxes])).at(0).areas) == {"1", "2"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"width": "20"}, "width should be a whole number"),
        ({"height": 0}, "height should be a whole number"),
        ({"fps": 0}, "fps should be a number above 0"),
        ({"frames": {}}, "frames should be a list"),
        ({"frames": [None]}, "frame 0 should be a list"),
        ({"frames": [[], [[1, 2, 3, 4]]]}, "frame 1: each box should be written"),
        ({"frames": [[{"bbox": [1, 2, 3]}]]}, "each box should be written"),
        ({"frames": [[{"bbox": [1, 2, 3, "4"]}]]}, "four numbers"),
        ({"frames": [[{"bbox": [3, 2, 1, 4]}]]}, "x1 < x2"),
        ({"frames": [[{"bbox": [1, 2, 21, 4]}]]}, "within 20x10"),
        ({"frames": [[{"bbox": [1, 2, 3, 4], "id": None}]]}, "an id should be"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(written, changes, told):
    with pytest.raises(DataError, match=told):
        read_boxes(written(**changes))


def test_a_file_that_is_none(tmp_path):
    with pytest.raises(DataError, match="Cannot read the truth"):
        find_truth(str(tmp_path / "missing.json"), "clip.mp4")
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="is no JSON"):
        find_truth(str(tmp_path / "broken.json"), "clip.mp4")


def test_as_many_frames_as_the_video(written):
    truth = read_boxes(written())
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
