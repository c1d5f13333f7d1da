"""What was decoded as recordings hold it is recorded as it is, but for what was drawn over it."""

from dataclasses import replace

import av
import cv2
import numpy as np
import pytest
from field_pictures import SD, frame, mask_of

from scr_live.frames import AsVideo, Frame, Picture, Signal
from scr_live.geometry import Box
from scr_live.margins.pictures import Deidentifier
from scr_live.overlays import draw_status
from scr_live.planes import black_planes, chroma_mask, copied, draw_changes, in_one
from scr_live.sinks.encoding import Converter
from scr_live.sinks.recorder import Recorder, RecorderOptions
from scr_live.sources.convert import RgbConverter, as_video
from scr_live.sources.file import FileSource

FIELD = Box(160, 10, 460, 460)
TRUE = mask_of("octagon", SD, FIELD) > 0
STATUS_AT = Box(0, 0, 640, 480)


def video_frame(image, *, form="yuv420p", matrix=1, value_range=1):
    made = Converter("yuv420p").convert(image)
    if form != "yuv420p":
        made = made.reformat(format=form)
    made.colorspace, made.color_range = matrix, value_range
    return made


def frame_of(image, index=0):
    """A frame as a source builds it of HD video."""
    made = video_frame(image)
    rgb = RgbConverter().convert(made)
    return Frame(rgb, index, None, 0.0, as_video=as_video(made, rgb))


def noise(seed=0, size=(64, 96)):
    small = np.random.default_rng(seed).integers(0, 255, (size[0] // 8, size[1] // 8, 3), np.uint8)
    return cv2.resize(small, size[::-1], interpolation=cv2.INTER_CUBIC)


def encoded(picture):
    made = Converter("yuv420p").convert_picture(picture)
    return [
        np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:, : plane.width].copy()
        for plane in made.planes
    ]


def with_line(image):
    drawn = image.copy()
    cv2.line(drawn, (11, 9), (50, 41), (0, 210, 255), 2, cv2.LINE_AA)
    drawn[60:63, 90:95] = (255, 0, 0)
    return drawn


def test_a_picture_without_marks_is_recorded_sample_by_sample():
    one = frame_of(noise())
    assert one.planes is not None
    assert all(map(np.array_equal, encoded(Picture(one, None, one.image)), one.planes))


def test_marks_change_the_samples_that_they_cover_and_no_other():
    one = frame_of(noise())
    drawn = with_line(one.image)
    found = encoded(Picture(one, None, drawn))
    covered = (drawn != one.image).any(axis=2)
    in_chroma = covered.reshape(32, 2, 48, 2).any(axis=(1, 3))
    for plane, before, changes in zip(found, one.planes, (covered, in_chroma, in_chroma), strict=True):
        assert np.array_equal(plane[~changes], before[~changes])
    expected = [plane.astype(int) for plane in encoded(Picture(replace(one, as_video=None), None, drawn))]
    for plane, like, changes, most in zip(
        found, expected, (covered, in_chroma, in_chroma), (2, 6, 6), strict=True
    ):  # swscale takes chroma from other places: this picture is of nothing but edges
        assert np.abs(plane.astype(int) - like)[changes].mean() < most


@pytest.mark.parametrize(
    ("colour", "samples"),
    [((255, 255, 255), (235, 128, 128)), ((0, 0, 0), (16, 128, 128)), ((255, 0, 0), (63, 102, 240))],
)
def test_what_is_drawn_has_the_colour_that_the_standard_gives_it(colour, samples):
    below = np.full((32, 32, 3), 77, np.uint8)
    drawn = below.copy()
    drawn[10:20, 4:12] = colour
    planes = black_planes((32, 32))
    draw_changes(planes, below, drawn, drawn)
    assert planes[0][15, 8] == samples[0]
    assert (planes[1][7, 4], planes[2][7, 4]) == samples[1:]


@pytest.mark.parametrize("size", [(2, 2), (2, 6), (6, 2), (34, 38)])
def test_a_change_at_every_place_of_a_picture_is_found(size):
    below = np.zeros((*size, 3), np.uint8)
    for y in range(size[0]):
        for x in range(0, size[1], 3):
            drawn = below.copy()
            drawn[y, x, 2] = 255
            planes = black_planes(size)
            draw_changes(planes, below, drawn, drawn)
            assert np.argwhere(planes[0] != 16).tolist() == [[y, x]]


def test_another_picture_than_the_decoded_one_has_no_planes():
    one = frame_of(noise())
    dimmed = replace(one, image=one.image // 2, signal=Signal.LOST)
    assert dimmed.planes is None
    assert replace(one, captured_at=1.0).planes is one.planes
    assert np.abs(encoded(Picture(dimmed, None, dimmed.image))[0].astype(int) - one.planes[0]).max() > 20


def test_a_kept_picture_that_gets_another_image_has_no_planes():
    one = frame_of(noise())
    kept = Deidentifier().picture(Picture(one, None, one.image))
    assert kept.planes is not None
    assert replace(kept, image=one.image).planes is None


def test_planes_are_not_to_be_changed():
    one = frame_of(noise())
    for plane in one.planes:
        with pytest.raises(ValueError, match="read-only"):
            plane[0, 0] = 1


@pytest.mark.parametrize(
    "facts", [{"matrix": 5}, {"value_range": 2}, {"form": "yuv422p"}, {"form": "nv12"}, {"form": "yuvj420p"}]
)
def test_samples_of_another_kind_are_converted(facts):
    made = video_frame(noise(), **facts)
    assert as_video(made, RgbConverter().convert(made)) is None


def test_odd_sides_are_converted():
    made = av.VideoFrame(63, 48, "yuv420p")
    made.colorspace, made.color_range = 1, 1
    assert as_video(made, RgbConverter().convert(made)) is None


def test_chroma_is_shown_where_all_its_pixels_are():
    mask = np.full((4, 4), 255, np.uint8)
    mask[0, 0] = 0
    assert chroma_mask(mask).tolist() == [[0, 255], [255, 255]]


def test_a_masked_copy_is_black_outside():
    one = frame_of(noise())
    mask = np.zeros((64, 96), np.uint8)
    mask[8:40, 10:60] = 255
    masks = (mask, chroma_mask(mask))
    for plane, before, shown, black in zip(
        copied(one.planes, masks), one.planes, (masks[0], masks[1], masks[1]), (16, 128, 128), strict=True
    ):
        assert np.all(plane[shown == 0] == black)
        assert np.array_equal(plane[shown > 0], before[shown > 0])


def test_margins_are_black_in_the_planes_too_and_the_status_stays():
    one = frame_of(np.clip(frame("octagon", SD, FIELD).astype(int) + 9, 0, 255).astype(np.uint8))
    drawn = one.image.copy()
    at = draw_status(drawn, "AI behind", Box(160, 10, 460, 460))
    margins = Deidentifier()
    margins.follow(Picture(one, None, one.image))
    kept = margins.picture(Picture(one, None, drawn, status_at=at))
    assert kept.planes is not None
    outside = cv2.dilate(TRUE.astype(np.uint8), np.ones((19, 19), np.uint8)) == 0
    at.crop(outside)[:] = False
    assert np.all(kept.planes[0][outside] == 16)
    at.crop(TRUE)[:] = False
    assert np.array_equal(kept.planes[0][TRUE], one.planes[0][TRUE])
    assert (
        np.abs(at.crop(kept.planes[0]).astype(int) - at.crop(encoded(Picture(one, None, drawn))[0])).max()
        == 0
    )
    like = Converter("yuv420p").convert(kept.image)
    luma = np.frombuffer(like.planes[0], np.uint8).reshape(-1, like.planes[0].line_size)[:, :640]
    assert np.abs(kept.planes[0].astype(int) - luma).mean() < 2


def test_where_nothing_may_be_shown_the_planes_are_black():
    one = frame_of(noise())
    kept = Deidentifier().picture(Picture(one, None, one.image))
    assert [sorted(set(plane.ravel().tolist())) for plane in kept.planes] == [[16], [128], [128]]


def test_decoded_planes_outlive_the_decoder():
    kept = [frame_of(noise(seed)) for seed in range(3)]
    again = [frame_of(noise(seed)) for seed in range(3)]
    assert isinstance(kept[0].as_video, AsVideo)
    assert all(np.array_equal(a.planes[0], b.planes[0]) for a, b in zip(kept, again, strict=True))


def test_planes_in_one_are_what_they_were_wherever_they_lie():
    one = frame_of(noise())
    flat = np.concatenate([plane.ravel() for plane in one.planes]).reshape(96, 96)
    assert np.array_equal(in_one(one.planes), flat)
    copies = copied(one.planes)
    assert np.array_equal(in_one(copies), flat)
    assert np.shares_memory(in_one(copies), copies[0])


def test_a_recording_of_a_recording_shows_the_same(tmp_path):
    """HD by its tags: its samples go from the one file into the other."""
    first, second = tmp_path / "first.mp4", tmp_path / "second.mp4"
    image = cv2.GaussianBlur(noise(5, (96, 128)), (9, 9), 0)
    with Recorder(first, RecorderOptions(nominal_fps=25, quality=10)) as recorder:
        for index in range(3):
            recorder.write(Picture(Frame(image, index, index / 25, 0.0), None, image))
    with (
        FileSource(first) as source,
        Recorder(second, RecorderOptions(nominal_fps=25, quality=10)) as recorder,
    ):
        came = list(source)
        assert all(each.planes is not None for each in came)
        for each in came:
            recorder.write(Picture(each, None, each.image))
    with FileSource(second) as source:
        again = list(source)
    assert [each.pts_s for each in again] == [each.pts_s for each in came]
    for one, other in zip(came, again, strict=True):
        for plane, like in zip(one.planes, other.planes, strict=True):
            assert np.abs(plane.astype(int) - like).mean() < 1.5


@pytest.mark.parametrize("height", [34, 36, 1050])
def test_a_recorded_picture_has_all_its_lines_and_colours(height):
    image = np.ascontiguousarray(cv2.GaussianBlur(noise(3, (1056, 64)), (9, 9), 0)[:height])
    one = frame_of(image)
    made = Converter("yuv420p").convert_picture(Picture(one, None, one.image))
    assert (made.width, made.height) == (64, height)
    back = RgbConverter().convert(made)
    assert np.abs(back.astype(int) - one.image).mean() < 2


def test_pictures_that_lie_in_the_packet_are_not_kept_as_samples(tmp_path):
    """Of a camera that is memory of the driver."""
    path = tmp_path / "raw.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("rawvideo", rate=25, width=1280, height=720, pix_fmt="yuv420p")
        for packet in stream.encode(video_frame(np.full((720, 1280, 3), 90, np.uint8))):
            container.mux(packet)
        container.mux(stream.encode(None))
    with FileSource(path) as source:
        (only,) = list(source)
    assert only.planes is None
