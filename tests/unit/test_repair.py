"""What is left of a recording, made an ordinary video again: cut at any byte, with holes, or with noise."""

import struct

import av
import numpy as np
import pytest
from recording_fakes import Film

from scr_live.errors import (
    OptionError,
    OutputExistsError,
    OutputUnwritableError,
    SourceNotFoundError,
    SourceUnreadableError,
)
from scr_live.repair.repairing import default_out, repair
from scr_live.repair.structure import structure_of
from scr_live.sinks.crash_safe import CrashSafeFile
from scr_live.sinks.options import RecorderOptions
from scr_live.sinks.recorder import Recorder

SUFFIXES = (".mp4", ".mov", ".mkv")
COUNT = 80


@pytest.fixture
def film(numbered, number_in):
    return Film(numbered, number_in)


@pytest.fixture(scope="module")
def cut_off(tmp_path_factory):
    """Bytes of recordings that nobody finished, by suffix: pictures of 80 numbers, all safe but the last."""
    made = {}

    def make(film, suffix):
        if suffix not in made:
            path = tmp_path_factory.mktemp("cut") / f"out{suffix}"
            with Recorder(path, RecorderOptions(safety="frame", nominal_fps=25)) as recorder:
                for index in range(COUNT + 1):
                    recorder.write(film.picture(index))
                made[suffix] = path.read_bytes()
        return made[suffix]

    return make


def boxes(data):
    position = 0
    while position + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, position)
        position += size
        yield kind.decode(), position


def pictures_inside(data, cut):
    """How many pictures lie wholly before `cut`: the first mdat holds one, and so does that of each moof."""
    return sum(kind == "mdat" and end <= cut for kind, end in boxes(data))


def offsets(data, count):
    edges = [end + step for _, end in list(boxes(data))[-4:] for step in (-1, 0, 9)]
    anywhere = np.random.default_rng(len(data)).integers(1000, len(data), count)
    return [*(cut for cut in edges if cut <= len(data)), *anywhere.tolist()]


def test_cut_at_any_byte_every_whole_picture_is_there_and_no_other(film, tmp_path, cut_off):
    data = cut_off(film, ".mp4")
    path, out = tmp_path / "cut.mp4", tmp_path / "out.mp4"
    for cut in offsets(data, 16):
        path.write_bytes(data[:cut])
        inside = pictures_inside(data, cut)
        if not inside:
            continue
        repaired = repair(path, out, force=True)
        assert repaired.frames == inside, cut
        assert film.numbers(out) == list(range(inside))
        assert repaired.duration_s == pytest.approx(inside / 25, abs=0.002)
        assert not repaired.was_whole
        assert structure_of(out).is_whole
        assert path.read_bytes() == data[:cut]


def test_a_cut_mkv_loses_only_the_picture_that_was_cut(film, tmp_path, cut_off):
    data = cut_off(film, ".mkv")
    path, out = tmp_path / "cut.mkv", tmp_path / "out.mp4"
    counts = []
    rng = np.random.default_rng(1)
    for cut in sorted(rng.integers(2000, len(data), 12).tolist()):
        path.write_bytes(data[:cut])
        repaired = repair(path, out, force=True)
        assert film.numbers(out) == list(range(repaired.frames))
        assert repaired.duration_s == pytest.approx(repaired.frames / 25, abs=0.003)
        counts.append((cut, repaired.frames))
    assert [frames for _, frames in counts] == sorted(frames for _, frames in counts)
    assert all(frames >= (cut - 2000) / len(data) * COUNT * 0.7 for cut, frames in counts)
    path.write_bytes(data)
    assert repair(path, out, force=True).frames == COUNT


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_holes_and_noise_where_the_end_was_are_left_out(film, tmp_path, cut_off, suffix):
    data = cut_off(film, suffix)
    path, out = tmp_path / f"cut{suffix}", tmp_path / "out.mp4"
    rng = np.random.default_rng(2)
    for _ in range(3):
        cut = int(rng.integers(len(data) * 2 // 3, len(data)))
        for tail in (bytes(3000), rng.bytes(3000)):
            path.write_bytes(data[:cut] + tail)
            repaired = repair(path, out, force=True)
            numbers = film.numbers(out)
            assert repaired.dropped_bytes > 0
            assert len(numbers) == repaired.frames
            whole = repaired.frames - 1 if any(tail) else repaired.frames  # noise may pass for a picture
            assert numbers[:whole] == list(range(whole))
            assert suffix == ".mkv" or repaired.frames >= pictures_inside(data, cut)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_repaired_file_finds_every_second(film, tmp_path, cut_off, suffix):
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(cut_off(film, suffix)[:-5])
    out = repair(path).path
    assert out == tmp_path / "cut-repaired.mp4"
    with av.open(str(out)) as container:
        stream = container.streams.video[0]
        for second in (2, 0, 1, 3):
            container.seek(second * av.time_base)
            frame = next(container.decode(stream))
            assert frame.key_frame
            assert frame.time == pytest.approx(second, abs=0.001)
            assert film._number_in(frame.to_ndarray(format="rgb24")) == second * 25
        keys = [float(packet.pts * packet.time_base) for packet in demuxed(out) if packet.is_keyframe]
    assert {0, 1, 2, 3} <= {round(key, 2) for key in keys}


def demuxed(path):
    with av.open(str(path)) as container:
        return [packet for packet in container.demux(video=0) if packet.size]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_picture_is_encoded_anew(film, tmp_path, cut_off, suffix):
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(cut_off(film, suffix))
    repaired = repair(path)
    assert [bytes(packet) for packet in demuxed(repaired.path)] == [bytes(packet) for packet in demuxed(path)]
    assert repaired.frames == COUNT
    assert repaired.dropped_bytes == 0


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_whole_recording_is_copied_and_said_to_be_whole(film, tmp_path, suffix):
    path = tmp_path / f"whole{suffix}"
    with Recorder(path) as recorder:
        for index in range(30):
            recorder.write(film.picture(index))
    repaired = repair(path)
    assert (repaired.was_whole, repaired.frames, repaired.dropped_bytes) == (True, 30, 0)
    assert film.numbers(repaired.path) == list(range(30))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_recording_that_died_while_it_was_ended_is_whole_after_it(film, tmp_path, monkeypatch, suffix):
    class Died(CrashSafeFile):
        def finish(self):
            self._patches.clear()
            super().finish()

    monkeypatch.setattr("scr_live.sinks.muxing.CrashSafeFile", Died)
    path = tmp_path / f"out{suffix}"
    with Recorder(path) as recorder:
        for index in range(30):
            recorder.write(film.picture(index))
    assert film.numbers(path) == list(range(30))
    repaired = repair(path)
    assert not repaired.was_whole
    assert film.numbers(repaired.path) == list(range(30))


def test_a_partial_file_loses_its_mark(tmp_path):
    assert default_out(tmp_path / "out.partial-0a1b2c.mkv") == tmp_path / "out-repaired.mp4"
    assert default_out(tmp_path / "out.partial.mp4") == tmp_path / "out.partial-repaired.mp4"


def test_pictures_in_another_order_keep_it(make_clip, number_in, numbered, tmp_path):
    film = Film(numbered, number_in)
    clip = make_clip(tmp_path / "bframes.mkv", 40, options={"bf": "3", "g": "12"})
    clip.write_bytes(clip.read_bytes()[:-400])
    repaired = repair(clip)
    numbers = film.numbers(repaired.path)
    assert numbers == sorted(numbers)
    assert len(numbers) == repaired.frames >= 30


# --- what cannot be repaired ------------------------------------------------------------------------------


def no_index(data):
    return data[:200]


def whole_without_index(data):
    return b"\0\0\0\x08ftyp" + struct.pack(">I4s", len(data) + 8, b"mdat") + data


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (lambda _: b"", "is empty"),
        (lambda _: b"RIFF....AVI LIST", "neither an MP4, MOV nor MKV"),
        (lambda _: bytes(5000), "neither an MP4, MOV nor MKV"),
        (no_index, "has no index"),
        (whole_without_index, "rebuild the index by that of a whole file"),
        (lambda data: data[: data.index(b"mdat") + 100], "before its first picture"),
    ],
    ids=["empty", "avi", "zeros", "cut in the head", "another's without index", "cut in the first picture"],
)
def test_what_holds_no_picture_is_refused_with_its_reason(film, tmp_path, cut_off, content, says):
    path = tmp_path / "out.mp4"
    path.write_bytes(content(cut_off(film, ".mp4")))
    with pytest.raises(SourceUnreadableError, match=says):
        repair(path)
    assert [file.name for file in tmp_path.iterdir()] == ["out.mp4"]


def test_every_head_that_is_cut_off_is_refused_and_never_a_crash(film, tmp_path, cut_off):
    for suffix in (".mp4", ".mkv"):
        data = cut_off(film, suffix)
        path = tmp_path / f"out{suffix}"
        for cut in range(1, 900, 37):
            for tail in (b"", bytes(2000), np.random.default_rng(cut).bytes(2000)):
                path.write_bytes(data[:cut] + tail)
                with pytest.raises(SourceUnreadableError):
                    repair(path)


def test_sound_alone_is_no_video(tmp_path):
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        silence = np.zeros((2, 1024), np.float32)
        frame = av.AudioFrame.from_ndarray(silence, format="fltp", layout="stereo")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(SourceUnreadableError, match="holds no video"):
        repair(path)


def test_nothing_there_and_no_file(tmp_path):
    with pytest.raises(SourceNotFoundError):
        repair(tmp_path / "nowhere.mp4")
    with pytest.raises(SourceUnreadableError, match="is no file"):
        repair(tmp_path)


# --- where it goes ----------------------------------------------------------------------------------------


@pytest.fixture
def cut(film, tmp_path, cut_off):
    path = tmp_path / "cut.mp4"
    path.write_bytes(cut_off(film, ".mp4"))
    return path


def test_an_existing_file_and_the_recording_itself_are_left_alone(cut, tmp_path):
    (tmp_path / "cut-repaired.mp4").write_bytes(b"precious")
    with pytest.raises(OutputExistsError, match=r"another name with --out, or overwrite it with --force"):
        repair(cut)
    assert (tmp_path / "cut-repaired.mp4").read_bytes() == b"precious"
    before = cut.read_bytes()
    with pytest.raises(OptionError, match="source itself"):
        repair(cut, cut, force=True)
    assert cut.read_bytes() == before
    assert repair(cut, force=True).frames == COUNT


def test_another_kind_of_file_may_be_asked_for(cut, film, tmp_path):
    repaired = repair(cut, tmp_path / "out.mkv")
    assert film.numbers(repaired.path) == list(range(COUNT))
    with pytest.raises(OptionError, match="named"):
        repair(cut, tmp_path / "out.avi")
    with pytest.raises(OutputUnwritableError, match="does not exist"):
        repair(cut, tmp_path / "nowhere" / "out.mp4")


def test_a_codec_that_mp4_cannot_hold_asks_for_mkv(make_clip, tmp_path):
    clip = make_clip(tmp_path / "clip.mkv", 10, codec="libvpx")
    with pytest.raises(OptionError, match=r"\.mkv"):
        repair(clip)
    assert repair(clip, tmp_path / "out.mkv").frames == 10
    assert sorted(file.name for file in tmp_path.iterdir()) == ["clip.mkv", "out.mkv"]


def test_a_disk_without_room_is_refused_beforehand(cut, tmp_path, monkeypatch):
    monkeypatch.setattr("scr_live.sinks.space.free_bytes", lambda folder: 100)
    with pytest.raises(OutputUnwritableError, match="repaired file needs about"):
        repair(cut)
    assert [file.name for file in tmp_path.iterdir()] == ["cut.mp4"]


def test_progress_counts_the_pictures(cut):
    told = []
    repair(cut, progress=lambda done, total: told.append((done, total)))
    assert told == [(done, COUNT) for done in range(1, COUNT + 1)]
