"""The number in the phantom's picture: read back after whatever happens to a picture on its way."""

import io
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from scr_live.errors import OptionError
from scr_live.phantom import lens
from scr_live.phantom.counter import MOST, counter_box, read_counter, write_counter
from scr_live.phantom.options import PhantomOptions
from scr_live.sources.phantom import PhantomSource, parse_phantom, render

SIZES = [(128, 96), (320, 256), (640, 360)]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_picture_bears_the_number_of_its_frame(width, height):
    options = PhantomOptions(width=width, height=height, has_counter=True, polyps=0)
    assert [read_counter(render(options, index)[0]) for index in (0, 1, 37)] == [0, 1, 37]


def test_it_is_never_there_unless_asked_for():
    plain = PhantomOptions(width=128, height=96, polyps=0)
    image, _ = render(plain, 5)
    assert read_counter(image) is None
    counted, _ = render(parse_phantom("phantom:size=128x96,polyps=0,counter=1"), 5)
    changed = np.argwhere((image != counted).any(axis=2))
    x, y, long, high = counter_box(128, 96)
    assert (changed.min(axis=0) >= (y - 4, x - 4)).all()
    assert (changed.max(axis=0) <= (y + high + 4, x + long + 4)).all()


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_all_of_it_lies_within_the_field_which_leaves_a_run_without_margins(width, height):
    before, after = np.zeros((height, width, 3), np.uint8), np.zeros((height, width, 3), np.uint8)
    write_counter(after, 7)
    assert lens.octagon(width, height)[(before != after).any(axis=2)].min() == 1


@pytest.mark.parametrize("number", [0, 1, 12345, MOST - 1])
@pytest.mark.parametrize(("quality", "scale"), [(80, 1.0), (40, 1.0), (80, 0.5), (80, 1.5), (80, 0.37)])
def test_it_comes_through_jpeg_at_any_scale(number, quality, scale):
    image = np.random.default_rng(3).integers(60, 190, (360, 640, 3), np.uint8)
    write_counter(image, number)
    scaled = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    jpeg = cv2.imencode(".jpg", scaled, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    assert read_counter(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), size=(640, 360)) == number


def test_it_comes_through_h264():
    file = io.BytesIO()
    options = PhantomOptions(width=320, height=256, has_counter=True, polyps=0)
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(25), options={"preset": "veryfast"})
        stream.width, stream.height = 320, 256
        for index in range(8):
            image, _ = render(options, index)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    file.seek(0)
    with av.open(file) as container:
        seen = [read_counter(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    assert seen == list(range(8))


def test_numbers_begin_again_after_a_million():
    image = np.zeros((96, 128, 3), np.uint8)
    write_counter(image, MOST + 3)
    assert read_counter(image) == 3


def test_a_number_that_is_partly_hidden_is_none():
    image = np.zeros((360, 640, 3), np.uint8)
    write_counter(image, 77)
    x, y, long, high = (round(one) for one in counter_box(640, 360))
    image[y : y + high // 2, x + long // 4 : x + long // 2] = 200
    assert read_counter(image) is None


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_where_nothing_is_written_nothing_is_read(grey):
    assert read_counter(np.full((96, 128, 3), grey, np.uint8)) is None


def test_a_source_says_that_its_pictures_are_numbered():
    source = PhantomSource(parse_phantom("phantom:counter=1"))
    assert parse_phantom(source.info.name).has_counter


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [("phantom:counter=maybe", "counter must be 1 or 0"), ("phantom:counter=1,size=80x64", "at least 96")],
)
def test_what_cannot_be_meant_is_a_sentence(spec, sentence):
    with pytest.raises(OptionError, match=sentence):
        parse_phantom(spec)
