import itertools
import os
import shutil
import signal
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scr_live
from scr_live.errors import OptionError, OutputExistsError, OutputUnwritableError, SinkError
from scr_live.events import Journal
from scr_live.frames import Frame, Picture
from scr_live.sinks.clock import Clock
from scr_live.sinks.encoding import encoder_works, working_encoders, x264_preset
from scr_live.sinks.recorder import Recorder, RecorderOptions

NTSC_S = 1001 / 30000
SUFFIXES = (".mp4", ".mov", ".mkv")


def picture(index=0, *, pts_s=None, captured_at=0.0, size=(64, 64), image=None):
    if image is None:
        height, width = size
        image = np.random.default_rng(index).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Picture(Frame(image, index, pts_s, captured_at), None, image)


def record(path, times_s, **kwargs):
    with Recorder(path, RecorderOptions(**kwargs)) as recorder:
        for index, time_s in enumerate(times_s):
            recorder.write(picture(index, pts_s=time_s))
    return recorder


def frame_times(path):
    with av.open(str(path)) as container:
        return [frame.time for frame in container.decode(video=0)]


def told(journal, kind):
    events = [event.as_dict() for event in journal.events if event.kind == kind]
    return [{key: fact for key, fact in event.items() if key not in ("event", "at")} for event in events]


def names_in(folder):
    return [path.name for path in folder.iterdir()]


def duration_s(path):
    with av.open(str(path)) as container:
        return container.duration / av.time_base


# --- time -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_ntsc_rate_keeps_its_times_and_duration(tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    times = [index * NTSC_S for index in range(45)]
    recorder = record(path, times, nominal_fps=30000 / 1001)
    assert recorder.frames_written == 45
    assert frame_times(path) == pytest.approx(times, abs=0.001)
    assert duration_s(path) == pytest.approx(45 * NTSC_S, abs=0.002)


@pytest.mark.parametrize("nominal_fps", [None, 0.0, 0.0001, 90_000.0, 1e9])
def test_a_rate_that_is_none_does_no_harm(tmp_path, nominal_fps):
    path = tmp_path / "out.mp4"
    record(path, [0.0, 0.04, 0.08], nominal_fps=nominal_fps)
    assert frame_times(path) == pytest.approx([0.0, 0.04, 0.08], abs=0.001)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_variable_rate_keeps_its_times(tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    times = np.cumsum([0.0, 0.04, 0.013, 0.5, 1.7, 0.033, 0.008, 0.2, 0.1]).tolist()
    record(path, times)
    assert frame_times(path) == pytest.approx(times, abs=0.001)
    assert duration_s(path) == pytest.approx(times[-1] + 0.1, abs=0.002)  # the last interval once more


def test_without_container_times_the_capture_times_count(tmp_path):
    path = tmp_path / "out.mp4"
    with Recorder(path) as recorder:
        for index, captured_at in enumerate([812.0, 812.05, 812.08, 812.2]):
            recorder.write(picture(index, captured_at=captured_at))
    assert frame_times(path) == pytest.approx([0.0, 0.05, 0.08, 0.2], abs=0.001)


def test_times_that_stand_still_or_step_back_lose_no_frame(tmp_path):
    path = tmp_path / "out.mp4"
    record(path, [0.0, 0.04, 0.04, 0.02, 0.08])
    times = frame_times(path)
    assert len(times) == 5
    assert times == sorted(set(times))
    assert times == pytest.approx([0.0, 0.04, 0.04, 0.04, 0.08], abs=0.001)


def test_a_looped_file_goes_on_one_interval_later(tmp_path):
    path = tmp_path / "out.mp4"
    once = [index * 0.04 for index in range(25)]
    record(path, once + once, nominal_fps=25)
    assert frame_times(path) == pytest.approx([index * 0.04 for index in range(50)], abs=0.001)


def test_there_is_a_key_frame_every_second_at_any_rate(tmp_path):
    path = tmp_path / "out.mp4"
    record(path, [index / 4 for index in range(20)], nominal_fps=30)
    with av.open(str(path)) as container:
        keys = [float(p.pts * p.time_base) for p in container.demux(video=0) if p.is_keyframe]
    assert {0.0, 1.0, 2.0, 3.0, 4.0} <= set(keys)


@given(st.lists(st.none() | st.floats(-5, 5000), min_size=1, max_size=40), st.none() | st.floats(1, 240))
def test_ticks_always_increase(times, nominal_fps):
    clock = Clock(nominal_fps=nominal_fps)
    ticks = [clock.ticks(picture(i, pts_s=t, captured_at=i / 9).frame) for i, t in enumerate(times)]
    assert ticks[0] == 0
    assert all(b > a for a, b in itertools.pairwise(ticks))


# --- colour and size ------------------------------------------------------------------------------------


def decoded(path):
    """The first frame as float RGB, by the formula of BT.709 limited range and no library's."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        planes = [np.frombuffer(p, np.uint8).reshape(-1, p.line_size)[:, : p.width] for p in frame.planes]
    luma = (planes[0].astype(float) - 16) / 219
    blue, red = ((p.astype(float).repeat(2, 0).repeat(2, 1) - 128) / 224 for p in planes[1:])
    r = luma + 2 * (1 - 0.2126) * red
    b = luma + 2 * (1 - 0.0722) * blue
    g = (luma - 0.2126 * r - 0.0722 * b) / 0.7152
    return np.clip(np.stack([r, g, b], axis=-1) * 255, 0, 255)


def grey_ramp():
    row = np.linspace(0, 255, 256).round().astype(np.uint8)
    return np.repeat(np.tile(row, (64, 1))[..., None], 3, axis=-1)


def colour_bars():
    """The seven SMPTE bars at 75 %."""
    level = 191
    bars = [(1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1)]
    row = np.repeat(np.array(bars, np.uint8) * level, 32, axis=0)
    return np.tile(row, (64, 1, 1))


@pytest.mark.parametrize("image", [grey_ramp(), colour_bars()], ids=["ramp", "bars"])
def test_colours_come_back(tmp_path, image):
    path = tmp_path / "out.mp4"
    with Recorder(path) as recorder:
        recorder.write(picture(image=image, pts_s=0.0))
    back = decoded(path)
    assert np.abs(back - image).mean() < 2
    assert np.abs((back - image).mean(axis=(0, 1))).max() < 1  # no cast


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_file_says_what_it_is(tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    record(path, [0.0, 0.04])
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt, context.profile) == ("h264", "yuv420p", "High")
        assert (context.colorspace, context.color_primaries, context.color_trc) == (1, 1, 1)  # BT.709
        assert context.color_range == 1  # limited
        assert not context.has_b_frames
        assert suffix == ".mkv" or context.codec_tag == "avc1"
        notes = {key.lower(): value for key, value in container.metadata.items()}
    assert "not a medical device" in notes["comment"]
    assert scr_live.__version__ in notes["title"]


@pytest.mark.parametrize("size", [(1, 1), (479, 561), (64, 63), (63, 64), (2, 2)])
def test_odd_sides_get_their_edge_twice(tmp_path, size):
    path = tmp_path / "out.mp4"
    height, width = size
    image = np.full((height, width, 3), 40, np.uint8)
    image[:, width // 2 :] = 200
    with Recorder(path) as recorder:
        recorder.write(picture(image=image, pts_s=0.0))
    back = decoded(path)
    assert back.shape[:2] == (height + height % 2, width + width % 2)
    assert np.abs(back[:height, :width] - image).mean() < 4
    assert np.abs(back[-1, -1] - image[-1, -1]).max() < 8


def test_another_size_goes_on_in_a_new_file(tmp_path):
    journal = Journal()
    with Recorder(tmp_path / "out.mp4", journal=journal) as recorder:
        recorder.write(picture(0, pts_s=0.0))
        recorder.write(picture(1, pts_s=0.04))
        recorder.write(picture(2, pts_s=0.08, size=(64, 128)))
        recorder.write(picture(3, pts_s=0.12, size=(63, 127)))  # padded it is the same
    assert recorder.paths == [tmp_path / "out.mp4", tmp_path / "out-0002.mp4"]
    assert recorder.problems == []
    assert [frame_times(path) for path in recorder.paths] == [pytest.approx([0, 0.04], abs=0.001)] * 2
    assert decoded(recorder.paths[1]).shape[:2] == (64, 128)
    assert told(journal, "recording-started") == [
        {"path": str(tmp_path / "out.mp4"), "cause": "start", "stream_s": 0.0},
        {"path": str(tmp_path / "out-0002.mp4"), "cause": "size", "stream_s": 0.08},
    ]
    assert [facts["frames"] for facts in told(journal, "recording-ended")] == [2, 2]


# --- the file -------------------------------------------------------------------------------------------


def top_level_boxes(path):
    data, position, names = path.read_bytes(), 0, []
    while position < len(data):
        size, name = struct.unpack_from(">I4s", data, position)
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, position + 8)
        names.append(name.decode())
        position += size
    return names


def test_closed_cleanly_it_is_an_ordinary_mp4(tmp_path):
    path = tmp_path / "out.mp4"
    record(path, [index / 25 for index in range(60)])
    names = [name for name in top_level_boxes(path) if name != "free"]
    assert names == ["ftyp", "mdat", "moov"]
    assert names_in(tmp_path) == ["out.mp4"]


def test_nothing_written_leaves_no_file(tmp_path):
    with Recorder(tmp_path / "out.mp4"):
        assert names_in(tmp_path) == []
    assert names_in(tmp_path) == []


def test_an_error_elsewhere_still_finishes_the_recording(tmp_path):
    path = tmp_path / "out.mp4"
    with pytest.raises(ZeroDivisionError), Recorder(path) as recorder:  # noqa: PT012 - the order counts
        for index in range(5):
            recorder.write(picture(index, pts_s=index / 25))
        _ = 1 / 0
    assert len(frame_times(path)) == 5
    assert "moov" in top_level_boxes(path)


def test_an_existing_file_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "out.mp4"
    path.write_bytes(b"precious")
    with pytest.raises(OutputExistsError, match="--force"):
        Recorder(path)
    assert path.read_bytes() == b"precious"


def test_force_keeps_the_old_file_until_the_new_one_has_a_picture(tmp_path):
    path = tmp_path / "out.mp4"
    path.write_bytes(b"precious")
    with Recorder(path, RecorderOptions(force=True)):
        pass
    assert path.read_bytes() == b"precious"
    with Recorder(path, RecorderOptions(force=True)) as recorder:
        recorder.write(picture(0, pts_s=0.0))  # still inside the encoder
        assert path.read_bytes() == b"precious"
        for index in range(1, 40):
            recorder.write(picture(index, pts_s=index / 25))
        assert len(frame_times(path)) >= 25
    assert len(frame_times(path)) == 40
    assert names_in(tmp_path) == ["out.mp4"]


def test_a_file_that_comes_into_being_meanwhile_is_left_alone(tmp_path):
    path = tmp_path / "out.mp4"
    with pytest.raises(OutputExistsError) as caught, Recorder(path) as recorder:  # noqa: PT012 - the order counts
        recorder.write(picture(0, pts_s=0.0))
        path.write_bytes(b"precious")
    assert path.read_bytes() == b"precious"
    (other,) = set(tmp_path.iterdir()) - {path}
    assert other.name in str(caught.value)
    assert recorder.paths == [other]
    assert len(frame_times(other)) == 1


def remove_it(path):
    path.unlink()


def replace_it(path):
    path.unlink()
    path.write_bytes(b"precious")


def remove_its_folder(path):
    shutil.rmtree(path.parent)


@pytest.mark.skipif(os.name == "nt", reason="Windows removes no open file")
@pytest.mark.parametrize("count", [1, 60], ids=["before it has its name", "later"])
@pytest.mark.parametrize("lose_it", [remove_it, replace_it, remove_its_folder])
def test_a_recording_that_somebody_removed_is_no_success(tmp_path, lose_it, count):
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "out.mp4"
    with pytest.raises(OutputUnwritableError) as caught, Recorder(path) as recorder:  # noqa: PT012 - the order counts
        for index in range(count):
            recorder.write(picture(index, pts_s=index / 25))
        (written,) = folder.iterdir()
        lose_it(written)
        recorder.write(picture(count, pts_s=count / 25))
    assert "removed or replaced while it was being written" in str(caught.value)
    assert str(path) in str(caught.value)
    assert "readable" not in str(caught.value)
    left = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert [file.read_bytes() for file in left] == ([b"precious"] if lose_it is replace_it else [])


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("out.avi", OptionError, r"out\.mp4"),
        ("out", OptionError, r"out\.mp4"),
        (".", OutputUnwritableError, "folder"),
        ("nowhere/out.mp4", OutputUnwritableError, "does not exist"),
        ("file/out.mp4", OutputUnwritableError, "does not exist"),
        ("x" * 300 + ".mp4", OutputUnwritableError, "too long"),
    ],
)
def test_a_bad_path_is_refused_at_once(tmp_path, name, error, says):
    (tmp_path / "file").touch()
    with pytest.raises(error, match=says):
        Recorder(tmp_path / name)
    assert names_in(tmp_path) == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write into any folder")
def test_a_read_only_folder_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputUnwritableError, match="cannot be written"):
        Recorder(tmp_path / "out.mp4")


def test_the_source_is_never_overwritten(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"precious")
    link = tmp_path / "link.mp4"
    link.symlink_to(path)
    with pytest.raises(OptionError, match="source itself"):
        Recorder(link, RecorderOptions(force=True), source_path=path)
    assert path.read_bytes() == b"precious"


def test_a_recording_that_has_ended_takes_no_more(tmp_path):
    path = tmp_path / "out.mp4"
    recorder = record(path, [0.0, 0.04])
    with pytest.raises(SinkError, match="ended already"):
        recorder.write(picture(2, pts_s=0.08))
    assert len(frame_times(path)) == 2


def test_without_hybrid_mp4_it_is_fragmented_and_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("scr_live.sinks.muxing._FIRST_HYBRID", (99, 0, 0))  # an FFmpeg before 7.1
    path = tmp_path / "out.mp4"
    times = [index * NTSC_S for index in range(45)]
    record(path, times)
    assert "moof" in top_level_boxes(path)
    assert frame_times(path) == pytest.approx(times, abs=0.001)


# --- encoders -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["h264_nonsense", "mpeg4", "", "h264"])
def test_an_encoder_that_does_not_work_names_those_that_do(tmp_path, name):
    with pytest.raises(OptionError, match="libx264"):
        Recorder(tmp_path / "out.mp4", RecorderOptions(encoder=name))


def test_the_listed_encoders_work(tmp_path):
    assert "libx264" in working_encoders()
    for name in working_encoders():
        record(tmp_path / f"{name}.mp4", [0.0, 0.04], encoder=name)
    assert not encoder_works("libx265")


@pytest.mark.parametrize("wrong", [{"quality": 52}, {"quality": -1}, {"preset": "quick"}])
def test_wrong_options_are_refused(wrong):
    with pytest.raises(OptionError):
        RecorderOptions(**wrong)


@pytest.mark.parametrize(("safety", "held"), [("second", 3), ("frame", 1)])
@pytest.mark.parametrize("nominal_fps", [4, 25, 60])
def test_no_more_frames_are_held_back_than_is_safe(tmp_path, safety, held, nominal_fps):
    path = tmp_path / "out.mp4"
    options = RecorderOptions(safety=safety, nominal_fps=nominal_fps)
    with Recorder(path, options) as recorder:
        for index in range(20):
            recorder.write(picture(index, pts_s=index / nominal_fps))
            kept = len(frame_times(path)) if path.exists() else 0
            assert index + 1 - held <= kept <= index


@pytest.mark.parametrize(
    ("size", "fps", "cores", "preset"),
    [
        ((640, 480), 30, 2, "veryfast"),
        ((1920, 1080), 25, 2, "ultrafast"),
        ((1920, 1080), 30, 4, "ultrafast"),
        ((1920, 1080), 30, 5, "superfast"),
        ((1920, 1080), 30, 8, "veryfast"),
        ((3840, 2160), 60, 2, "ultrafast"),  # too much for any: the quickest there is
    ],
)
def test_live_video_gets_the_best_preset_that_leaves_room_for_the_rest(size, fps, cores, preset):
    live = RecorderOptions(nominal_fps=fps, is_live=True)
    assert x264_preset(live, size, cores=cores) == preset
    assert x264_preset(replace(live, is_live=False), size, cores=cores) == "veryfast"
    assert x264_preset(replace(live, preset="slow"), size, cores=cores) == "slow"


def test_quality_trades_size(tmp_path):
    sizes = []
    for quality in (15, 35):
        path = tmp_path / f"{quality}.mp4"
        record(path, [index / 25 for index in range(5)], quality=quality)
        sizes.append(path.stat().st_size)
    assert sizes[0] > 1.5 * sizes[1]


# --- accidents ------------------------------------------------------------------------------------------

ROOT = Path(scr_live.__file__).parents[1]

PREAMBLE = """
import sys
from pathlib import Path
import numpy as np
from scr_live.errors import OutputUnwritableError
from scr_live.frames import Frame, Picture
from scr_live.sinks.recorder import Recorder, RecorderOptions

rng = np.random.default_rng(0)
def picture(index):
    image = rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)
    return Picture(Frame(image, index, index / 25, 0.0), None, image)
"""

ENDLESS = """
recorder = Recorder(Path(sys.argv[1]))
for index in range(10_000):
    recorder.write(picture(index))
    if index == 100:
        print("101 frames", flush=True)
        sys.stdin.read()
"""

SMALL_DISK = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    with Recorder(Path(sys.argv[1])) as recorder:
        for index in range(100):
            recorder.write(picture(index))
except OutputUnwritableError as error:
    print(error)
    sys.exit(1)
"""


def python(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_killed_recording_loses_less_than_a_second(tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    with python(ENDLESS, path) as process:
        assert process.stdout.readline() == "101 frames\n"
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    times = frame_times(path)
    assert 101 - 25 <= len(times) <= 101
    assert times == pytest.approx([index / 25 for index in range(len(times))], abs=0.001)


def test_a_full_disk_says_what_is_safe_and_keeps_it(tmp_path):
    whole = tmp_path / "whole.mp4"
    with python(SMALL_DISK, whole, 10_000_000) as process:
        assert process.communicate()[0] == ""
    size = whole.stat().st_size
    assert len(frame_times(whole)) == 100
    path = tmp_path / "out.mp4"
    # In the middle of a frame; in the index at the end; and one byte short.
    for limit, least in ((size // 2, 40), (size - 500, 99), (size - 1, 99)):
        with python(SMALL_DISK, path, limit) as process:
            message = process.communicate()[0]
        assert process.returncode == 1
        safe = len(frame_times(path))
        assert safe >= least
        assert f"first {safe} frames are safe and readable in {path}" in message
        assert path.stat().st_size <= limit
        path.unlink()
    assert names_in(tmp_path) == ["whole.mp4"]


def test_a_disk_that_is_full_from_the_start_leaves_nothing(tmp_path):
    with python(SMALL_DISK, tmp_path / "out.mp4", 100) as process:
        message = process.communicate()[0]
    assert process.returncode == 1
    assert "File too large" in message
    assert names_in(tmp_path) == []
