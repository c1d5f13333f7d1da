"""When a video's results still hold: what is known again, what is judged anew, and what is never confused."""

import os
import shutil
from dataclasses import replace

import pytest
from archive_fakes import results_in

from scr_live.archive.config import ArchiveConfig, Settings
from scr_live.archive.fingerprint import SAMPLE_BYTES, SAMPLES, fingerprint
from scr_live.archive.kept import Kept, OutFolder
from scr_live.archive.running import archive
from scr_live.archive.videos import find_videos
from scr_live.errors import OutputExistsError, OutputUnwritableError

pytest.importorskip("pyarrow", reason="needs pyarrow, of the extra `archive`")

DAMAGED = {
    "half of it": '{"schema": 1, "settings": {',
    "no settings": '{"schema": 1}',
    "a list": "[]",
    "settings that are none": '{"settings": 3}',
    "no text": b"\xff\xfe",
}


@pytest.fixture
def config(make_clip, tmp_path):
    """Two folders with a file of one name, one size and one time each, and an archive of them."""
    source = tmp_path / "videos"
    for folder, frames in (("monday", 5), ("tuesday", 6)):
        (source / folder).mkdir(parents=True)
        make_clip(source / folder / "clip.mp4", frames)
    return ArchiveConfig(source, tmp_path / "out", Settings(engine="constant"))


def frames_in(config):
    return {kept.video.id: kept.facts["video"]["frames"] for kept in archive(config).kept}


def test_an_archive_that_was_moved_keeps_its_results(config):
    archive(config)
    before = results_in(config.out)
    moved = replace(config, source=config.source.rename(config.source.with_name("elsewhere")))
    report = archive(moved)
    assert report.done_now == 0
    assert results_in(config.out) == before
    assert {kept.video.path.parent.parent.name for kept in report.kept} == {"elsewhere"}


def test_a_copy_whose_files_have_the_time_of_the_copy_keeps_its_results(config, tmp_path):
    archive(config)
    shutil.copytree(config.source, tmp_path / "copy", copy_function=shutil.copyfile)
    for path in (tmp_path / "copy").rglob("*.mp4"):
        os.utime(path, ns=(0, 10**18))
    assert archive(replace(config, source=tmp_path / "copy")).done_now == 0


def test_a_list_and_its_videos_that_were_moved_keep_their_results(config, tmp_path):
    (config.source / "list.txt").write_text("monday/clip.mp4\ntuesday/clip.mp4\n")
    archive(replace(config, source=config.source / "list.txt"))
    moved = config.source.rename(tmp_path / "elsewhere") / "list.txt"
    assert archive(replace(config, source=moved)).done_now == 0


def test_a_video_of_another_name_is_another_one(config):
    archive(config)
    (config.source / "monday" / "clip.mp4").rename(config.source / "monday" / "other.mp4")
    assert archive(config).done_now == 1


def test_files_of_one_name_in_several_folders_are_never_confused(config):
    for folder in config.source.iterdir():
        with (folder / "clip.mp4").open("ab") as stream:
            stream.truncate(10_000)
        os.utime(folder / "clip.mp4", ns=(0, 10**18))
    assert frames_in(config) == {"monday/clip.mp4": 5, "tuesday/clip.mp4": 6}
    assert frames_in(config) == {"monday/clip.mp4": 5, "tuesday/clip.mp4": 6}


def test_another_video_in_the_place_of_one_is_judged_anew_though_its_size_is_the_same(config):
    for folder in config.source.iterdir():
        with (folder / "clip.mp4").open("ab") as stream:
            stream.truncate(10_000)
    archive(config)
    monday, tuesday = (config.source / name / "clip.mp4" for name in ("monday", "tuesday"))
    monday.write_bytes(tuesday.read_bytes())
    os.utime(monday, ns=(0, 10**18))
    assert frames_in(config) == {"monday/clip.mp4": 6, "tuesday/clip.mp4": 6}


def test_a_video_that_changed_while_it_was_judged_is_judged_anew(config, tmp_path):
    """Its results are of what nobody has any more: what lies there now must not pass for it."""
    (video, _) = find_videos(config.source, out=config.out)
    out = OutFolder(tmp_path / "kept")
    with out.held():
        out.begin(config.settings, model_sha256="", threshold=0.5, force=False)
        data = video.path.read_bytes()
        video.path.write_bytes(bytes(len(data)))
        os.utime(video.path, ns=(0, 10**18))
        out.write(Kept(video, 1, {"video": {"error": None}, "sightings": [], "quality": []}))
        os.utime(video.path, ns=(0, 2 * 10**18))
        (now, _) = find_videos(config.source, out=config.out)
        assert out.read(video) is not None
        assert out.read(now) is None


def test_results_of_a_version_without_fingerprints_hold_while_the_time_is_the_same(config):
    archive(config)
    for path in (config.out / "results").iterdir():
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(line for line in lines if "fingerprint" not in line))
    assert archive(config).done_now == 0
    os.utime(config.source / "monday" / "clip.mp4", ns=(0, 10**18))
    assert archive(config).done_now == 1


@pytest.mark.parametrize("size", [0, 1, SAMPLE_BYTES, 3 * SAMPLE_BYTES + 1, 20 * SAMPLES * SAMPLE_BYTES])
def test_a_fingerprint_sees_both_ends_the_size_and_what_lies_between(tmp_path, size, rng):
    path = tmp_path / "file"
    data = rng.integers(0, 256, size, dtype="u1").tobytes()

    def of(data):
        path.write_bytes(data)
        return fingerprint(path)

    assert of(data) == of(data) != of(data + b"\0")
    if size:
        others = (b"x" * size, bytes([data[0] ^ 1]) + data[1:], data[:-1] + bytes([data[-1] ^ 1]))
        half = data[: size // 2] + bytes(size - size // 2)
        assert len({of(one) for one in (data, half, *others)}) >= (5 if size > 1 else 3)


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_damaged_settings_are_told_with_what_to_do_and_force_does_it(config, content):
    archive(config)
    path = config.out / "archive.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(OutputExistsError, match=r"archive\.json.*damaged.*--force.*another --out"):
        archive(config)
    assert len(results_in(config.out)) == 2
    assert archive(replace(config, force=True)).done_now == 2
    assert archive(config).done_now == 0


def test_a_file_of_somebody_else_that_has_the_name_of_the_settings_is_left_alone(config):
    """Another program's archive.json, with a folder `results` beside it: nothing of it may be removed."""
    (config.out / "results").mkdir(parents=True)
    (config.out / "results" / "theirs.json").write_text("precious")
    (config.out / "archive.json").write_text('{"files": []}')
    (config.out / "notes.txt").write_text("precious")
    for one in (config, replace(config, force=True)):
        with pytest.raises(OutputExistsError, match=r"no scr-live archive has made \(notes\.txt\)"):
            archive(one)
    assert (config.out / "results" / "theirs.json").read_text() == "precious"
    assert (config.out / "archive.json").read_text() == '{"files": []}'


def test_settings_that_cannot_be_read_are_not_said_to_be_damaged(config):
    config.out.mkdir()
    (config.out / "archive.json").mkdir()
    for one in (config, replace(config, force=True)):
        with pytest.raises(OutputUnwritableError, match=r"Cannot read .*archive\.json: .*another --out"):
            archive(one)
