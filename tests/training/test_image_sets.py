"""Image sets on disk and in memory. Needs no torch: evaluation reads the same sets."""

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from scr_live.errors import DataError
from scr_live.evaluation.image_sets import Entry, find_entries, read_image, read_mask, read_pair
from scr_live.training.data import Choice, all_samples, check_apart, read_sets


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


def read(*choices, size=32):
    """Choices as (directory, split)."""
    ticks = []
    sets = read_sets(
        [Choice(directory, split, size) for directory, split in choices],
        threads=1,
        progress=lambda done, total: ticks.append((done, total)),
    )
    assert ticks[-1][0] == ticks[-1][1] == len(all_samples(sets))
    return sets


def stems(entries):
    return [entry.image.stem for entry in entries]


# What is no set, or none that can be used


def test_a_link_to_nowhere_is_not_taken_for_no_masks(polyps):
    shutil.rmtree(polyps / "masks")
    (polyps / "masks").symlink_to("nowhere")
    with pytest.raises(DataError, match="masks is no folder of masks"):
        find_entries(polyps, None)


def test_a_picture_in_two_splits_is_named(polyps):
    with (polyps.parent / "splits.csv").open("a") as table:
        table.write("polyps,a,train\npolyps,a,val\n")
    with pytest.raises(DataError, match="assigns a of polyps to two splits, 'train' and 'val'"):
        find_entries(polyps, "val")


def test_a_set_the_table_does_not_name_is_told_with_those_it_names(polyps):
    shutil.copytree(polyps, polyps.parent / "mine")
    with pytest.raises(DataError, match=r"no picture of mine to the split 'val'.*names: other, polyps\."):
        find_entries(polyps.parent / "mine", "val")


def test_a_name_too_long_for_the_system_is_told(polyps):
    with pytest.raises(DataError, match=r"cannot be read: .*name too long"):
        find_entries(polyps / ("x" * 300), None)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders here")
def test_a_pipe_is_not_waited_for(polyps):
    (polyps / "images" / "a.png").unlink()
    os.mkfifo(polyps / "images" / "a.png")
    with pytest.raises(DataError, match=r"a\.png is no file; expected a picture"):
        read((polyps, None))
    with pytest.raises(DataError, match=r"a\.png is no file; expected a picture"):
        read_image(polyps / "images" / "a.png")


def test_a_set_may_be_the_working_directory(polyps, monkeypatch):
    monkeypatch.chdir(polyps)
    assert stems(find_entries(Path(), "val")) == ["c"]


# Finding and reading


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
    ((sample,),) = (one.samples for one in read((tmp_path / "clean", None)))
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


def test_a_pair_is_a_picture_and_its_mask(polyps):
    image, mask = read_pair(find_entries(polyps, None)[0])
    np.testing.assert_array_equal(image, picture())
    np.testing.assert_array_equal(mask, disc())


def test_without_a_masks_folder_the_mask_of_a_pair_is_empty(polyps):
    image, mask = read_pair(Entry("set", polyps / "images" / "a.png", None))
    assert (mask.shape, mask.dtype, mask.any()) == (image.shape[:2], np.uint8, False)


def test_a_mask_of_another_size_is_refused_with_both_sizes(polyps):
    write(polyps / "masks" / "a.png", disc(width=50, height=40))
    with pytest.raises(DataError, match=r"a\.png is 50x40, its picture 48x40; both must have the same size"):
        read_pair(find_entries(polyps, None)[0])


def test_samples_are_squares_in_the_order_of_their_names(polyps):
    write(polyps / "images" / "b.png", picture(width=80, height=40))
    write(polyps / "masks" / "b.png", disc(width=80, height=40, radius=4))
    first, second = read((polyps, "train"))[0].samples
    assert first.image.shape == second.image.shape == (32, 32, 3)
    assert set(np.unique(first.mask)) == {0, 255}
    assert first.mask.mean() / 255 == pytest.approx(np.pi * 10**2 / (48 * 40), rel=0.1)
    assert second.mask.mean() / 255 == pytest.approx(np.pi * 4**2 / (80 * 40), rel=0.2)


def test_picture_and_mask_are_cut_to_the_same_field(tmp_path):
    """A polyp that fills the field's left half does so after the black border is gone."""
    frame, mask = np.zeros((120, 200, 3), np.uint8), np.zeros((120, 200), np.uint8)
    frame[10:110, 60:160] = picture(width=100, height=100)
    mask[10:110, 60:110] = 255
    write(tmp_path / "images" / "i.png", frame)
    write(tmp_path / "masks" / "i.png", mask)
    (sample,) = all_samples(read((tmp_path, None), size=64))
    assert sample.mask[:, :30].mean() > 250
    assert sample.mask[:, 34:].mean() < 5
    assert (sample.image[2:-2, 2:-2] > 60).all()


# Everything wrong with the sets, before anything is trained


@pytest.mark.parametrize("content", [b"", b"no picture", "cut"])
@pytest.mark.parametrize("folder", ["images", "masks"])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".webp"])
def test_a_damaged_file_is_named(polyps, folder, content, suffix):
    (polyps / folder / "b.png").unlink()
    path = write(polyps / folder / f"b{suffix}", picture() if folder == "images" else disc())
    assert len(read((polyps, None))[0].samples) == 4
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 3 // 4] if content == "cut" else content)
    with pytest.raises(DataError, match=rf"1 problem: .*{folder}/b\{suffix}"):
        read((polyps, None))


def test_a_png_with_a_changed_byte_is_damaged(polyps):
    path = polyps / "images" / "c.png"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"c\.png is damaged"):
        read((polyps, None))


def test_all_problems_of_a_set_come_in_one_error(polyps):
    (polyps / "masks" / "a.png").unlink()
    write(polyps / "masks" / "b.png", disc(width=24, height=20))
    (polyps / "images" / "c.png").write_bytes(b"no picture")
    write(polyps / "masks" / "d.png", disc(value=1))
    with pytest.raises(DataError) as caught:
        read((polyps, None))
    text = str(caught.value)
    for part in (
        "4 problems",
        "a.png has no mask",
        "b.png is 24x20, its picture 48x40",
        "c.png",
        "d.png is no",
    ):
        assert part in text


def test_many_problems_are_counted_and_the_first_five_named(polyps):
    for number in range(9):
        write(polyps / "images" / f"z{number}.png", picture())
    with pytest.raises(DataError, match=r"9 problems: .*z0\.png.*z4\.png.*; and 4 more") as caught:
        read((polyps, None))
    assert "z5" not in str(caught.value)


def test_problems_of_several_sets_come_together(polyps, tmp_path):
    (polyps / "masks" / "a.png").unlink()
    (tmp_path / "empty" / "images").mkdir(parents=True)
    with pytest.raises(
        DataError, match=r"polyps has 1 problem: .*a\.png.*empty has 1 problem: .*no pictures"
    ):
        read((polyps, None), (tmp_path / "empty", None))


def test_a_set_whose_masks_are_all_empty_is_refused(polyps):
    for name in "abc":
        write(polyps / "masks" / f"{name}.png", disc(value=0))
    with pytest.raises(DataError, match="all 3 masks are empty"):
        read((polyps, "train"), (polyps, "val"))


def test_some_empty_masks_are_pictures_without_polyp(polyps):
    write(polyps / "masks" / "a.png", disc(value=0))
    assert [sample.has_polyp for sample in all_samples(read((polyps, "train"), (polyps, "val")))] == [
        False,
        True,
        True,
    ]


# What a run keeps on record


def test_facts_count_the_pictures(polyps):
    write(polyps / "masks" / "a.png", disc(value=0))
    facts = read((polyps, "train"))[0].facts()
    assert {key: value for key, value in facts.items() if key != "sha256"} == {
        "set": "polyps",
        "split": "train",
        "pictures": 2,
        "with_polyp": 1,
        "without_polyp": 1,
    }


def test_the_hash_of_a_set_is_of_its_names_and_bytes(polyps, tmp_path):
    def sha256(split="train"):
        return read((polyps, split))[0].sha256

    first = sha256()
    assert len(first) == 64
    assert sha256() == first
    write(polyps / "images" / "d.png", picture()[::-1])  # of no split
    assert sha256() == first
    shutil.copytree(polyps, tmp_path / "elsewhere" / "polyps")
    shutil.copy(tmp_path / "splits.csv", tmp_path / "elsewhere" / "splits.csv")
    assert read((tmp_path / "elsewhere" / "polyps", "train"))[0].sha256 == first
    seen = {first, sha256("val")}
    write(polyps / "masks" / "a.png", disc(radius=9))
    seen.add(sha256())
    write(polyps / "images" / "b.png", disc())
    seen.add(sha256())
    (polyps / "images" / "a.png").rename(polyps / "images" / "aa.png")
    (polyps / "masks" / "a.png").rename(polyps / "masks" / "aa.png")
    seen.add(read((polyps, None))[0].sha256)
    assert len(seen) == 5


def test_a_picture_in_training_and_validation_is_refused_by_its_content(polyps):
    for number, name in enumerate("abcd"):
        write(polyps / "images" / f"{name}.png", picture() + np.uint8(number))
    train, validation = read((polyps, "train"), (polyps, "val"))
    check_apart([train], [validation])
    write(polyps / "images" / "c.png", picture() + np.uint8(1))
    train, validation = read((polyps, "train"), (polyps, "val"))
    with pytest.raises(DataError, match=r"1 pictures .*b\.png and .*c\.png"):
        check_apart([train], [validation])
