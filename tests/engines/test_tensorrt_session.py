"""The order of calls of a loaded engine, and that no way of failing leaves memory behind."""

import gc
from pathlib import Path

import numpy as np
import pytest
from gpu_fakes import FakeCudart, FakeTensorRt, FakeTensorRtRtx

from scr_live.engines.engine_cache import CachedEngine
from scr_live.engines.tensorrt_session import Session
from scr_live.errors import EngineUnavailableError, InferenceError

PLAN = b"plan"


@pytest.fixture
def cudart():
    return FakeCudart()


@pytest.fixture(params=[FakeTensorRt, FakeTensorRtRtx])
def library(request, cudart):
    return request.param(cudart)


def opened(library, cudart, plan=PLAN, **options):
    return Session(
        library, cudart, engine=CachedEngine(Path("lite0.engine"), plan, ""), title="TensorRT 0", **options
    )


def images(rng, count=3, size=16):
    return rng.integers(0, 256, (count, 1, size, size, 3), dtype=np.uint8)


def check_answers(session, rng):
    for image in images(rng):
        assert np.allclose(session.run(image), image.mean(axis=-1) / 255)


def test_every_run_answers_for_its_own_image_by_the_graph(library, cudart, rng):
    session = opened(library, cudart)
    assert session.said == "as a CUDA graph"
    assert session.inputs == [((1, 16, 16, 3), "uint8")]
    before = library.executions
    check_answers(session, rng)
    assert library.executions == before + 3
    session.close()
    assert cudart.live == {}


def test_a_graph_that_cannot_be_recorded_is_said_and_the_engine_runs_without(library, cudart, rng):
    cudart.refuse_graphs = True
    session = opened(library, cudart)
    assert "without a CUDA graph" in session.said
    assert "cudaErrorStreamCaptureUnsupported" in session.said
    check_answers(session, rng)
    session.close()
    assert cudart.live == {}


def test_a_library_that_forbids_graphs_is_believed(cudart, rng):
    library = FakeTensorRtRtx(cudart)
    library.capturable = False
    session = opened(library, cudart)
    assert "does not allow" in session.said
    check_answers(session, rng)
    session.close()


def test_whichever_call_fails_while_opening_nothing_is_left(library, cudart):
    opened(library, cudart).close()
    outcomes = set()
    for failing in range(1, cudart.calls + 1):
        fresh = FakeCudart()
        fresh.fail_at = failing
        library.cudart = fresh
        try:
            session = opened(library, fresh)
        except (EngineUnavailableError, InferenceError) as error:
            outcomes.add(type(error).__name__)
        else:  # without its graph, or the failure was that of closing
            session.close()
            outcomes.add(session.said.partition(",")[0])
        assert fresh.live == {}
    assert outcomes == {
        "EngineUnavailableError",
        "InferenceError",
        "without a CUDA graph",
        "as a CUDA graph",
    }


def test_an_engine_that_failed_to_open_is_freed_at_once(library, cudart):
    """A reference in a circle would keep its memory on the GPU until Python looks for such."""
    cudart.fail_at = 8
    gc.disable()
    try:
        with pytest.raises(InferenceError):
            opened(library, cudart)
        assert library.loaded
        assert not library.living
    finally:
        gc.enable()


def test_a_failing_run_is_an_inference_error_with_cudas_words(library, cudart, rng):
    session = opened(library, cudart)
    cudart.fail_at = cudart.calls + 2
    with pytest.raises(InferenceError, match=r"CUDA failed while computing.*--engine"):
        session.run(images(rng)[0])
    session.close()
    assert cudart.live == {}


def test_a_plan_that_the_library_refuses_is_unavailable_with_the_librarys_words(library, cudart):
    with pytest.raises(
        EngineUnavailableError, match=r"cannot load lite0.engine.*magic tag does not match\. Delete"
    ):
        opened(library, cudart, plan=b"rubbish")
    assert cudart.live == {}


def test_an_engine_for_another_gpu_is_refused_by_its_header(cudart):
    library = FakeTensorRtRtx(cudart)
    library.validity = ("invalid", 6)
    with pytest.raises(EngineUnavailableError, match="unsupported cc, old cuda driver"):
        opened(library, cudart)
    assert library.loaded == []


def test_what_was_compiled_for_the_gpu_is_kept_for_the_next_time(cudart, tmp_path):
    library, cache = FakeTensorRtRtx(cudart), tmp_path / "engines" / "kernels.jit"  # the first to come there
    opened(library, cudart, jit_cache=cache).close()
    assert library.jit_known is None
    kept = cache.read_bytes()
    opened(library, cudart, jit_cache=cache).close()
    assert library.jit_known == kept
    assert list(cache.parent.iterdir()) == [cache]


def test_a_place_that_cannot_keep_it_costs_only_time(cudart, tmp_path):
    library = FakeTensorRtRtx(cudart)
    (tmp_path / "file").touch()
    opened(library, cudart, jit_cache=tmp_path / "file" / "kernels.jit").close()
    assert cudart.live == {}
