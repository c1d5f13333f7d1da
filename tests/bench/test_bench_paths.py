"""Where each millisecond of a core goes: all of it, once."""

import json
import threading
import time
from pathlib import Path

import pytest
from run_figures import run_stats

import scr_live
from scr_live.bench.config import BenchConfig
from scr_live.bench.paths import measure_paths
from scr_live.bench.shares import shares_of
from scr_live.bench.threads import ThreadWatch, Usage, can_watch
from scr_live.errors import OptionError, SourceNotFoundError
from scr_live.pipeline.timing import Timings

SAMPLE = Path(scr_live.__file__).parents[1] / "assets" / "sample_videos" / "phantom.mp4"

linux = pytest.mark.skipif(not can_watch(), reason="this system does not tell the time of threads")


def seconds(shares):
    return {share.name: share.cpu_s for share in shares}


def test_every_second_goes_somewhere_once():
    names = {
        "MainThread": 0.5,
        "capture": 1.0,
        "av:h264:df0+": 2.0,
        "av:h264:df1+": 3.0,
        "infer": 10.0,
        "infer+": 4.0,
        "opening+": 20.0,
        "compose": 0.25,
        "recorder": 6.0,
        "recorder+": 7.0,
        "recorder-sync": 0.125,
        "bench": 0.0625,
        "stranger+": 0.03,
    }
    parts = {"prepare": 2.0, "engine": 5.0, "follow": 1.0, "contours": 0.5, "capture": 99.0}
    usage = Usage(names, children_s=30.0, total_s=sum(names.values()) + 30.0 + 0.75)
    shares = shares_of(run_stats(stage_cpu_s=parts, composed=100), usage, wall_s=40.0)
    found = seconds(shares)
    assert found == pytest.approx(
        {
            "decode": 6.0,
            "field and resize": 2.0,
            "engine": 5.0 + 4.0 + 20.0 + 30.0,
            "following": 1.0,
            "contours": 0.5,
            "compose and draw": 0.25,
            "margins, encode, write": 13.125,
            "rest of the model's thread": 1.5,
            "other threads": 0.53,
            "this measurement": 0.0625,
            "ended unseen": 0.75,
        }
    )
    assert sum(found.values()) == pytest.approx(usage.total_s)
    decode = shares[0]
    assert (decode.ms_a_frame, decode.of_a_core) == (60.0, 0.15)


def test_where_threads_are_not_told_walls_alone_are():
    shares = shares_of(run_stats(), None, wall_s=1.0)
    assert {share.cpu_s for share in shares} == {share.ms_a_frame for share in shares} == {None}


@linux
def test_the_time_of_a_thread_is_seen_under_its_name():
    go, done, stop = threading.Event(), threading.Event(), threading.Event()

    def spin():
        go.wait()
        began = time.thread_time()
        while time.thread_time() - began < 0.05:
            pass
        done.set()
        stop.wait()

    thread = threading.Thread(target=spin, name="spinner")
    with ThreadWatch() as watch:
        thread.start()
        watch.begin()
        go.set()
        done.wait()
        watch.look()
        usage = watch.usage()
        stop.set()
        thread.join()
    assert usage.by_name["spinner"] >= 0.045
    assert usage.total_s >= sum(usage.by_name.values()) - 0.02  # a look lasts a moment
    assert usage.children_s == 0.0


@pytest.mark.timeout(120)
def test_the_sample_clip_is_carried_by_a_real_run():
    config = BenchConfig(("",), ("constant",), ("auto",), seconds=60.0)
    report = measure_paths(config, str(SAMPLE))
    (path,) = report.paths
    stats = path.stats
    assert (stats.captured, stats.inferred, stats.composed, stats.recorded) == (250, 250, 250, 250)
    assert {share.wall.count for share in path.shares if share.wall is not None} == {250, 500}
    told = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert set(told) == {"schema", "protocol", "paths", "load", "notes", "machine"}
    assert told["paths"][0]["run"]["frames"]["recorded"] == 250
    if path.usage is not None:
        found = seconds(path.shares)
        assert sum(found.values()) == pytest.approx(path.usage.total_s)
        busy = ("decode", "field and resize", "following", "compose and draw", "margins, encode, write")
        assert all(found[name] > 0 for name in busy)


def test_live_is_paced_and_a_stop_ends_it(make_clip, tmp_path):
    clip = make_clip(tmp_path / "clip.mp4", 10)
    config = BenchConfig(("",), ("constant",), ("auto",), is_realtime=True)
    (path,) = measure_paths(config, str(clip)).paths
    assert path.stats.source.is_live
    assert path.stats.captured == 10


def test_a_phantom_is_rendered_before(monkeypatch):
    monkeypatch.setattr("scr_live.bench.rendering.SIZE", (96, 64))
    config = BenchConfig(("",), ("constant",), ("auto",))
    heard = []
    report = measure_paths(
        config, "phantom:duration=0.2", progress=lambda what, share: heard.append((what, share))
    )
    assert (report.paths[0].stats.source.width, report.paths[0].stats.captured) == (96, 5)
    assert ("rendering", 1.0) in heard
    named = measure_paths(config, "phantom:duration=0.1,size=80x60")
    assert named.paths[0].stats.source.width == 80


def test_what_cannot_run_has_its_reason(make_clip, tmp_path):
    clip = make_clip(tmp_path / "clip.mp4", 3)
    config = BenchConfig(("nothing-here",), ("constant", "openvino"), ("auto",))
    runs, fails = measure_paths(config, str(clip)).paths
    assert runs.is_measured
    assert not fails.is_measured
    assert "nothing-here" in fails.reason


def test_no_clip_at_all_is_an_error_and_an_endless_phantom_too():
    config = BenchConfig(("",), ("constant",), ("auto",))
    with pytest.raises(SourceNotFoundError):
        measure_paths(config, "nothing-here.mp4")
    with pytest.raises(OptionError, match="must end"):
        measure_paths(config, "phantom:duration=endless")


def test_a_stage_counts_its_own_thread_alone():
    timings = Timings("capture")
    timings.record("capture", 1.0, cpu_s=0.25)
    timings.record("capture", 1.0)
    assert timings.cpu_s() == {"capture": 0.25}
