"""A worker keeps its engine from video to video, and nothing else: the results are those of a fresh one."""

import gc
import threading
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from archive_fakes import Heard, phantom_clip
from tiny_models import write_model

pytest.importorskip("pyarrow", reason="needs pyarrow, of the extra `archive`")

from scr_live.archive.config import Settings
from scr_live.archive.engines import EngineKeeper
from scr_live.archive.judging import Job, judge
from scr_live.archive.local import LocalWorkers
from scr_live.archive.tables import TIMINGS
from scr_live.engines.constant import ConstantEngine
from scr_live.engines.opening import open_engine
from scr_live.errors import InferenceError, ModelNotFoundError


class Opener:
    """Opens engines, and remembers with what, and each of them."""

    def __init__(self, make=open_engine):
        self.asked, self.engines = [], []
        self._make = make

    def __call__(self, name, model, **options):
        self.asked.append((name, options["threads"], None if model is None else model.path.name))
        self.engines.append(self._make(name, model, **options))
        return self.engines[-1]


def without_timings(results):
    video = {name: value for name, value in results["video"].items() if name not in TIMINGS}
    return {**results, "video": video}


@pytest.fixture
def settings(tmp_path):
    """The tiny model answers by the colours, so that what it sees depends on the picture."""
    model = write_model(tmp_path)
    return Settings(model=str(model), engine="openvino", threshold=0.3, alert_after_s=0.2)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Videos that differ, of two sizes, and one that cannot be read in the middle."""
    folder = tmp_path_factory.mktemp("clips")
    for number, size in ((0, "160x120"), (1, "128x96"), (3, "160x120")):
        phantom_clip(folder / f"{number}.mp4", start=60 * number, frames=25 + number, size=size)
    (folder / "2.mp4").write_bytes((folder / "0.mp4").read_bytes()[:600])
    return sorted(folder.iterdir())


@pytest.fixture
def jobs(clips, settings):
    return [Job(path.name, str(path), settings, 1) for path in clips]


def test_one_engine_serves_all_videos_and_is_closed_at_the_end(jobs):
    opener = Opener()
    with EngineKeeper(opener) as engines:
        for job in jobs:
            judge(job, engines)
        assert opener.asked == [("openvino", 1, "tiny.onnx")]
        assert is_open(opener.engines[0])
    assert not is_open(opener.engines[0])


def test_the_results_are_those_of_a_fresh_engine_for_each(jobs):
    with EngineKeeper() as engines:
        kept = [without_timings(judge(job, engines)) for job in jobs]
    fresh = []
    for job in jobs:
        with EngineKeeper() as engines:
            fresh.append(without_timings(judge(job, engines)))
    assert kept == fresh
    assert [one["video"]["error"] is None for one in kept] == [True, True, False, True]
    assert len({one["video"].get("polyp_frames") for one in kept}) > 2, "the videos should differ"
    assert all(one["sightings"] for one in kept if one["video"]["error"] is None)


def test_a_worker_process_that_goes_on_finds_what_a_new_one_finds(jobs):
    together, apart = Heard(), Heard()
    LocalWorkers(1)(jobs, together, threading.Event())
    for job in jobs:
        LocalWorkers(1)([job], apart, threading.Event())
    assert together.lost_of == apart.lost_of == []
    for job in jobs:
        kept, fresh = (without_timings(heard.results[job.id].results) for heard in (together, apart))
        assert kept == fresh


def test_an_engine_that_failed_is_closed_and_not_used_again(jobs, settings):
    """The first engine fails in its second video: this one alone is lost."""
    opener = Opener(lambda *_, **__: ConstantEngine(fail_after=40 if len(opener.asked) == 1 else None))
    with EngineKeeper(opener) as engines:
        results = [
            judge(replace(job, settings=replace(settings, engine="constant")), engines) for job in jobs
        ]
        errors = [one["video"]["error"] for one in results]
        assert "told to fail after 40 answers" in errors[1]
        assert [error is None for error in errors] == [True, False, False, True]
        assert [is_open(engine) for engine in opener.engines] == [False, True]


def test_an_engine_serves_only_those_that_ask_for_the_same(jobs, tmp_path, settings):
    write_model(tmp_path, name="other", fill=0.9)
    first, opener = jobs[0], Opener()
    other = replace(settings, model=str(tmp_path / "other.onnx"))
    asked = [first, replace(first, threads=2), replace(first, settings=other), first]
    with EngineKeeper(opener) as engines:
        results = [judge(job, engines)["video"] for job in asked]
        assert [name for _, _, name in opener.asked] == ["tiny.onnx", "tiny.onnx", "other.onnx", "tiny.onnx"]
        assert [threads for _, threads, _ in opener.asked] == [1, 2, 1, 1]
        assert [is_open(engine) for engine in opener.engines] == [False, False, False, True]
    assert results[0]["model_sha256"] == results[3]["model_sha256"] != results[2]["model_sha256"]


def test_a_model_that_was_exchanged_under_its_name_is_opened_anew(jobs, tmp_path):
    opener = Opener()
    with EngineKeeper(opener) as engines:
        before = judge(jobs[0], engines)["video"]
        write_model(tmp_path, fill=0.9)
        after = judge(jobs[0], engines)["video"]
    assert len(opener.asked) == 2
    assert before["model_sha256"] != after["model_sha256"]


def test_what_a_video_does_not_need_an_engine_for_opens_none(jobs, settings):
    opener = Opener()
    with EngineKeeper(opener) as engines:
        assert judge(jobs[2], engines)["video"]["error"]
        gone = replace(jobs[0], settings=replace(settings, model="gone.onnx"))
        with pytest.raises(ModelNotFoundError):
            judge(gone, engines)
    assert opener.asked == []


def test_what_cannot_be_judged_until_the_end_is_told_until_the_end(make_clip, tmp_path, settings):
    path = make_clip(tmp_path / "dark.mp4", [np.zeros((48, 64, 3), np.uint8)] * 30)
    with EngineKeeper() as engines:
        results = judge(Job(path.name, str(path), settings, 1), engines)
    (span,) = results["quality"]
    assert (span["first_s"], span["last_s"]) == (pytest.approx(0.0, abs=0.1), pytest.approx(29 / 25))


def test_memory_does_not_grow_with_the_number_of_videos(jobs):
    with EngineKeeper() as engines:
        sizes = []
        tracemalloc.start()
        try:
            for _ in range(10):
                judge(jobs[0], engines)
                gc.collect()
                sizes.append(tracemalloc.get_traced_memory()[0])
        finally:
            tracemalloc.stop()
    grown = (sizes[-1] - sizes[4]) / 5  # the first ones fill caches
    assert grown < 20_000, f"{grown:.0f} bytes a video, of sizes {sizes}"


def is_open(engine):
    """Whether it answers."""
    size = engine.info.input_size
    try:
        engine.infer(np.zeros((size, size, 3), np.uint8))
    except InferenceError:
        return False
    return True
