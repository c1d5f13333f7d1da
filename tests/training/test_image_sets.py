"""Image sets on disk and in memory. Needs no torch: evaluation reads the same sets."""

import cv2
import numpy as np
import pytest

from scr_live.errors import DataError
from scr_live.evaluation.image_sets import Entry, find_entries, read_image, read_mask
from scr_live.training.data import load_samples


def picture(*, width=48, height=40):
    """Bright enough everywhere that the whole of it is the field."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack((150 + columns, 90 + rows, 80 + 0 * rows), axis=-1).astype(np.uint8)  # RGB


def disc(*, width=48, height=40, radius=10, value=255):
    rows, columns = np.mgrid[:height, :width]
    inside = (columns - width // 2) ** 2 + (rows - height // 2) ** 2 <= radius**2
    return np.where(inside, value, 0).astype(np.uint8)


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    bgr = image[..., ::-1] if image.ndim == 3 else image
    assert cv2.imwrite(str(path), np.ascontiguousarray(bgr))
    return path


@pytest.fixture
def polyps(tmp_path):
    """Four pictures with masks, and a table beside the set."""
    for name in "abcd":
        write(tmp_path / "polyps" / "images" / f"{name}.png", picture())
        write(tmp_path / "polyps" / "masks" / f"{name}.png", disc())
    rows = ["dataset,id,split", "polyps,a,train", "polyps,b,train", "polyps,c,val", "other,d,val"]
    (tmp_path / "splits.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "polyps"


def stems(entries):
    return [entry.image.stem for entry in entries]


def test_every_picture_gets_the_mask_of_its_name(polyps):
    entries = find_entries(polyps, None)
    assert stems(entries) == ["a", "b", "c", "d"]
    assert all(entry.mask.stem == entry.image.stem for entry in entries)
    assert {entry.set_name for entry in entries} == {"polyps"}


def test_a_mask_may_be_of_another_type(polyps):
    (polyps / "masks" / "b.png").unlink()
    write(polyps / "masks" / "b.BMP", disc())
    assert find_entries(polyps, None)[1].mask.name == "b.BMP"


def test_a_set_without_masks_folder_has_no_polyps(tmp_path):
    write(tmp_path / "clean" / "images" / "a.png", picture())
    entries = find_entries(tmp_path / "clean", None)
    assert entries == [Entry("clean", tmp_path / "clean" / "images" / "a.png", None)]
    (sample,) = load_samples(entries, size=32)
    assert not sample.has_polyp


def test_files_that_are_no_pictures_are_passed_over(polyps):
    (polyps / "images" / "notes.txt").write_text("x")
    (polyps / "images" / "._a.png").write_text("a file manager's own")
    assert stems(find_entries(polyps, None)) == ["a", "b", "c", "d"]


def test_splits_come_from_the_table_beside_the_set(polyps):
    assert stems(find_entries(polyps, "train")) == ["a", "b"]
    assert stems(find_entries(polyps, "val")) == ["c"]


def test_a_table_in_the_set_itself_goes_first(polyps):
    (polyps / "splits.csv").write_text("dataset,id,split\npolyps,d,val\n", encoding="utf-8-sig")
    assert stems(find_entries(polyps, "val")) == ["d"]


def test_a_split_nobody_is_in_is_refused_with_those_there_are(polyps):
    with pytest.raises(DataError, match=r"'test'.*train, val"):
        find_entries(polyps, "test")


def test_a_split_with_pictures_that_are_not_there_is_refused(polyps):
    (polyps / "images" / "b.png").unlink()
    with pytest.raises(DataError, match=r"1 pictures of the split 'train'.*such as b"):
        find_entries(polyps, "train")


def test_a_table_without_the_columns_is_refused(polyps):
    (polyps.parent / "splits.csv").write_text("name,part\na,train\n")
    with pytest.raises(DataError, match=r"columns dataset, id and split; found name, part"):
        find_entries(polyps, "train")


def test_a_split_without_any_table_is_refused(polyps):
    (polyps.parent / "splits.csv").unlink()
    with pytest.raises(DataError, match=r"--split train needs a splits\.csv"):
        find_entries(polyps, "train")


def test_a_missing_mask_is_named(polyps):
    (polyps / "masks" / "c.png").unlink()
    with pytest.raises(DataError, match=r"c\.png has no mask"):
        find_entries(polyps, None)
    assert stems(find_entries(polyps, "train")) == ["a", "b"]  # which do have theirs


def test_a_folder_without_images_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="is no image set"):
        find_entries(tmp_path, None)


def test_an_empty_images_folder_is_refused(tmp_path):
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match=r"holds no pictures.*\.png"):
        find_entries(tmp_path, None)


def test_two_pictures_of_one_name_are_refused(polyps):
    write(polyps / "images" / "a.bmp", picture())
    with pytest.raises(DataError, match=r"a\.bmp and a\.png"):
        find_entries(polyps, None)


def test_pictures_are_read_as_rgb(polyps):
    np.testing.assert_array_equal(read_image(polyps / "images" / "a.png"), picture())


def test_masks_are_decided_at_half_grey(polyps):
    values = np.array([[0, 1, 127, 128, 254, 255]], np.uint8)
    path = write(polyps / "masks" / "a.png", values)
    np.testing.assert_array_equal(read_mask(path), [[0, 0, 0, 255, 255, 255]])


def test_a_mask_of_zero_and_one_is_refused_rather_than_taken_as_empty(polyps):
    path = write(polyps / "masks" / "a.png", disc(value=1))
    with pytest.raises(DataError, match=r"a\.png is no mask of 0 and 255: its brightest pixel is 1"):
        read_mask(path)


def test_an_empty_mask_stays_empty(polyps):
    path = write(polyps / "masks" / "a.png", disc(value=0))
    assert not read_mask(path).any()


def test_samples_are_squares_in_the_order_given(polyps):
    write(polyps / "images" / "b.png", picture(width=80, height=40))
    write(polyps / "masks" / "b.png", disc(width=80, height=40, radius=4))
    entries = find_entries(polyps, "train")
    first, second = load_samples(entries, size=32)
    assert first.image.shape == second.image.shape == (32, 32, 3)
    assert set(np.unique(first.mask)) == {0, 255}
    assert first.mask.mean() / 255 == pytest.approx(np.pi * 10**2 / (48 * 40), rel=0.1)
    assert second.mask.mean() / 255 == pytest.approx(np.pi * 4**2 / (80 * 40), rel=0.2)
    assert load_samples(entries[::-1], size=32)[0].mask.sum() == second.mask.sum()


def test_picture_and_mask_are_cut_to_the_same_field(tmp_path):
    """A polyp that fills the field's left half does so after the black border is gone."""
    frame, mask = np.zeros((120, 200, 3), np.uint8), np.zeros((120, 200), np.uint8)
    frame[10:110, 60:160] = picture(width=100, height=100)
    mask[10:110, 60:110] = 255
    entry = Entry("one", write(tmp_path / "i.png", frame), write(tmp_path / "m.png", mask))
    (sample,) = load_samples([entry], size=64)
    assert sample.mask[:, :30].mean() > 250
    assert sample.mask[:, 34:].mean() < 5
    assert (sample.image[2:-2, 2:-2] > 60).all()


@pytest.mark.parametrize("content", [b"", b"no picture", "cut"])
@pytest.mark.parametrize("folder", ["images", "masks"])
def test_a_damaged_file_is_named(polyps, folder, content):
    path = polyps / folder / "b.png"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content == "cut" else content)
    with pytest.raises(DataError, match=rf"{folder}/b\.png"):
        load_samples(find_entries(polyps, None), size=32)


def test_a_mask_of_another_size_is_named_with_both_sizes(polyps):
    write(polyps / "masks" / "b.png", disc(width=24, height=20))
    with pytest.raises(DataError, match=r"b\.png is 24x20, its picture 48x40"):
        load_samples(find_entries(polyps, None), size=32)
