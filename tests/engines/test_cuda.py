"""The stream: what is made is freed, what is queued happens in order, and failure says what failed."""

import numpy as np
import pytest
from gpu_fakes import FakeCudart

from scr_live.engines.cuda import Stream
from scr_live.errors import EngineUnavailableError, InferenceError


@pytest.fixture
def cudart():
    return FakeCudart()


def test_a_copy_there_and_back_keeps_the_bytes(cudart, rng):
    with Stream(cudart) as stream:
        source = stream.host_array((3, 5), np.float32)
        source[...] = rng.random((3, 5), dtype=np.float32)
        back = stream.host_array((3, 5), np.float32)
        memory = stream.device_memory(source.nbytes)
        stream.upload(source, memory)
        stream.download(memory, back)
        assert not back.any()  # queued, and not done
        stream.synchronize()
        assert np.array_equal(back, source)


def test_closing_frees_everything_and_the_last_first(cudart):
    stream = Stream(cudart)
    stream.host_array((4,), np.uint8)
    stream.device_memory(4)
    stream.capture(lambda: None)
    stream.close()
    assert cudart.live == {}
    assert cudart.freed == ["graph", "ready graph", "device", "pinned", "stream"]


def test_closing_waits_for_what_is_queued(cudart):
    stream = Stream(cudart)
    source, memory = stream.host_array((4,), np.uint8), stream.device_memory(4)
    stream.upload(source, memory)
    stream.close()  # the fake's copy would find its memory freed
    assert cudart.queue == []


def test_a_graph_does_nothing_until_it_is_replayed_and_then_takes_what_is_there(cudart):
    with Stream(cudart) as stream:
        source, back = stream.host_array((4,), np.uint8), stream.host_array((4,), np.uint8)
        memory = stream.device_memory(4)
        replay = stream.capture(lambda: (stream.upload(source, memory), stream.download(memory, back)))
        stream.synchronize()
        for value in (7, 9):
            source[...] = value
            replay()
            stream.synchronize()
            assert back.tolist() == [value] * 4


def test_a_graph_whose_work_raises_leaves_the_stream_usable_and_nothing_behind(cudart):
    def fail():
        raise InferenceError("no")

    with Stream(cudart) as stream:
        with pytest.raises(InferenceError, match="no"):
            stream.capture(fail)
        assert [what[0] for what in cudart.live.values()] == ["stream"]
        stream.synchronize()


def test_a_graph_that_cuda_refuses_is_an_inference_error_with_its_words(cudart):
    cudart.refuse_graphs = True
    with Stream(cudart) as stream:
        with pytest.raises(InferenceError, match=r"recording a graph.*cudaErrorStreamCaptureUnsupported"):
            stream.capture(lambda: None)
        stream.synchronize()


def test_too_little_memory_makes_the_engine_unavailable_and_says_what_helps(cudart):
    with Stream(cudart) as stream:
        cudart.fail_at = cudart.calls + 1
        with pytest.raises(EngineUnavailableError, match=r"memory on the GPU.*Close other programs"):
            stream.device_memory(1 << 40)
    assert cudart.live == {}
