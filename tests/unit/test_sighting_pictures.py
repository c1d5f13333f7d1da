"""Pictures of sightings: what they show, where they lie, and what becomes of those that cannot be written."""

import threading

import cv2
import numpy as np
import pytest
from field_pictures import SD, frame, mask_of, mucosa, noisy, write_text

from scr_live.app import RunConfig
from scr_live.app.following import Following
from scr_live.app.sighting_pictures import MarginsFollowed, SightingPictures
from scr_live.engines.constant import ConstantEngine
from scr_live.errors import OutputUnwritableError
from scr_live.events import EventKind, Journal
from scr_live.frames import Frame, Polyp, Quality, Signal
from scr_live.geometry import Box, Placement
from scr_live.phantom.lens import octagon
from scr_live.predictor import Predictor
from scr_live.sources.phantom import PhantomSource, parse_phantom

FIELD = Box(160, 10, 460, 460)
TRUE = mask_of("octagon", SD, FIELD) > 0
PLACEMENT = Placement(Box(0, 0, 640, 480), 32)
CONTOUR = np.array([(360, 220), (420, 220), (420, 260), (360, 260)], np.float32)
POLYP = Polyp(CONTOUR, 0.9, 2400.0)


def usual(seed=0):
    image = noisy(frame("octagon", SD, FIELD, seed=seed), 1.0)
    write_text(image, 5)
    return image


def without_margins():
    image = mucosa(SD).copy()
    write_text(image, 5)
    return image


def half_covered():
    """A window of text over most of the field."""
    image = usual()
    image[:, 60:480] = 120
    write_text(image, 100)
    write_text(image, 280)
    return image


class Remembering:
    """A Follower that keeps the frames it was given."""

    def __init__(self):
        self.frames, self.passed = [], []

    def update(self, frame, network_input, probability, placement):
        return probability, Quality.GOOD

    def follow(self, frame, polyps, placement):
        self.frames.append(frame)
        return polyps

    def pass_by(self, frame):
        self.passed.append(frame)


def followed(images):
    """The frame of the last of these images, after all were followed."""
    inner = Remembering()
    margins = MarginsFollowed(inner)
    for index, image in enumerate(images):
        margins.follow(plain(image, index), (), PLACEMENT)
    return inner.frames[-1]


def plain(image, index=0):
    return Frame(image, index, index / 25, 0.0)


def saved(folder, one, *, keep=False):
    """Write the picture of a sighting in this frame, and read it."""
    with SightingPictures(folder / "some-sightings", keep_margins=keep) as pictures:
        path = pictures(1, one, POLYP, PLACEMENT)
    assert pictures.problems == []
    return cv2.imread(str(folder / path))


def outside(true, *, px=26):
    """What lies so far from the field that not even a block of the JPEG reaches there."""
    return cv2.dilate(true.astype(np.uint8), np.ones((2 * px + 1, 2 * px + 1), np.uint8)) == 0


# --- margins --------------------------------------------------------------------------------------------


def test_a_picture_shows_the_field_and_the_mark_and_no_margins(tmp_path):
    picture = saved(tmp_path, followed([usual(seed) for seed in range(20)]))
    assert not picture[outside(TRUE)].any()
    assert np.mean(picture[TRUE].max(axis=1) > 40) > 0.8
    blue, _, red = picture[220, 390].astype(int)
    assert blue > red  # sky on mucosa


def test_a_frame_that_alone_looks_like_a_field_opens_no_margins(tmp_path):
    picture = saved(tmp_path, followed([*(usual(seed) for seed in range(20)), without_margins()]))
    assert not picture[outside(TRUE)].any()
    assert picture[TRUE].any()


def test_after_a_loss_another_scope_is_shown_as_far_as_its_own_field_reaches(tmp_path):
    inner = Remembering()
    margins = MarginsFollowed(inner)
    for index in range(30):
        margins.follow(plain(usual(), index), (), PLACEMENT)
    lost = Frame(usual(), 30, 1.2, 0.0, Signal.LOST)
    margins.pass_by(lost)
    assert inner.passed == [lost]
    left = Box(0, 10, 460, 460)
    margins.follow(plain(frame("octagon", SD, left), 31), (), PLACEMENT)
    picture = saved(tmp_path, inner.frames[-1])
    true = mask_of("octagon", SD, left) > 0
    assert not picture[outside(true)].any()
    assert np.mean(picture[true].max(axis=1) > 40) > 0.8


@pytest.mark.parametrize("images", [[*[usual()] * 20, half_covered()], [np.full((*SD, 3), 120, np.uint8)]])
def test_until_a_field_is_found_and_while_a_page_is_shown_all_but_the_mark_is_black(images, tmp_path):
    picture = saved(tmp_path, followed(images))
    near_mark = cv2.fillPoly(np.zeros(SD, np.uint8), [CONTOUR.astype(np.int32)], 1)
    assert not picture[outside(near_mark)].any()


def test_a_frame_that_nobody_followed_is_not_shown(tmp_path):
    assert not saved(tmp_path, plain(usual()))[:150].any()


def test_margins_that_may_be_kept_are_kept(tmp_path):
    picture = saved(tmp_path, plain(usual()), keep=True)
    assert picture[40:300, 5:120].max() > 200


@pytest.mark.parametrize("keep", [False, True])
def test_no_pixel_of_a_patients_name_is_in_the_pictures_of_a_run(keep, tmp_path):
    config = RunConfig("phantom", events=tmp_path / "events.jsonl", keep_margins=keep, alert_after_s=0.2)
    source = PhantomSource(parse_phantom("phantom:seed=3,duration=0.6,size=640x512,margins=text"))
    journal = Journal()
    with Following(config, source.info, journal) as following:
        engine = ConstantEngine(64, 0.9)
        predictor = Predictor(engine, threshold=lambda: 0.5, follower=following.tracking)
        for one in source:
            predictor.predict(one)
    assert following.problems == []
    assert following.sightings >= 1
    told = [one.facts["snapshot"] for one in journal.events if one.kind is EventKind.SIGHTING_CLOSED]
    paths = sorted((tmp_path / "events-sightings").iterdir())
    assert [tmp_path / path for path in told] == paths
    true = octagon(640, 512) > 0
    for path in paths:
        picture = cv2.imread(str(path))
        assert picture[outside(true)].any() == keep
        assert np.mean(picture[true].max(axis=1) > 40) > 0.5


# --- trouble --------------------------------------------------------------------------------------------


def test_pictures_that_cannot_be_written_are_counted_and_the_next_is_tried(tmp_path, monkeypatch):
    from scr_live.app import sighting_pictures  # noqa: PLC0415

    errors = iter(
        [OutputUnwritableError("Cannot write it: no space."), MemoryError(), cv2.error("bad"), None]
    )
    write = sighting_pictures.write_bytes

    def fail(path, data):
        if (error := next(errors)) is not None:
            raise error
        write(path, data)

    monkeypatch.setattr(sighting_pictures, "write_bytes", fail)
    with SightingPictures(tmp_path, keep_margins=True) as pictures:
        for number in range(1, 5):
            pictures(number, plain(usual()), POLYP, PLACEMENT)
    assert (pictures.unwritten, pictures.dropped) == (3, 0)
    (problem,) = pictures.problems
    assert problem.startswith(f"Of 4 pictures of sightings in {tmp_path}, 3 could not be written and 0 found")
    assert problem.endswith(": Cannot write it: no space.")
    assert [path.name for path in tmp_path.iterdir()] == ["sighting-0004.jpg"]


def test_a_picture_that_opencv_does_not_encode_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr("cv2.imencode", lambda *_: (False, np.zeros(0, np.uint8)))
    with SightingPictures(tmp_path, keep_margins=True) as pictures:
        pictures(1, plain(usual()), POLYP, PLACEMENT)
    assert pictures.unwritten == 1
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def slow_disk(monkeypatch):
    """Writing waits for this."""
    may_write = threading.Event()
    write = SightingPictures._encoded

    def wait(self, job):
        assert may_write.wait(20)
        return write(self, job)

    monkeypatch.setattr(SightingPictures, "_encoded", wait)
    yield may_write
    may_write.set()


def test_a_picture_without_room_to_wait_is_not_taken_and_its_sighting_names_none(tmp_path, slow_disk):
    image = usual()
    with SightingPictures(tmp_path, keep_margins=True, room_bytes=2 * image.nbytes) as pictures:
        told = [pictures(number, plain(image), POLYP, PLACEMENT) for number in range(1, 6)]
        slow_disk.set()
    assert [path is not None for path in told] == [True, True, False, False, False]
    assert (pictures.unwritten, pictures.dropped) == (0, 3)
    assert "3 found too many others waiting: the disk is too slow." in pictures.problems[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sighting-0001.jpg", "sighting-0002.jpg"]


def test_a_picture_larger_than_the_room_is_taken_alone(tmp_path, slow_disk):
    with SightingPictures(tmp_path, keep_margins=True, room_bytes=1) as pictures:
        told = [pictures(number, plain(usual()), POLYP, PLACEMENT) for number in (1, 2)]
        slow_disk.set()
    assert [path is not None for path in told] == [True, False]


def test_a_disk_that_hangs_at_the_end_is_told_and_not_waited_for(tmp_path, slow_disk, monkeypatch):
    monkeypatch.setattr("scr_live.sinks.hearing._PATIENCE_S", 0.05)
    with SightingPictures(tmp_path, keep_margins=True) as pictures:
        for number in (1, 2):
            pictures(number, plain(usual()), POLYP, PLACEMENT)
    assert pictures.unwritten == 2
    assert "the disk did not answer at the end of the run" in pictures.problems[0]
