"""Pictures as a source: order, kinds of files, and errors that name the culprit."""

import struct

import cv2
import numpy as np
import pytest

from scr_live.errors import SourceNotFoundError, SourceUnreadableError
from scr_live.sources.images import ImagesSource
from scr_live.sources.opening import SourceOptions, open_source

COLOUR = (200, 60, 90)  # RGB


def write(path, picture):
    """Write RGB (or grey, or RGBA) by OpenCV, which wants BGR, to any path."""
    if picture.ndim == 3:
        order = [2, 1, 0, 3] if picture.shape[2] == 4 else [2, 1, 0]
        picture = picture[..., order]
    path.write_bytes(cv2.imencode(path.suffix, np.ascontiguousarray(picture))[1].tobytes())
    return path


def plain(value=COLOUR, width=24, height=16):
    return np.full((height, width, 3), value, np.uint8)


def read(spec, **options):
    with ImagesSource(str(spec), **options) as source:
        return list(source), source.info


def test_a_folder_is_read_in_natural_order(tmp_path):
    for number in (10, 2, 1, 33):
        write(tmp_path / f"img{number}.png", plain((number * 5,) * 3))
    (tmp_path / "notes.txt").write_text("no picture")
    frames, info = read(tmp_path, fps=10)
    assert [f.image[0, 0, 0] // 5 for f in frames] == [1, 2, 10, 33]
    assert [f.pts_s for f in frames] == pytest.approx([0, 0.1, 0.2, 0.3])
    assert (info.kind, info.is_live, info.frame_count, info.fps) == ("images", False, 4, 10)
    assert (info.width, info.height) == (24, 16)


def test_a_glob_takes_what_matches(tmp_path):
    for name in ("a1.png", "a2.png", "b1.png"):
        write(tmp_path / name, plain())
    assert len(read(tmp_path / "a*.png")[0]) == 2


@pytest.mark.parametrize(
    "name", ["one.png", "one.JPG", "one.bmp", "one.tif", "one.webp", "über [1] 内視鏡.png"]
)
def test_one_picture_of_any_kind(tmp_path, name):
    path = write(tmp_path / name, plain())
    with open_source(str(path)) as source:
        (frame,) = source
    assert np.abs(frame.image.astype(int) - COLOUR).max() <= 6
    assert frame.image.flags.c_contiguous


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (np.full((16, 24), 100, np.uint8), (100, 100, 100)),
        (np.full((16, 24, 3), (51400, 15420, 23130), np.uint16), COLOUR),
        (np.full((16, 24), 25700, np.uint16), (100, 100, 100)),
        (np.full((16, 24, 4), (*COLOUR, 7), np.uint8), COLOUR),
    ],
    ids=["grey", "16 bit", "16 bit grey", "alpha"],
)
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_depths_and_channels(tmp_path, picture, expected, suffix):
    (frame,), _ = read(write(tmp_path / f"p{suffix}", picture))
    assert frame.image.dtype == np.uint8
    assert np.abs(frame.image.astype(int) - expected).max() <= 1


def test_the_exif_mark_turns_the_picture(tmp_path):
    picture = plain()
    picture[:, 12:] = 0
    path = write(tmp_path / "t.jpg", picture)
    tiff = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)  # orientation 6: quarter right
    exif = b"Exif\0\0" + tiff
    jpeg = path.read_bytes()
    path.write_bytes(jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:])
    (frame,), info = read(path)
    assert (info.width, info.height) == (16, 24)
    assert np.abs(frame.image[:10].astype(int) - COLOUR).mean() < 8
    assert frame.image[14:].mean() < 8


def test_another_size_is_refused_by_name(tmp_path):
    write(tmp_path / "1.png", plain())
    write(tmp_path / "2.png", plain(width=30))
    with ImagesSource(str(tmp_path)) as source:
        frames = iter(source)
        next(frames)
        with pytest.raises(SourceUnreadableError, match=r"24x16.*1\.png.*30x16.*2\.png"):
            next(frames)


@pytest.mark.parametrize("content", [b"", b"no picture at all"])
def test_a_corrupt_picture_is_refused_by_name(tmp_path, content):
    write(tmp_path / "1.png", plain())
    (tmp_path / "2.png").write_bytes(content)
    with ImagesSource(str(tmp_path)) as source, pytest.raises(SourceUnreadableError, match=r"2\.png"):
        list(source)


def test_nothing_to_show(tmp_path):
    with pytest.raises(SourceUnreadableError, match="folder"):
        open_source(str(tmp_path))
    with pytest.raises(SourceNotFoundError):
        open_source(str(tmp_path / "*.png"))
    with pytest.raises(SourceNotFoundError):
        open_source(str(tmp_path / "one.png"))


def test_looping_and_playing_as_live(tmp_path):
    for number in (1, 2):
        write(tmp_path / f"{number}.png", plain((number * 50,) * 3))
    frames = []
    with open_source(str(tmp_path), SourceOptions(loop=True, realtime=True, fps=200)) as source:
        assert source.info.is_live
        for frame in source:
            frames.append(frame)
            if len(frames) == 5:
                source.close()
    assert [f.image[0, 0, 0] for f in frames] == [50, 100, 50, 100, 50]
    assert [f.pts_s for f in frames] == pytest.approx([i / 200 for i in range(5)])
