import csv
import json
import math
import os
import stat
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from scr_live.errors import OptionError, OutputExistsError, OutputUnwritableError
from scr_live.files import (
    TEXT_MARK,
    check_distinct,
    check_results,
    check_writable,
    make_folder,
    write_csv,
    write_json,
    write_picture,
    write_text,
)

ON_LINUX = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


def test_a_result_is_written_whole(tmp_path):
    path = tmp_path / "r.json"
    write_json(path, {"a": [1, None, "ä"]})
    assert json.loads(path.read_text(encoding="utf-8")) == {"a": [1, None, "ä"]}
    assert list(tmp_path.iterdir()) == [path]


def test_nan_is_not_json_and_leaves_the_old_result(tmp_path):
    path = tmp_path / "r.json"
    path.write_text("old")
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"a": math.nan})
    assert path.read_text() == "old"


def test_a_failed_write_leaves_the_old_result_and_no_half_one(tmp_path):
    path = tmp_path / "r.txt"
    path.write_text("old")
    (tmp_path / "r.txt.partial").mkdir()
    with pytest.raises(OutputUnwritableError, match="Cannot write"):
        write_text(path, "new")
    assert path.read_text() == "old"


def test_a_report_on_a_great_many_sets_may_be_replaced(tmp_path):
    write_json(tmp_path / "r.json", {"machine": {}, "sets": ["x" * 30_000] * 100})
    check_writable(tmp_path / "r.json")


def test_a_folder_is_made_with_those_above_it_and_may_be_there(tmp_path):
    for _ in range(2):
        make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputUnwritableError, match=r"Cannot make the folder .*file"):
        make_folder(tmp_path / "file" / "run")


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real.txt").write_text("old")
    link = tmp_path / "link.txt"
    link.symlink_to("real.txt")
    write_text(link, "new")
    assert link.is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"


def test_names_that_are_no_utf8_are_written_with_escapes(tmp_path):
    write_text(tmp_path / "r.csv", "bad\udcff.png\n")
    assert (tmp_path / "r.csv").read_text(encoding="utf-8") == "bad\\udcff.png\n"


@pytest.mark.skipif(sys.platform == "win32", reason="devices are no files there")
def test_a_device_is_written_to_and_not_replaced():
    check_writable(Path("/dev/null"))
    write_text(Path("/dev/null"), "text")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


@ON_LINUX
def test_a_full_disk_is_one_sentence():
    with pytest.raises(OutputUnwritableError, match=r"^Cannot write /dev/full: No space left on device\.$"):
        write_text(Path("/dev/full"), "text")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "is a folder"),
        ("nix/r.json", "no folder"),
        ("a" * 300, "too long"),
        ("nix/" + "a" * 300, "no folder"),
    ],
    ids=["folder", "no folder", "long", "long in no folder"],
)
def test_what_cannot_be_written_is_said_before_the_work(name, words, tmp_path):
    with pytest.raises(OutputUnwritableError, match=words):
        check_writable(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["", "r.json"], ids=["the folder", "the file"])
def test_a_place_without_permission_is_refused(place, tmp_path, monkeypatch):
    (tmp_path / "r.json").touch()
    closed = (tmp_path / place).resolve()
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != closed)  # root may write anywhere
    with pytest.raises(OutputUnwritableError, match="permission denied"):
        check_writable(tmp_path / "r.json")


def test_a_link_into_a_closed_folder_is_refused(tmp_path, monkeypatch):
    (closed := tmp_path / "closed").mkdir()
    (link := tmp_path / "link.json").symlink_to(closed / "r.json")
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != closed.resolve())
    with pytest.raises(OutputUnwritableError, match="permission denied"):
        check_writable(link)


def test_a_table_is_read_back_as_it_was(tmp_path):
    rows = [["image", "dice"], ['a, "b".png', "1"], ["line\nbreak", "0"]]
    write_csv(tmp_path / "r.csv", rows)
    with (tmp_path / "r.csv").open(newline="", encoding="utf-8") as stream:
        assert list(csv.reader(stream)) == rows


def test_two_options_do_not_share_a_file(tmp_path):
    (tmp_path / "a").write_text("")
    (tmp_path / "link").symlink_to("a")
    check_results({"--json": tmp_path / "a", "--csv": tmp_path / "b", "--stats": None})
    for same in (tmp_path / "a", tmp_path / "nix" / ".." / "a", tmp_path / "link"):
        with pytest.raises(OptionError, match="--json and --csv name the same file"):
            check_distinct({"--json": tmp_path / "a", "--csv": same})


def test_the_null_device_may_be_named_twice():
    check_distinct({"--json": Path(os.devnull), "--csv": Path(os.devnull)})


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(99),
        b"\x08\x07ONNX" * 9,
        b"notes\n",
        b'{"name": "mine", "input_size": 4}',
        b'{"a": ["machine"]}',
        b'["machine"]',
        b'{"machine": 1',
        b'{"a": ' + b"[" * 100_000,
        b'{"machine": "' + b"x" * (1 << 22) + b'"}',
        b"image,split\na.png,train\n",
        b"\n",
    ],
    ids=["picture", "model", "text", "card", "value", "list", "broken", "nested", "large", "splits", "line"],
)
@pytest.mark.parametrize("name", ["r.json", "r.csv", "r"])
def test_a_file_that_is_no_earlier_result_is_left_as_it_is(content, name, tmp_path):
    (path := tmp_path / name).write_bytes(content)
    (link := tmp_path / "link").symlink_to(path)
    for place in (path, link):
        with pytest.raises(OutputExistsError, match="exists and is no earlier result"):
            check_results({"--stats": place})
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "content", [b"", b'{\n  "frames": 3,\n  "machine": {}\n}\n', b"image,dice,iou\na.png,1,1\n"], ids=str
)
def test_an_earlier_result_may_be_replaced(content, tmp_path):
    (path := tmp_path / "r").write_bytes(content)
    check_results({"--stats": path})


def test_tables_of_evaluate_may_be_replaced(tmp_path):
    for content in ("set,image,dice\nval,a.png,1\n", f"{TEXT_MARK}\n\n| a |\n"):
        (tmp_path / "r").write_text(content)
        check_results({"--csv": tmp_path / "r"})


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_picture_says_that_it_may_be_replaced_and_shows_the_same(suffix, tmp_path):
    image = np.arange(300, dtype=np.uint8).reshape(10, 10, 3)
    encoded = cv2.imencode(suffix, image)[1]
    path = tmp_path / f"r{suffix}"
    path.write_bytes(encoded.tobytes())
    with pytest.raises(OutputExistsError):
        check_results({"--worst": path})
    write_picture(path, encoded.tobytes())
    check_results({"--worst": path})
    written = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(written, cv2.imdecode(encoded, cv2.IMREAD_COLOR))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes there")
def test_a_pipe_that_nobody_reads_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    check_writable(tmp_path / "pipe")
    with pytest.raises(OutputUnwritableError, match="nobody reads from this pipe"):
        write_text(tmp_path / "pipe", "text")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes there")
def test_a_pipe_that_somebody_reads_gets_everything(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_text(tmp_path / "pipe", "text")
        assert os.read(reader, 99) == b"text"
    finally:
        os.close(reader)


@pytest.mark.parametrize("name", ["a" * 255, "a" * 248, "ä" * 127], ids=["255", "248", "two bytes each"])
def test_the_longest_name_can_be_written(name, tmp_path):
    check_writable(tmp_path / name)
    write_text(tmp_path / name, "text")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.skipif(sys.platform == "win32", reason="a folder in use cannot be deleted there")
def test_a_deleted_working_directory_is_one_sentence(tmp_path, monkeypatch):
    (gone := tmp_path / "gone").mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    check_distinct({"--stats": tmp_path / "s.json", "--source": Path("phantom")})
    with pytest.raises(OutputUnwritableError, match=r"Cannot write s\.json"):
        check_results({"--stats": Path("s.json")})
    with pytest.raises(OutputUnwritableError, match=r"Cannot write s\.json"):
        write_text(Path("s.json"), "text")
