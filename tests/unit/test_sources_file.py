"""Video files: every oddity is handled, or refused in one paragraph."""

import struct
from fractions import Fraction
from itertools import islice, pairwise

import av
import numpy as np
import pytest

from scr_live.errors import SourceError, SourceNotFoundError, SourceUnreadableError
from scr_live.sources.file import FileSource
from scr_live.sources.opening import SourceOptions, open_source

FAST = {"preset": "ultrafast", "g": "5"}
TURNS = {  # display matrix a, b, c, d -> the same turn in numpy
    "quarter right": ((0, 1, -1, 0), lambda p: np.rot90(p, -1)),
    "half": ((-1, 0, 0, -1), lambda p: np.rot90(p, 2)),
    "quarter left": ((0, -1, 1, 0), np.rot90),
    "mirrored": ((-1, 0, 0, 1), np.fliplr),
    "upside down": ((1, 0, 0, -1), np.flipud),
    "transposed": ((0, 1, 1, 0), lambda p: p.swapaxes(0, 1)),
}


def read(path, **options):
    with FileSource(path, **options) as source:
        return list(source), source


def set_display_matrix(path, a, b, c, d):
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    one = 1 << 16
    data[at : at + 36] = struct.pack(">9i", a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)
    path.write_bytes(data)


def test_every_frame_comes_once_in_order_with_its_time(tmp_path, make_clip, number_in):
    frames, source = read(make_clip(tmp_path / "a.mp4", 30, fps=30000 / 1001, options={"bf": "2"}))
    assert [number_in(f.image) for f in frames] == [f.index for f in frames] == list(range(30))
    assert [f.pts_s for f in frames] == pytest.approx([i * 1001 / 30000 for i in range(30)], abs=1e-4)
    assert source.info.fps == pytest.approx(30000 / 1001)
    assert (source.info.kind, source.info.is_live, source.info.frame_count) == ("file", False, 30)
    assert source.info.duration_s == pytest.approx(30 * 1001 / 30000, abs=0.04)
    assert source.warnings == []
    assert source.decode_errors == 0


def test_variable_rate_keeps_the_times_of_the_container(tmp_path, make_clip):
    pts = [0, 0.01, 0.5, 0.51, 2.0, 2.033]
    frames, source = read(make_clip(tmp_path / "vfr.mp4", 6, pts=pts))
    assert [f.pts_s for f in frames] == pytest.approx(pts, abs=1e-3)
    assert source.info.fps is None


def test_times_count_from_the_first_frame(tmp_path, make_clip):
    frames, _ = read(make_clip(tmp_path / "late.ts", 5, pts=[7 + i / 25 for i in range(5)]))
    assert [f.pts_s for f in frames] == pytest.approx([i / 25 for i in range(5)], abs=1e-4)


def test_without_times_the_nominal_rate_counts_and_is_said(tmp_path, make_clip):
    path = make_clip(tmp_path / "raw.h264", 10, options={"bf": "2"})
    frames, source = read(path)
    assert [f.pts_s for f in frames] == pytest.approx([i / 25 for i in range(10)])
    assert any("no time stamps" in text for text in source.warnings)


@pytest.mark.parametrize("turn", TURNS)
def test_the_display_matrix_turns_the_picture(tmp_path, make_clip, rng, turn):
    coarse = rng.integers(0, 2, (3, 4, 1), np.uint8) * 180 + 40
    picture = np.ascontiguousarray(np.repeat(coarse.repeat(16, 0).repeat(16, 1), 3, axis=2))
    path = make_clip(tmp_path / "t.mp4", [picture] * 2, options={"crf": "5"})
    matrix, apply = TURNS[turn]
    set_display_matrix(path, *matrix)
    frames, source = read(path)
    expected = apply(picture)
    assert frames[0].image.shape == expected.shape == (source.info.height, source.info.width, 3)
    assert np.abs(frames[0].image.astype(int) - expected).mean() < 6
    assert frames[0].image.flags.c_contiguous


@pytest.mark.parametrize(
    "form",
    [
        (63, 47, "libx264", "yuv444p"),
        (63, 47, "ffv1", "yuv420p"),
        (65, 49, "ffv1", "yuv422p10le"),
        (64, 48, "libx264", "yuv422p"),
        (64, 48, "libx264", "yuv420p10le"),
        (64, 48, "libx264", "gray"),
        (64, 48, "ffv1", "gray16le"),
        (64, 48, "mpeg4", "yuv420p"),
        (64, 48, "mjpeg", "yuvj422p"),
        (9, 1, "ffv1", "gray"),
    ],
)
def test_sizes_and_pixel_formats(tmp_path, make_clip, number_in, form):
    width, height, codec, pix_fmt = form
    path = make_clip(tmp_path / "p.mkv", 6, width=width, height=height, codec=codec, pix_fmt=pix_fmt)
    frames, _ = read(path)
    assert all(f.image.shape == (height, width, 3) and f.image.flags.c_contiguous for f in frames)
    if width >= 16:
        assert [number_in(f.image) for f in frames] == list(range(6))


@pytest.mark.parametrize(("width", "height", "codec"), [(1, 1, "ffv1"), (7680, 4320, "libx264")])
def test_the_smallest_and_the_largest(tmp_path, make_clip, width, height, codec):
    picture = av.VideoFrame(width, height, "gray")
    picture.planes[0].update(bytes([126]) * picture.planes[0].buffer_size)
    path = make_clip(
        tmp_path / "s.mkv",
        [picture],
        width=width,
        height=height,
        codec=codec,
        pix_fmt="gray",
        options={"preset": "ultrafast"} if codec == "libx264" else {},
    )
    frames, source = read(path)
    assert [f.image.shape for f in frames] == [(height, width, 3)]
    assert (source.info.width, source.info.height) == (width, height)
    assert abs(int(frames[0].image[0, 0, 0]) - 128) < 4


def test_interlaced_video_is_woven_one_frame_for_one(tmp_path, make_clip):
    def combed(i):  # the two fields of each frame are opposite flat greys
        picture = np.full((48, 64, 3), 40, np.uint8)
        picture[i % 2 :: 2] = 200
        return picture

    path = make_clip(
        tmp_path / "i.mp4", [combed(i) for i in range(12)], options={"x264-params": "tff=1", "crf": "5"}
    )
    frames, _ = read(path)
    assert [f.pts_s for f in frames] == pytest.approx([i / 25 for i in range(12)], abs=1e-3)
    middles = [f.image[8:40, :, 0].astype(int) for f in frames]
    assert np.mean([np.abs(np.diff(m, axis=0)).mean() for m in middles]) < 40  # 160 in the picture as coded


def test_a_clock_is_not_taken_for_a_rate(tmp_path, make_clip):
    path = make_clip(tmp_path / "a.dv", 3, width=720, height=576, codec="dvvideo", container_format="dv")
    frames, source = read(path)
    assert [f.pts_s for f in frames] == pytest.approx([0, 0.04, 0.08])
    assert (source.info.fps, source.info.frame_count) == (25, 3)


def test_pixels_that_are_not_square_are_mentioned(tmp_path, make_clip):
    path = make_clip(tmp_path / "a.mp4", 2, tags={"sample_aspect_ratio": Fraction(16, 15)})
    frames, source = read(path)
    assert frames[0].image.shape == (48, 64, 3)
    assert any("16:15" in text for text in source.warnings)


def test_looping_goes_on_with_times_and_indices(tmp_path, make_clip, number_in):
    with FileSource(make_clip(tmp_path / "l.mp4", 4), loop=True) as source:
        frames = list(islice(source, 10))
    assert [number_in(f.image) for f in frames] == [0, 1, 2, 3] * 2 + [0, 1]
    assert [f.index for f in frames] == list(range(10))
    assert [f.pts_s for f in frames] == pytest.approx([i / 25 for i in range(10)], abs=1e-3)


def noise(rng, n, width=160, height=120):
    return [rng.integers(0, 256, (height, width, 3), np.uint8) for _ in range(n)]


@pytest.mark.parametrize("name", ["cut.mp4", "cut.mkv"])
def test_a_truncated_file_gives_what_is_there_and_says_so(tmp_path, make_clip, rng, name):
    count = 50
    settings = {"movflags": "faststart"} if name.endswith("mp4") else {}
    path = make_clip(
        tmp_path / name, noise(rng, count), width=160, height=120, options=FAST, container_options=settings
    )
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    frames, source = read(path)
    assert 5 < len(frames) < count // 2
    assert any("cut short" in text for text in source.warnings)


def test_corrupt_packets_are_counted_and_skipped(tmp_path, make_clip, rng):
    path = make_clip(tmp_path / "c.mp4", noise(rng, 30), width=160, height=120, options=FAST)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 40_000] = bytes(40_000)
    path.write_bytes(data)
    frames, source = read(path)
    assert 10 < len(frames) <= 30
    assert source.decode_errors > 0
    (told,) = source.warnings
    assert f"{source.decode_errors} damaged packets or frames" in told
    assert (f"; {len(frames)} of about 30 announced frames could be decoded" in told) == (len(frames) < 30)
    assert all(later.pts_s > earlier.pts_s for earlier, later in pairwise(frames))


def test_damage_is_told_even_if_the_end_was_not_read(tmp_path, make_clip, rng):
    path = make_clip(tmp_path / "c.mp4", noise(rng, 30), width=160, height=120, options=FAST)
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 2] = bytes(len(data) // 2 - len(data) // 3)
    path.write_bytes(data)
    with FileSource(path) as source:
        for _ in source:
            if source.decode_errors:
                break
    (told,) = source.warnings
    assert "damaged packet" in told
    assert "announced" not in told


def test_a_change_of_size_is_refused(tmp_path, make_clip):
    small = make_clip(tmp_path / "small.ts", 10, options=FAST)
    large = make_clip(tmp_path / "large.ts", 10, width=96, height=64, options=FAST)
    both = tmp_path / "both.ts"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    with FileSource(both) as source:
        frames = iter(source)
        assert len(list(islice(frames, 9))) == 9
        with pytest.raises(SourceUnreadableError, match=r"64x48 .* 96x64"):
            list(frames)


def text_file(path):
    path.write_text("this is no video\n" * 40)


def empty_file(path):
    path.touch()


def playlist(path):
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n")


def concat_list(path):
    path.write_text("ffconcat version 1.0\nfile 'http://127.0.0.1:9/x.ts'\n")


def session_description(path):
    path.write_text(
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
    )


@pytest.mark.parametrize("write", [text_file, empty_file, playlist, concat_list, session_description])
@pytest.mark.parametrize("suffix", [".mp4", ".m3u8"])
def test_what_is_no_video_is_refused_without_asking_the_network(tmp_path, monkeypatch, write, suffix):
    path = tmp_path / f"x{suffix}"
    write(path)
    with pytest.raises(SourceUnreadableError) as caught:
        open_source(str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_playlist_never_reaches_the_address_in_it(tmp_path, loopback):
    with loopback() as server:
        path = tmp_path / "x.m3u8"
        path.write_text(f"#EXTM3U\n#EXTINF:5,\nhttp://127.0.0.1:{server.port}/x.ts\n#EXT-X-ENDLIST\n")
        with pytest.raises(SourceUnreadableError):
            open_source(str(path))
        assert server.connections == 0


def test_a_missing_index_is_refused(tmp_path, make_clip):
    path = make_clip(tmp_path / "m.mp4", 10)  # the index stands at the end
    path.write_bytes(path.read_bytes()[:-900])
    with pytest.raises(SourceUnreadableError, match=r"index is missing .* `scr-live repair`"):
        FileSource(path)


def test_sound_alone_is_refused_by_name(tmp_path):
    path = tmp_path / "sound.mp4"
    with av.open(path, "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 8000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(SourceUnreadableError, match="audio"):
        FileSource(path)


def test_missing_files_and_directories(tmp_path):
    with pytest.raises(SourceNotFoundError):
        FileSource(tmp_path / "none.mp4")
    with pytest.raises(SourceUnreadableError, match="directory"):
        FileSource(tmp_path)


def test_a_name_that_looks_like_an_address_is_a_file(tmp_path, make_clip, monkeypatch):
    make_clip(tmp_path / "plain.mp4", 3).rename(tmp_path / "http:é 12%41.mp4")
    monkeypatch.chdir(tmp_path)
    with open_source("http:é 12%41.mp4") as source:
        assert len(list(source)) == 3


def test_played_as_live_it_is_live_and_loses_nothing(tmp_path, make_clip, number_in):
    with open_source(str(make_clip(tmp_path / "r.mp4", 5, fps=100)), SourceOptions(realtime=True)) as source:
        frames = list(source)
    assert source.info.is_live
    assert [number_in(f.image) for f in frames] == list(range(5))
    assert all(f.captured_at - frames[0].captured_at >= f.pts_s - 1e-3 for f in frames)


@pytest.mark.parametrize(
    "spec", ["ftp://host/x.mp4", "file:///x.mp4", "nothing/*.png", "missing.mp4", "x.png"]
)
def test_wrong_specs_are_source_errors(tmp_path, monkeypatch, spec):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError) as caught:
        open_source(spec)
    assert "\n" not in str(caught.value)
