"""COCO files as the truth of a folder of pictures."""

import json

import cv2
import numpy as np
import pytest

from scr_live.errors import DataError, SourceUnreadableError
from scr_live.evaluation.video.truth.opening import find_truth

MASK = {"size": [10, 20], "counts": [23, 6, 4, 6, 4, 6, 4, 6, 141]}


@pytest.fixture
def folder(tmp_path):
    """Three frames, which sort by their numbers."""
    pictures = tmp_path / "001-001_frames"
    pictures.mkdir()
    for number in (2, 9, 10):
        cv2.imwrite(str(pictures / f"001-001_{number}.jpg"), np.zeros((10, 20, 3), np.uint8))
    return pictures


@pytest.fixture
def truth_of(tmp_path, folder):
    def read(*annotations, clip=None, images=None, **changes):
        path = tmp_path / "coco.json"
        path.write_text(
            json.dumps({"images": images or all_images(), "annotations": annotations, **changes}),
            encoding="utf-8",
        )
        return find_truth(str(path), str(clip or folder))

    return read


def image(number, name, **changes):
    return {"id": number, "file_name": name, "width": 20, "height": 10, **changes}


def all_images():
    """In another order than the frames, padded with zeros, and with a picture of another video."""
    names = ["train/001-001_000010.jpg", "001-001_000002.jpg", "002-001_2.jpg", "001-001_9.jpg"]
    return [image(100 + place, name) for place, name in enumerate(names)]


def polyp(image_id, bbox=(2, 3, 4, 6), **facts):
    return {"image_id": image_id, "bbox": list(bbox), "category_id": 1, **facts}


def test_frames_come_in_the_order_of_their_numbers(truth_of):
    truth = truth_of(
        polyp(101, unique_id="001-001_1"), polyp(100, (0, 0, 3, 3), unique_id="001-001_1"), polyp(102)
    )
    found = [truth.at(index).areas for index in range(3)]
    assert [list(areas) for areas in found] == [["001-001_1"], [], ["001-001_1"]]
    expected = np.zeros((10, 20), np.bool_)
    expected[3:9, 2:6] = True
    assert np.array_equal(found[0]["001-001_1"], expected)
    assert found[2]["001-001_1"].sum() == 9
    truth.check_end(3)


def test_without_unique_ids_polyps_are_named_by_their_place(truth_of):
    assert set(truth_of(polyp(101), polyp(101, (9, 1, 2, 2))).at(0).areas) == {"1", "2"}


def test_a_segmentation_in_runs_is_a_mask_and_polygons_are_not(truth_of):
    polygons = [[2, 3, 6, 3, 6, 9, 2, 9]]
    truth = truth_of(polyp(101, segmentation=MASK), polyp(103, segmentation=polygons))
    assert truth.at(0).mask.sum() == 24
    assert truth.at(1).mask is None


def test_a_pattern_takes_one_video_out_of_a_folder_of_many(truth_of, folder):
    cv2.imwrite(str(folder / "009-001_1.jpg"), np.zeros((10, 20, 3), np.uint8))
    truth_of(clip=folder / "001-001_*.jpg").check_end(3)


@pytest.mark.parametrize(
    ("annotation", "told"),
    [
        (
            polyp(101, (18, 3, 4, 6)),
            r"001-001_2.jpg, polyp 1: a bbox should be \[x, y, width, height\] within 20x10",
        ),
        (polyp(101, (1, 3, 0, 6)), r"a bbox should be \[x, y, width, height\]"),
        (polyp(101, (10**400, 0, 1.5, 5)), "within 20x10"),
        (polyp(101, (1.5, 0, -(10**400), 5)), "within 20x10"),
        ({"image_id": 101}, "a bbox should hold four numbers; found None"),
        (polyp(101, unique_id=[1]), "an id should be"),
        (polyp(101, (2, 3, 4, 4), segmentation=MASK), "out of its bbox"),
        ({"bbox": [1, 1, 1, 1]}, "each of the annotations should have its image_id"),
        (7, "each of the annotations"),
        (polyp(7), "an annotation is of the image 7, which is not among the images"),
    ],
    ids=str,
)
def test_what_is_wrong_with_an_annotation_is_told(truth_of, annotation, told):
    with pytest.raises(DataError, match=told):
        truth_of(annotation)


@pytest.mark.parametrize(
    ("images", "told"),
    [
        ([image(1, "001-001_2.jpg")], "has no image 001-001_9.jpg"),
        ([*all_images(), image(9, "001-001_0009.png")], "001-001_0009.png stands twice"),
        ([image(1, "001-001_2.jpg"), image(1, "b.jpg")], "001-001_2.jpg and b.jpg have one id, 1"),
        ([{"id": 1}], "each image should have a file_name"),
        ([{"file_name": "a.jpg"}], "each of the images should have its id"),
        ({"a": 1}, "images should be a list"),
        ([*all_images()[:3], image(3, "001-001_9.jpg", width=30)], "should have one size"),
        ([*all_images()[:3], image(3, "001-001_9.jpg", width=None)], "001-001_9.jpg: width should be"),
    ],
    ids=str,
)
def test_what_is_wrong_with_the_images_is_told(truth_of, images, told):
    with pytest.raises(DataError, match=told):
        truth_of(images=images)


def test_what_is_endless_is_told_in_short(truth_of):
    """An id of 4000 digits, and a number in a name that no int is made of."""
    endless = f"v_{'7' * 5000}.jpg"
    assert set(truth_of(polyp(101), images=[*all_images(), image(7, endless)]).at(0).areas) == {"1"}
    for annotations, images in (
        ([polyp(10**4000)], all_images()),
        ([], [image(10**4000, "a.jpg"), image(10**4000, "b.jpg")]),
        ([], [image(1, endless), image(2, endless)]),
        ([], [image(1, endless), image(1, "b.jpg")]),
        ([], [image("i" * 5000, "a.jpg"), image("i" * 5000, "b.jpg")]),
    ):
        with pytest.raises(DataError) as error:
            truth_of(*annotations, images=images)
        assert len(str(error.value)) < 500


def test_what_goes_with_a_folder_alone(truth_of, tmp_path):
    with pytest.raises(DataError, match="Give the folder of its frames"):
        truth_of(clip="clip.mp4")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceUnreadableError, match="found none"):
        truth_of(clip=tmp_path / "empty")
    with pytest.raises(DataError, match="annotations should be a list"):
        truth_of(annotations=None)
