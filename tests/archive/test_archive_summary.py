"""What is told of a whole archive, in the terminal and on the page."""

import re
import threading
from dataclasses import replace

import pytest

from scr_live.archive.config import ArchiveConfig, Settings
from scr_live.archive.running import Listeners, archive
from scr_live.archive.summary import totals

pytest.importorskip("pyarrow", reason="needs pyarrow, of the extra `archive`")


@pytest.fixture
def config(make_clip, tmp_path):
    source = tmp_path / "videos"
    source.mkdir()
    for name, frames in (("a.mp4", 10), ("b<i>&.mp4", 5), ("c.mp4", 10)):
        make_clip(source / name, frames)
    return ArchiveConfig(source, tmp_path / "out", Settings(engine="constant"), workers=1)


def page_of(config):
    return (config.out / "summary.html").read_text()


def test_the_totals_are_those_of_all_videos_and_stand_on_the_page(config):
    told = totals(archive(config))
    assert told[:4] == [
        "3 videos: 3 done, 0 failed",
        "25 frames, 0:00:01.0 of video",
        "0 sightings in 0 videos",
        "engine: constant on none in fp32",
    ]
    assert re.fullmatch(r"this run: 3 videos, 25 frames in [\d.]+ s, [\d.]+ frames a second; .*each", told[4])
    assert all(f"<li>{line}</li>" in page_of(config) for line in told)
    again = totals(archive(config))
    assert again == told[:4], "a run that found nothing to do has no speed"


def test_without_tracking_nobody_says_that_there_were_no_sightings(config):
    config = replace(config, settings=replace(config.settings, tracking=False))
    told = totals(archive(config))
    assert told[2] == "no sightings were looked for (--no-tracking)"
    assert "0 sightings" not in page_of(config)


def test_videos_that_a_stop_left_are_told(config):
    stop = threading.Event()
    report = archive(config, listeners=Listeners(ended=lambda _kept, _done: stop.set()), stop=stop)
    assert totals(report)[0] == "3 videos: 1 done, 0 failed, 2 left"


def test_names_on_the_page_are_text(config):
    archive(config)
    assert "b&lt;i&gt;&amp;.mp4" in page_of(config)
    assert "<i>" not in page_of(config)
    assert "<script" not in page_of(config)


def test_a_video_that_failed_stands_there_with_its_cause_and_not_among_the_others(config):
    (config.source / "c.mp4").write_bytes(b"no video")
    told = totals(archive(config))
    assert told[0] == "3 videos: 2 done, 1 failed"
    failed, _, others = page_of(config).partition("<h2>Videos</h2>")
    assert re.search(r"c\.mp4</td><td class=\"words\">Expected a video file", failed)
    assert "c.mp4" not in others
    assert "--retry-failed tries these again." in failed
