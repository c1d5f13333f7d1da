"""Percentiles in fixed memory are as near to the true ones as promised."""

import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scr_live.pipeline.timing import RELATIVE_ERROR, Histogram, Timings

durations = st.lists(st.floats(1e-5, 1e4), min_size=1, max_size=200)


@given(values=durations, share=st.sampled_from([0.5, 0.95, 0.99]))
def test_percentiles_are_within_the_promised_error(values, share):
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    exact = np.quantile(values, share, method="inverted_cdf")
    assert histogram.quantile_s(share) == pytest.approx(exact, rel=RELATIVE_ERROR)


@given(values=durations)
def test_maximum_mean_and_count_are_exact_and_percentiles_rise(values):
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    latency = histogram.latency()
    assert latency.max == 1000 * max(values)
    assert latency.mean == pytest.approx(1000 * np.mean(values))
    assert latency.count == len(values)
    assert 0 < latency.p50 <= latency.p95 <= latency.p99 <= latency.max


def test_nothing_measured_is_zero():
    assert set(Histogram().latency().as_dict().values()) == {0}


@pytest.mark.parametrize("duration_s", [0.0, -1.0, 1e-9])
def test_tiny_and_negative_durations_count_as_nothing(duration_s):
    histogram = Histogram()
    histogram.record(duration_s)
    assert histogram.quantile_s(0.5) == 0.0
    assert histogram.latency().count == 1


def test_durations_beyond_all_bins_are_kept_as_maximum():
    histogram = Histogram()
    histogram.record(1e7)
    assert histogram.latency().max == 1e10


def test_memory_does_not_grow():
    histogram = Histogram()
    size = len(histogram._bins)
    for value in np.geomspace(1e-7, 1e7, 5000):
        histogram.record(float(value))
    assert len(histogram._bins) == size < 2000


def test_a_block_is_measured_under_its_name_and_only_if_it_succeeds():
    timings = Timings("decode", "draw")
    with timings.measure("decode"):
        pass
    with pytest.raises(KeyError), timings.measure("draw"):
        raise KeyError
    assert [(name, latency.count) for name, latency in timings.stages().items()] == [
        ("decode", 1),
        ("draw", 0),
    ]


def test_the_processor_time_of_a_stage_is_that_of_its_own_thread():
    timings = Timings("spin", "wait")
    with timings.measure("wait"):
        threading.Event().wait(0.02)
    with timings.measure("spin"):
        began = time.thread_time()
        while time.thread_time() - began < 0.03:
            pass
    cpu_s = timings.cpu_s()
    assert cpu_s["spin"] >= 0.03
    assert cpu_s["wait"] < 0.01
    assert timings.stages()["wait"].max >= 20
