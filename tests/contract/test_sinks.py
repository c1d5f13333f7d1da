"""What every Sink must do, whatever it writes to. A new sink is one more entry of SINKS."""

import threading

import av
import numpy as np
import pytest

from scr_live.frames import Frame, Picture
from scr_live.sinks.options import RecorderOptions, Segment
from scr_live.sinks.raw import raw_recording_for
from scr_live.sinks.recorder import Recorder
from scr_live.sinks.switched import SwitchedRecorder


def recorder(folder):
    return Recorder(folder / "out.mp4")


def frame_by_frame(folder):
    return Recorder(folder / "out.mp4", RecorderOptions(safety="frame"))


def in_segments(folder):
    return Recorder(folder / "out.mp4", RecorderOptions(segment=Segment(duration_s=0.5)))


def switched(folder):
    return SwitchedRecorder(Recorder, lambda: folder / "out-2.mp4", first=Recorder(folder / "out.mp4"))


def raw(folder):
    return raw_recording_for("phantom", folder / "out.mp4", size=(64, 48))


def recorded(folder):
    count = 0
    for path in folder.glob("out*.mp4"):
        with av.open(str(path)) as container:
            count += sum(1 for _ in container.decode(video=0))
    return count


SINKS = {
    "recorder": (recorder, recorded),
    "recorder, to the frame": (frame_by_frame, recorded),
    "recorder, in segments": (in_segments, recorded),
    "recorder, switched": (switched, recorded),
    "raw": (raw, recorded),
}
"""name: how it is opened in an empty folder, and how many pictures are found there afterwards"""


@pytest.fixture(params=SINKS)
def case(request):
    return SINKS[request.param]


def picture(index):
    image = np.random.default_rng(index).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    frame = Frame(image, index, index / 25, 0.0)  # makes the image read-only
    return Picture(frame, None, image)


def test_every_picture_arrives(case, tmp_path):
    open_sink, count = case
    with open_sink(tmp_path) as sink:
        for index in range(30):
            sink.write(picture(index))
    assert count(tmp_path) == 30


def test_it_is_written_from_a_worker_thread_and_closed_from_the_main_one(case, tmp_path):
    open_sink, count = case
    with open_sink(tmp_path) as sink:
        worker = threading.Thread(target=lambda: [sink.write(picture(index)) for index in range(5)])
        worker.start()
        worker.join()
    assert count(tmp_path) == 5


def test_it_leaves_the_picture_as_it_is(case, tmp_path):
    open_sink, _ = case
    before = picture(3).image.copy()
    given = picture(3)
    with open_sink(tmp_path) as sink:
        sink.write(given)
    assert np.array_equal(given.image, before)


def test_pictures_need_not_be_contiguous(case, tmp_path):
    open_sink, count = case
    wide = np.zeros((48, 128, 3), np.uint8)[:, ::2, ::-1]
    with open_sink(tmp_path) as sink:
        sink.write(Picture(Frame(wide, 0, 0.0, 0.0), None, wide))
    assert count(tmp_path) == 1


def test_an_unused_sink_closes_quietly_and_leaves_nothing(case, tmp_path):
    open_sink, _ = case
    with open_sink(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_error_passes_through_and_what_was_written_is_kept(case, tmp_path):
    open_sink, count = case
    with pytest.raises(KeyError, match="elsewhere"), open_sink(tmp_path) as sink:  # noqa: PT012 - the order counts
        sink.write(picture(0))
        raise KeyError("elsewhere")
    assert count(tmp_path) == 1


def test_no_thread_stays_behind(case, tmp_path):
    open_sink, _ = case
    before = set(threading.enumerate())
    with open_sink(tmp_path) as sink:
        sink.write(picture(0))
    assert set(threading.enumerate()) == before
