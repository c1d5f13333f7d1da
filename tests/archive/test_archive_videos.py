"""Which videos an archive holds."""

import os

import pytest

from scr_live.archive.videos import Video, find_videos
from scr_live.errors import DataError


def files(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return folder


def ids(source, out=None):
    return [video.id for video in find_videos(source, out=out or source / "out")]


def test_a_folder_is_searched_to_its_bottom_in_natural_order(tmp_path):
    files(tmp_path, "b10.mp4", "b2.MP4", "a/z.mkv", "a/notes.txt", "c.jpg")
    assert ids(tmp_path) == ["a/z.mkv", "b2.MP4", "b10.mp4"]


def test_hidden_files_and_folders_and_those_of_the_archive_are_passed_over(tmp_path):
    files(tmp_path, "a.mp4", "._a.mp4", ".trash/b.mp4", "out/recordings/c.mp4")
    assert ids(tmp_path) == ["a.mp4"]


def test_what_can_be_reached_twice_counts_once_under_its_own_name(tmp_path):
    files(tmp_path, "room/b.mp4")
    (tmp_path / "a.mp4").symlink_to(tmp_path / "room" / "b.mp4")
    (tmp_path / "again").symlink_to(tmp_path / "room")
    assert ids(tmp_path) == ["room/b.mp4"]


def test_links_lead_out_of_the_folder_and_never_in_a_circle(tmp_path):
    inside, outside = tmp_path / "inside", files(tmp_path / "outside", "b.mp4")
    files(inside, "a.mp4")
    (inside / "there").symlink_to(outside)
    (outside / "back").symlink_to(inside)
    assert ids(inside) == ["a.mp4", "there/b.mp4"]


def test_a_text_manifest_has_a_path_a_line_seen_from_its_own_folder(tmp_path):
    files(tmp_path, "videos/a.mp4", "b.bin")
    manifest = tmp_path / "list.txt"
    manifest.write_text("# those of May\nvideos/a.mp4\n\nb.bin\n")
    found = find_videos(manifest, out=tmp_path / "out")
    assert [video.id for video in found] == ["videos/a.mp4", "b.bin"]
    assert [video.path for video in found] == [tmp_path / "videos/a.mp4", tmp_path / "b.bin"]
    assert found[0].size_bytes == len("videos/a.mp4")


def test_a_csv_manifest_may_name_its_videos(tmp_path):
    files(tmp_path, "a, b.mp4", "c.mp4")
    manifest = tmp_path / "list.csv"
    manifest.write_text('\ufeffid,path,room\ncase 1,"a, b.mp4",3\n,c.mp4,4\n', encoding="utf-8")
    assert ids(manifest) == ["case 1", "c.mp4"]


def test_all_that_is_wrong_is_named_in_one_message(tmp_path):
    files(tmp_path, "a.mp4", "b.mp4")
    (tmp_path / "folder").mkdir()
    manifest = tmp_path / "list.csv"
    manifest.write_text("path,id\na.mp4,1\nb.mp4,1\ngone.mp4,2\nlost.mp4,3\nfolder,4\n")
    with pytest.raises(DataError) as caught:
        find_videos(manifest, out=tmp_path / "out")
    text = str(caught.value)
    assert "1 stand there more than once (give them ids of their own): 1" in text
    assert f"2 are missing: {tmp_path / 'gone.mp4'}, {tmp_path / 'lost.mp4'}" in text
    assert f"1 are no files: {tmp_path / 'folder'}" in text


def test_a_file_that_a_list_names_in_several_ways_is_named(tmp_path):
    """Its frames and sightings would count twice."""
    files(tmp_path, "a.mp4", "b.mp4")
    (tmp_path / "link.mp4").symlink_to(tmp_path / "a.mp4")
    manifest = tmp_path / "list.csv"
    manifest.write_text(
        f"id,path\ncase 1,a.mp4\ncase 2,b.mp4\ncase 3,./a.mp4\n,link.mp4\n,{tmp_path}/b.mp4\n"
    )
    with pytest.raises(DataError) as caught:
        ids(manifest)
    told = "5 name a file that another names, too (list each file once): case 1, case 3, link.mp4, case 2, "
    assert f"{told}{tmp_path}/b.mp4" in str(caught.value)


def test_a_line_that_stands_there_twice_is_told_once(tmp_path):
    files(tmp_path, "a.mp4")
    manifest = tmp_path / "list.txt"
    manifest.write_text("a.mp4\na.mp4\n")
    with pytest.raises(DataError) as caught:
        ids(manifest)
    assert "1 stand there more than once" in str(caught.value)
    assert "name a file" not in str(caught.value)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_named(tmp_path):
    files(tmp_path, "a.mp4").joinpath("a.mp4").chmod(0)
    with pytest.raises(DataError, match=r"1 cannot be read: .*a\.mp4"):
        ids(tmp_path)


def test_a_link_to_nothing_is_missing(tmp_path):
    (tmp_path / "a.mp4").symlink_to(tmp_path / "gone.mp4")
    with pytest.raises(DataError, match="1 are missing"):
        ids(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("clip.mp4", b"", "is a video"),
        ("list.txt", b"# nothing\n", "There is no video"),
        ("list.txt", b"\xff\xfe\x00", "not UTF-8"),
        ("list.csv", b"file,id\na.mp4,1\n", "a column `path`.*found file, id"),
        ("list.csv", b"path,id\n,1\n", "the path is missing in line 2"),
        ("list.csv", b'path,id\n"a.mp4,1\n' + 200_000 * b"b", "cannot be read as CSV.*quotation mark"),
    ],
)
def test_what_is_no_manifest_is_said_to_be_none(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=words):
        find_videos(tmp_path / name, out=tmp_path / "out")


def test_a_place_with_nothing_there_is_named(tmp_path):
    with pytest.raises(DataError, match="no folder and no manifest"):
        find_videos(tmp_path / "gone", out=tmp_path / "out")
    with pytest.raises(DataError, match="There is no video"):
        ids(tmp_path)


def test_ids_that_look_alike_have_files_of_their_own(tmp_path):
    names = ["a/b.mp4", "a_b.mp4", "../a/b.mp4", "ä.mp4", "x" * 400, "..", ""]
    keys = [Video(name, tmp_path, 0, 0).key for name in names]
    assert len(set(keys)) == len(names)
    assert all("/" not in key and not key.startswith(".") and len(key) < 150 for key in keys)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_end_where_a_file_says_so_and_nowhere_else(tmp_path, end):
    names = ["a\x0bb.mp4", "c\u2028d.mp4", "e.mp4"]
    files(tmp_path, *names)
    (tmp_path / "list.txt").write_bytes(end.join(names).encode())
    (tmp_path / "list.csv").write_bytes(end.join(["path", *names]).encode())
    assert sorted(ids(tmp_path / "list.txt")) == sorted(ids(tmp_path / "list.csv")) == sorted(names)


def test_a_place_whose_name_is_too_long_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match=r"Cannot read|no folder"):
        find_videos(tmp_path / ("a" * 300), out=tmp_path / "out")
