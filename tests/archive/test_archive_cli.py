"""`scr-live archive` as a user meets it."""

import subprocess
import sys

import pytest

from scr_live.cli import main

pytest.importorskip("pyarrow", reason="needs pyarrow, of the extra `archive`")


@pytest.fixture
def videos(make_clip, tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    for number in range(2):
        make_clip(folder / f"clip{number}.mp4", 10)
    return folder


@pytest.fixture
def call(monkeypatch, capfd):
    """call("videos", ...) -> exit code, standard output, errors in one line."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["scr-live", "archive", *map(str, arguments)])
        capfd.readouterr()
        code = main()
        out, err = capfd.readouterr()
        return code, out, " ".join(err.split())

    return run


def test_it_tells_each_video_and_what_was_written(videos, tmp_path, call):
    code, out, err = call(videos, "--out", tmp_path / "out", "--engine", "constant", "--workers", 1)
    assert (code, err) == (0, "")
    assert "archive  2 videos; 1 worker, " in out
    assert "2/2  clip" in out
    assert "2 videos: 2 done, 0 failed" in out
    assert "videos.parquet, sightings.parquet, quality.parquet, summary.html" in out


def test_a_video_that_fails_is_named_and_the_exit_code_is_one(videos, tmp_path, call):
    (videos / "clip1.mp4").write_bytes(b"no video")
    arguments = [videos, "--out", tmp_path / "out", "--engine", "constant"]
    for _ in range(2):
        code, out, err = call(*arguments)
        assert code == 1
        assert "1 of 2 videos failed: clip1.mp4." in err
        assert "failed   clip1.mp4: Expected a video file" in out
    assert "1 failed before and are not tried again without --retry-failed" in out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--workers", "-1"], "--workers must be from 0"),
        (["--keep-margins"], "Add --record"),
        (["--force", "--retry-failed"], "leave out --retry-failed"),
        (["--engine", "abacus"], "Unknown engine"),
        (["--alert-after", "-1"], "0 to"),
        (["--quality", "99"], "quality goes from 0"),
        (["--ray", ""], "--ray is empty"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_made(videos, tmp_path, call, options, words):
    code, _, err = call(videos, "--out", tmp_path / "out", *options)
    assert code == 2
    assert words in err
    assert not (tmp_path / "out").exists()


def test_a_list_that_is_wrong_is_one_sentence(tmp_path, call):
    manifest = tmp_path / "list.txt"
    manifest.write_text("gone.mp4\n")
    code, _, err = call(manifest, "--out", tmp_path / "out")
    assert code == 1
    assert "1 are missing: " in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("package", "extra", "options"), [("pyarrow", "archive", []), ("ray", "ray", ["--ray", "local"])]
)
def test_a_missing_extra_is_one_paragraph_with_its_command(videos, tmp_path, package, extra, options):
    code = f"""
import importlib.util, sys
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, *a: None if name == {package!r} else find_spec(name, *a)
sys.argv = ["scr-live", "archive", {str(videos)!r}, "--out", {str(tmp_path / "out")!r}, *{options!r}]
from scr_live.cli import main
sys.exit(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=50
    )
    assert done.returncode == 2
    assert f"scr-live[{extra}]" in done.stderr
    assert "Traceback" not in done.stderr
