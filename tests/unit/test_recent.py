"""Delays of the last seconds: what was long ago does not count, and memory does not grow."""

import pytest
from run_figures import run_progress

from scr_live.pipeline.timing import Histogram
from scr_live.sinks.web.recent import SPAN_S, Recent, RecentDelays


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_what_is_older_than_the_span_is_forgotten_while_the_histogram_keeps_it():
    clock, grown = Clock(), Histogram()
    recent = Recent(clock=clock)
    for duration_s in (0.5, 0.02):
        for _ in range(40):  # ten seconds each
            grown.record(duration_s)
            recent.note(grown)
            clock.now += 0.25
    lately = recent.of(grown)
    assert lately.p99 == pytest.approx(20, rel=0.02)
    assert lately.max == pytest.approx(20, rel=0.04)
    assert lately.mean == pytest.approx(20, rel=0.02)
    assert 0.85 * SPAN_S * 4 <= lately.count <= SPAN_S * 4
    assert grown.latency().p99 == pytest.approx(500, rel=0.02)
    assert grown.latency().count == 80


def test_at_first_it_is_everything():
    clock, grown = Clock(), Histogram()
    recent = Recent(clock=clock)
    grown.record(0.1)
    clock.now += 1
    assert recent.of(grown) == grown.latency()


def test_after_a_silence_nothing_old_is_told():
    clock, grown = Clock(), Histogram()
    recent = Recent(clock=clock)
    grown.record(0.1)
    recent.note(grown)
    clock.now += 60
    recent.note(grown)
    assert recent.of(grown).count == 0


def test_memory_is_bounded():
    clock, grown = Clock(), Histogram()
    recent = Recent(clock=clock)
    for _ in range(1000):
        recent.note(grown)
        clock.now += 1
    assert len(recent._stands) < 20


def test_a_delay_that_nothing_was_measured_of_lately_is_not_known():
    clock = Clock()
    video, annotation = Histogram(), Histogram()
    delays = RecentDelays(clock=clock)
    now = run_progress(video_delay=video, annotation_delay=annotation)
    assert delays.of(now) is None
    annotation.record(0.04)
    for _ in range(30):
        video.record(0.02)
        delays.note(now)
        clock.now += 0.5
    told = delays.of(now)
    assert told["video_p50"] == pytest.approx(20, rel=0.02)
    assert told["annotation_p50"] is None
    assert told["annotation_p99"] is None
