"""Which pictures an export is measured on. Needs no torch."""

import cv2
import numpy as np
import pytest

from scr_live.convert.pictures import select, synthetic, to_network
from scr_live.errors import DataError


@pytest.fixture
def directory(tmp_path, rng):
    for kind in ("images", "masks"):
        (tmp_path / "set" / kind).mkdir(parents=True)
        for number in range(10):
            picture = rng.integers(0, 2, (40, 48, 3), np.uint8) * 255
            assert cv2.imwrite(str(tmp_path / "set" / kind / f"{number}.png"), picture)
    return tmp_path / "set"


def split(directory, name):
    rows = [f"{name},{number},{'val' if number < 4 else 'train'}" for number in range(10)]
    (directory.parent / "splits.csv").write_text("\n".join(["dataset,id,split", *rows]) + "\n")


def stems(selection):
    return [entry.image.stem for entry in selection.entries]


def test_the_split_is_taken_where_a_table_names_it(directory):
    split(directory, "set")
    validation, training = select(directory, "val", most=99), select(directory, "train", most=99)
    assert (validation.name, validation.total) == ("set (val)", 4)
    assert (training.name, training.total) == ("set (train)", 6)
    assert set(stems(validation)).isdisjoint(stems(training))


@pytest.mark.parametrize("table", [None, "another set"])
def test_else_the_whole_set_is_taken(directory, table):
    if table:
        split(directory, table)
    selection = select(directory, "val", most=99)
    assert (selection.name, selection.total, len(selection.entries)) == ("set", 10, 10)


def test_a_table_that_names_the_set_but_not_the_split_is_told(directory):
    """The whole set instead would compare on the pictures of the training, or calibrate on the others."""
    rows = [f"set,{number},train" for number in range(10)]
    (directory.parent / "splits.csv").write_text("\n".join(["dataset,id,split", *rows]) + "\n")
    with pytest.raises(DataError, match=r"no picture of set to the split 'val'"):
        select(directory, "val", most=99)


def test_a_table_with_pictures_that_are_missing_is_told(directory):
    split(directory, "set")
    (directory / "images" / "1.png").unlink()
    with pytest.raises(DataError, match="names 1 pictures of the split 'val' that are not in"):
        select(directory, "val", most=99)


def test_a_table_that_is_none_is_told(directory):
    (directory / "splits.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="must have the columns"):
        select(directory, "val", most=99)


def test_a_name_that_is_too_long_is_told(tmp_path):
    with pytest.raises(DataError, match="too long"):
        select(tmp_path / ("a" * 300), "val", most=99)


def test_fewer_are_spread_evenly_over_it(directory):
    assert stems(select(directory, "val", most=4)) == ["0", "3", "6", "9"]
    assert stems(select(directory, "val", most=1)) == ["0"]


def test_a_fault_of_the_set_is_told(directory):
    (directory / "masks" / "3.png").unlink()
    with pytest.raises(DataError, match=r"3\.png has no mask"):
        select(directory, "val", most=4)


def test_pictures_come_as_the_network_gets_them(directory):
    images = to_network(select(directory, "val", most=2).entries, 32)
    assert [(image.shape, image.dtype) for image in images] == [((32, 32, 3), np.uint8)] * 2


def test_the_synthetic_pictures_are_noise_and_scenes_and_always_the_same():
    first, again = synthetic(32), synthetic(32)
    assert all(image.shape == (32, 32, 3) and image.dtype == np.uint8 for image in first)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))

    def roughness(image):
        return np.abs(np.diff(image.astype(float), axis=0)).mean()

    assert all(
        roughness(noise) > 2 * roughness(scene) for noise, scene in zip(first[:4], first[4:], strict=True)
    )
