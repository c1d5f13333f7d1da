"""Pictures at a camera's pace, out of memory."""

import numpy as np

from scr_live.faults.replay import ReplaySource

IMAGES = [np.full((48, 64, 3), value, np.uint8) for value in (10, 20, 30)]


def test_pictures_come_in_turn_with_their_times():
    with ReplaySource(IMAGES, fps=200.0, frame_count=7) as source:
        frames = list(source)
    assert [frame.index for frame in frames] == list(range(len(frames)))
    numbers = [round(frame.pts_s * 200) for frame in frames]
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [10 + 10 * (n % 3) for n in numbers]
    assert len(frames) + source.dropped == numbers[-1] + 1
    assert (source.info.is_live, source.info.width, source.info.height) == (True, 64, 48)


def test_a_picture_is_as_old_as_it_is_whoever_asks_when():
    with ReplaySource(IMAGES, fps=100.0, frame_count=20) as source:
        frames = list(source)
    spans = [(frame.pts_s - frames[0].pts_s, frame.captured_at - frames[0].captured_at) for frame in frames]
    assert all(abs(stream_s - clock_s) < 1e-6 for stream_s, clock_s in spans)


def test_what_nobody_takes_in_time_is_lost_and_counted(monkeypatch):
    now = 100.0
    monkeypatch.setattr("scr_live.faults.replay.time.perf_counter", lambda: now)
    with ReplaySource(IMAGES, fps=10.0) as source:
        frames = iter(source)
        first = next(frames)
        now = 100.0 + 1.05  # eleven pictures exist by now
        second = next(frames)
    assert (first.index, second.index) == (0, 1)
    assert second.pts_s == 1.0
    assert source.dropped == 9


def test_closing_ends_it():
    with ReplaySource(IMAGES, fps=1.0) as source:
        frames = iter(source)
        next(frames)
        source.close()
        assert next(frames, None) is None
