"""The folder of the pictures of sightings: what lies there already, and when it goes."""

import contextlib
from dataclasses import replace

import numpy as np
import pytest
from field_pictures import SD, mucosa

from scr_live.app import RunConfig, run_video
from scr_live.app.following import check_pictures
from scr_live.app.sighting_pictures import SightingPictures
from scr_live.errors import OutputExistsError, OutputUnwritableError
from scr_live.frames import Frame, Polyp
from scr_live.geometry import Box, Placement
from scr_live.sinks.options import RecorderOptions

POLYP = Polyp(np.array([(360, 220), (420, 220), (420, 260), (360, 260)], np.float32), 0.9, 2400.0)
PLACEMENT = Placement(Box(0, 0, 640, 480), 32)


@pytest.fixture
def earlier(tmp_path):
    """A run into a folder where another left its pictures, and somebody a file."""
    folder = tmp_path / "events-sightings"
    folder.mkdir()
    for name in ("sighting-0001.jpg", "sighting-0005.jpg", "sighting-notes.jpg"):
        (folder / name).write_bytes(b"earlier")
    return RunConfig(
        "phantom:seed=0,duration=0.2,size=128x96",
        engine="constant",
        display=False,
        events=tmp_path / "events.jsonl",
    )


def names_beside(config):
    return sorted(path.name for path in config.events.with_name("events-sightings").iterdir())


def test_pictures_of_an_earlier_run_are_neither_replaced_nor_mixed_with_new_ones(earlier):
    for refuse in (check_pictures, run_video):
        with pytest.raises(OutputExistsError, match=r"of an earlier run lie in .*: 2\. .*--force"):
            refuse(earlier)
    assert names_beside(earlier) == ["sighting-0001.jpg", "sighting-0005.jpg", "sighting-notes.jpg"]


def test_with_force_they_are_removed_and_nothing_else(earlier):
    config = replace(earlier, recording=RecorderOptions(force=True))
    check_pictures(config)
    assert len(names_beside(earlier)) == 3
    assert run_video(config).sightings == 0
    assert names_beside(earlier) == ["sighting-notes.jpg"]


def test_a_run_that_never_starts_leaves_the_earlier_pictures_with_their_log(earlier, monkeypatch):
    def fail(*_, **__):
        raise OutputUnwritableError("No screen.")

    monkeypatch.setattr("scr_live.app.run.open_screen", fail)
    earlier.events.write_text("precious")
    with pytest.raises(OutputUnwritableError, match="No screen"):
        run_video(replace(earlier, recording=RecorderOptions(force=True)))
    assert earlier.events.read_text() == "precious"
    assert len(names_beside(earlier)) == 3


@pytest.mark.parametrize("fails", [False, True])
def test_earlier_pictures_go_before_the_first_new_one_comes(fails, earlier):
    folder, frame = earlier.events.with_name("events-sightings"), Frame(mucosa(SD).copy(), 0, 0.0, 0.0)
    with (
        contextlib.suppress(RuntimeError),
        SightingPictures(folder, keep_margins=True, force=True) as pictures,
    ):
        pictures(1, frame, POLYP, PLACEMENT)
        pictures(2, frame, POLYP, PLACEMENT)
        if fails:
            raise RuntimeError
    assert pictures.problems == []
    assert names_beside(earlier) == ["sighting-0001.jpg", "sighting-0002.jpg", "sighting-notes.jpg"]
    assert (folder / "sighting-0001.jpg").read_bytes() != b"earlier"


def test_earlier_pictures_that_cannot_be_removed_are_told(earlier, monkeypatch):
    def fail(folder):
        raise OutputUnwritableError("Cannot write there.")

    monkeypatch.setattr("scr_live.app.sighting_pictures.clear_folder", fail)
    folder = earlier.events.with_name("events-sightings")
    with SightingPictures(folder, keep_margins=True, force=True) as pictures:
        pass
    assert pictures.problems == ["Cannot write there."]


@pytest.mark.parametrize("changes", [{"tracking": False}, {"events": None}])
def test_where_no_pictures_are_made_an_earlier_folder_is_none_of_our_business(changes, earlier):
    check_pictures(replace(earlier, **changes))


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "events-sightings").write_text("a file")
    config = RunConfig("phantom", events=tmp_path / "events.jsonl")
    with pytest.raises(OutputUnwritableError, match="that is a file; give --events another name"):
        check_pictures(config)


@pytest.mark.parametrize("target", ["nothing", "events-sightings"])
def test_a_link_to_nothing_in_the_place_of_the_folder_is_refused(target, tmp_path):
    (tmp_path / "events-sightings").symlink_to(target)
    config = RunConfig("phantom", events=tmp_path / "events.jsonl")
    with pytest.raises(
        OutputUnwritableError, match="is a link that leads nowhere; remove it, or give --events"
    ):
        check_pictures(config)


def test_a_link_to_a_folder_is_one(tmp_path):
    (tmp_path / "large-disk").mkdir()
    (tmp_path / "events-sightings").symlink_to("large-disk")
    check_pictures(RunConfig("phantom", events=tmp_path / "events.jsonl"))
