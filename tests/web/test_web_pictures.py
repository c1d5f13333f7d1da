"""Pictures as viewers get them: in the size that they show, and cut out for sightings."""

import cv2
import numpy as np
import pytest

pytest.importorskip("fastapi", reason="needs fastapi, of the extra `web`")

from web_fakes import PLACE, event, image

from scr_live.processes.wire import Message
from scr_live.sinks.web.hub import Shown
from scr_live.sinks.web.jpeg import Camera
from scr_live.sinks.web.sightings import MOST, MOST_BYTES, SightingList
from scr_live.sinks.web.streams import framed


@pytest.mark.parametrize(
    ("width", "jpeg"), [(0, b"L"), (1, b"S"), (640, b"S"), (673, b"S"), (700, b"M"), (5000, b"L")]
)
def test_a_viewer_gets_the_smallest_picture_that_fills_its_place(width, jpeg):
    picture = Shown(1, 1, 0.0, b"L", {960: b"M", 640: b"S"})
    assert framed(picture, width)[16:] == jpeg


def taken(camera, number=0, scale=1.0):
    picture = image(number)
    facts = {"shape": picture.shape, "dtype": "|u1", "index": number, "captured_at": 0.0, "scale": scale}
    return camera.take(Message("picture", facts, bytearray(picture.tobytes())))


def opened(number, score, kind="sighting-opened"):
    return event(kind, sighting=number, score=score, **PLACE)[1]


@pytest.mark.parametrize(
    ("wanted", "made"),
    [
        ((), [64]),
        ((0,), [64]),
        ((12,), [16]),
        ((16, 20), [16, 32]),
        ((1, 34), [16, 64]),
        ((0, 33), [32, 64]),
        ((9000,), [64]),
    ],
)
def test_of_each_picture_there_are_the_sizes_that_somebody_shows(wanted, made):
    picture = image()
    facts = {"shape": picture.shape, "dtype": "|u1", "index": 0, "captured_at": 0.0, "scale": 1.0}
    shown, _ = Camera().take(Message("picture", facts, bytearray(picture.tobytes())), wanted)
    jpegs = [*shown.smaller.values(), shown.jpeg]
    assert sorted(cv2.imdecode(np.frombuffer(one, np.uint8), 1).shape[1] for one in jpegs) == made


def test_a_sighting_is_cut_out_of_the_next_picture_and_again_when_it_is_better():
    camera = Camera()
    assert taken(camera)[1] == []
    camera.hear(opened(1, 0.6))
    assert [number for number, _ in taken(camera)[1]] == [1]
    assert taken(camera)[1] == []
    camera.hear(opened(1, 0.5, "sighting-updated"))
    assert taken(camera)[1] == []
    camera.hear(opened(1, 0.7, "sighting-updated"))
    assert [number for number, _ in taken(camera, scale=0.5)[1]] == [1]


def test_a_box_outside_a_picture_that_became_smaller_is_the_whole_picture():
    camera = Camera()
    camera.hear({**opened(1, 0.6), "x": 5000, "y": 5000})
    ((_, jpeg),) = taken(camera)[1]
    assert jpeg.startswith(b"\xff\xd8")


def test_sightings_of_a_long_run_fill_no_memory():
    sightings = SightingList()
    large = b"x" * 1_000_000
    for number in range(1, 1001):
        sightings.hear("sighting-opened", opened(number, 0.5))
        sightings.keep_picture(number, large)
    assert len(sightings.as_list()) == MOST
    kept = [number for number in range(1, 1001) if sightings.picture(number)]
    assert sum(len(sightings.picture(number)) for number in kept) <= MOST_BYTES
    assert kept[-1] == 1000
