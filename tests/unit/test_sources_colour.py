"""The colours of a file come back within 2/255, whatever its matrix, range, depth and chroma."""

import sys

import av
import numpy as np
import pytest

from scr_live.sources.convert import RgbConverter
from scr_live.sources.file import FileSource

BT601 = (0.299, 0.114)
BT709 = (0.2126, 0.0722)
BT2020 = (0.2627, 0.0593)
BARS = [
    (191, 191, 191),
    (191, 191, 0),
    (0, 191, 191),
    (0, 191, 0),
    (191, 0, 191),
    (191, 0, 0),
    (0, 0, 191),
    (20, 20, 20),
]
SPC_709, SPC_UNSPECIFIED, SPC_601, SPC_2020 = 1, 2, 6, 9
LIMITED, FULL = 1, 2


def chart(width, height):
    """Colour bars above a grey ramp."""
    picture = np.zeros((height, width, 3), np.uint8)
    for i, colour in enumerate(BARS):
        picture[: height // 2, i * width // 8 : (i + 1) * width // 8] = colour
    picture[height // 2 :] = np.linspace(0, 255, width).round().astype(np.uint8)[None, :, None]
    return picture


def to_yuv(picture, constants, *, full, bits=8):
    """Encode by the equations of the standards, independent of FFmpeg."""
    kr, kb = constants
    r, g, b = np.moveaxis(picture.astype(np.float64) / 255, -1, 0)
    y = kr * r + (1 - kr - kb) * g + kb * b
    cb, cr = (b - y) / (2 * (1 - kb)), (r - y) / (2 * (1 - kr))
    top, scale = 2**bits - 1, 2.0 ** (bits - 8)
    if full:
        planes = y * top, cb * top + 128 * scale, cr * top + 128 * scale
    else:
        planes = (y * 219 + 16) * scale, (cb * 224 + 128) * scale, (cr * 224 + 128) * scale
    return [plane.round().clip(0, top).astype(np.uint16 if bits > 8 else np.uint8) for plane in planes]


def as_frame(planes, pix_fmt):
    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, pix_fmt)
    for target, plane in zip(frame.planes, planes, strict=False):
        step_y, step_x = -(-height // target.height), -(-width // target.width)
        small = plane[::step_y, ::step_x]
        lines = np.zeros((target.height, target.line_size // plane.itemsize), plane.dtype)
        lines[:, : small.shape[1]] = small
        target.update(lines.tobytes())
    return frame


def error_of(path, expected):
    with FileSource(path) as source:
        image = next(iter(source)).image
    return np.abs(image.astype(int) - expected.astype(int)).mean()


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(
    "matrix",
    [(BT601, SPC_601), (BT709, SPC_709), (BT2020, SPC_2020)],
    ids=["601", "709", "2020"],
)
@pytest.mark.parametrize(
    "form",
    [("yuv420p", 8), ("yuv422p", 8), ("yuv444p", 8), ("yuv420p10le", 10), ("yuv422p10le", 10)],
)
def test_tagged_matrix_and_range_are_obeyed(tmp_path, make_clip, matrix, full, form):
    constants, space = matrix
    pix_fmt, bits = form
    picture = chart(256, 128)
    frame = as_frame(to_yuv(picture, constants, full=full, bits=bits), pix_fmt)
    tags = {"colorspace": space, "color_range": FULL if full else LIMITED}
    path = make_clip(
        tmp_path / "c.mp4",
        [frame],
        width=256,
        height=128,
        pix_fmt=pix_fmt,
        tags=tags,
        options={"crf": "1", "preset": "ultrafast"},
    )
    assert error_of(path, picture) < 2


@pytest.mark.parametrize(("height", "constants"), [(576, BT601), (720, BT709)])
def test_untagged_video_is_guessed_by_its_height(tmp_path, make_clip, height, constants):
    picture = chart(256, height)
    frame = as_frame(to_yuv(picture, constants, full=False), "yuv420p")
    path = make_clip(
        tmp_path / "c.mp4",
        [frame],
        width=256,
        height=height,
        tags={"colorspace": SPC_UNSPECIFIED, "color_range": 0},
        options={"crf": "1", "preset": "ultrafast"},
    )
    assert error_of(path, picture) < 2


@pytest.mark.parametrize("full", [False, True])
def test_grey_video_obeys_its_range(tmp_path, make_clip, full):
    picture = chart(256, 128)
    picture[:64] = 90
    frame = as_frame(to_yuv(picture, BT601, full=full)[:1], "gray")
    path = make_clip(
        tmp_path / "c.mp4",
        [frame],
        width=256,
        height=128,
        pix_fmt="gray",
        tags={"color_range": FULL if full else LIMITED},
        options={"crf": "1", "preset": "ultrafast"},
    )
    assert error_of(path, picture) < 2


def test_motion_jpeg_is_full_range(tmp_path, make_clip):
    picture = chart(256, 128)
    frame = as_frame(to_yuv(picture, BT601, full=True), "yuvj420p")
    path = make_clip(
        tmp_path / "c.avi",
        [frame],
        width=256,
        height=128,
        codec="mjpeg",
        pix_fmt="yuvj420p",
        tags={"color_range": FULL},
        options={"qmin": "1", "qmax": "1"},
    )
    assert error_of(path, picture) < 2


def test_rgb_video_comes_back_exactly(tmp_path, make_clip, rng):
    picture = rng.integers(0, 256, (48, 64, 3), np.uint8)
    path = make_clip(tmp_path / "c.mkv", [picture], codec="ffv1", pix_fmt="bgr0")
    assert error_of(path, picture) == 0


@pytest.mark.parametrize("pix_fmt", ["yuyv422", "uyvy422", "nv12"])
def test_what_cameras_send_uncompressed(tmp_path, make_clip, pix_fmt):
    picture = chart(256, 128)
    planes = as_frame(to_yuv(picture, BT601, full=False), "yuv422p" if "422" in pix_fmt else "yuv420p")
    planes.colorspace, planes.color_range = SPC_601, LIMITED
    path = make_clip(
        tmp_path / "c.nut",
        [planes.reformat(format=pix_fmt)],
        width=256,
        height=128,
        codec="rawvideo",
        pix_fmt=pix_fmt,
        tags={"colorspace": SPC_601, "color_range": LIMITED},
    )
    assert error_of(path, picture) < 1


def test_odd_sizes_lose_no_colour(tmp_path, make_clip):
    picture = np.full((47, 63, 3), (200, 60, 90), np.uint8)
    frame = as_frame(to_yuv(picture, BT601, full=False), "yuv420p")
    path = make_clip(tmp_path / "c.mkv", [frame], width=63, height=47, codec="ffv1")
    assert error_of(path, picture) < 2


def test_a_converted_picture_leaves_nothing_to_the_collector():
    frame = av.VideoFrame(64, 48, "yuv420p")
    holders = sys.getrefcount(frame)
    RgbConverter().convert(frame)
    assert sys.getrefcount(frame) == holders
