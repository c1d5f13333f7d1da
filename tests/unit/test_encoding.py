import mmap
from fractions import Fraction

import av
import numpy as np
import pytest
from av.codec import Codec

from scr_live.sinks.encoding import Converter, configure
from scr_live.sinks.options import RecorderOptions


def planes_of(frame):
    return [
        np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:, : plane.width].copy()
        for plane in frame.planes
    ]


def image_that_ends_a_page(height, width):
    """Nothing readable lies behind it for certain."""
    size = height * width * 3
    pages = mmap.mmap(-1, -(-size // mmap.PAGESIZE) * mmap.PAGESIZE)
    return np.frombuffer(pages, np.uint8)[len(pages) - size :].reshape(height, width, 3)


def test_a_picture_is_converted_alike_wherever_it_lies_in_memory():
    random = np.random.default_rng(0).integers(0, 255, (48, 66, 3), np.uint8)
    at_the_end = image_that_ends_a_page(48, 66)
    at_the_end[:] = random
    wide = np.zeros((48, 80, 3), np.uint8)
    wide[:, 8:74] = random
    expected = planes_of(Converter("yuv420p").convert(random))
    for image in (at_the_end, wide[:, 8:74]):
        assert all(map(np.array_equal, planes_of(Converter("yuv420p").convert(image)), expected))


def test_converting_changes_neither_the_picture_nor_what_was_converted_before():
    converter = Converter("yuv420p")
    image = np.random.default_rng(1).integers(0, 255, (32, 64, 3), np.uint8)
    image.flags.writeable = False
    before = image.copy()
    first = converter.convert(image)
    kept = planes_of(first)
    converter.convert(255 - image)
    assert np.array_equal(image, before)
    assert all(map(np.array_equal, planes_of(first), kept))


@pytest.mark.parametrize(
    ("preset", "rate", "other"),
    [
        ("ultrafast", "qp", "crf"),
        ("superfast", "qp", "crf"),
        ("veryfast", "crf", "qp"),
        ("slow", "crf", "qp"),
    ],
)
def test_presets_without_a_look_ahead_worth_it_have_a_fixed_quantiser(preset, rate, other):
    context = Codec("libx264", "w").create("video")
    configure(context, "libx264", RecorderOptions(preset=preset, quality=23), size=(64, 64))
    assert context.options[rate] == "23"
    assert other not in context.options


@pytest.mark.parametrize("preset", ["ultrafast", "superfast", "veryfast"])
def test_what_the_encoder_wrote_looks_like_what_it_got(preset):
    context = Codec("libx264", "w").create("video")
    configure(context, "libx264", RecorderOptions(preset=preset, quality=20), size=(64, 48))
    y, x = np.mgrid[:48, :64]
    image = np.stack([4 * x, 5 * y, 255 - 4 * x], axis=2).astype(np.uint8)
    frame = Converter("yuv420p").convert(image)
    expected = planes_of(frame)
    frame.pts, frame.time_base = 0, Fraction(1, 90_000)
    packets = [*context.encode(frame), *context.encode(None)]
    decoder = av.CodecContext.create("h264", "r")
    decoder.extradata = context.extradata
    decoded = [each for packet in packets for each in decoder.decode(packet)] + decoder.decode(None)
    found = planes_of(decoded[0])
    assert max(float(np.abs(a.astype(int) - b).mean()) for a, b in zip(found, expected, strict=True)) < 2
