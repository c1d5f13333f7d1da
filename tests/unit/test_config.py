"""What a run is refused before anything is opened: two outputs in one place."""

from dataclasses import replace
from pathlib import Path

import pytest

from scr_live.app.config import RunConfig, check
from scr_live.app.following import check_pictures
from scr_live.errors import OptionError
from scr_live.sinks.options import RecorderOptions, Segment


@pytest.fixture
def named(tmp_path):
    """named(record="a.mp4", ...): a run whose outputs have these names."""

    def call(**names):
        return RunConfig("phantom", **{option: tmp_path / name for option, name in names.items()})

    return call


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(
    ("names", "other"),
    [
        ({"events": "b.jsonl", "stats": "b.vtt"}, "--stats"),
        ({"events": "b.vtt"}, "--events"),
        ({"events": "b.jsonl", "record_raw": "b.vtt"}, "--record-raw"),
    ],
    ids=str,
)
def test_nothing_else_goes_where_the_track_beside_the_recording_does(names, other, force, named):
    config = replace(named(record="b.mp4", **names), recording=RecorderOptions(force=force))
    with pytest.raises(OptionError, match=rf"{other} and the track of sightings beside --record .*b\.vtt"):
        check(config)


def test_where_no_such_track_is_written_its_name_is_free(named):
    check(named(record="b.mp4", stats="b.vtt"))
    numbered = RecorderOptions(segment=Segment(duration_s=60.0))
    check(replace(named(record="b.mp4", events="b.jsonl", stats="b.vtt"), recording=numbered))


@pytest.mark.parametrize(
    ("names", "option"),
    [
        ({"stats": "e-sightings"}, "--stats"),
        ({"record": "e-sightings/x.mp4"}, "--record"),
        ({"record_raw": "link/x.ts"}, "--record-raw"),
    ],
    ids=str,
)
def test_nothing_else_goes_where_the_pictures_of_sightings_do(names, option, named, tmp_path):
    (tmp_path / "link").symlink_to("e-sightings")
    config = named(events="e.jsonl", **names)
    with pytest.raises(OptionError, match=f"pictures of sightings go into .*e-sightings, and {option} names"):
        check(config)
    check(replace(config, tracking=False))


def test_a_folder_as_an_output_is_left_to_who_says_so(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    config = RunConfig("phantom", events=Path(), record=Path())
    with pytest.raises(OptionError, match="--events and --record name the same file"):
        check(config)
    for one in (replace(config, record=Path("a.mp4")), replace(config, events=Path("a.jsonl"))):
        check(one)
        check_pictures(one)
