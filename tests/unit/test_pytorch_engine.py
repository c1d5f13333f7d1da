"""What surrounds a CUDA graph, done on the CPU; and that the network can be captured at all."""

import contextlib
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402 - after importorskip

from scr_live.engines import pytorch as engines  # noqa: E402
from scr_live.network.config import LITE0, PLAIN  # noqa: E402
from scr_live.network.scr_net import ScrNet, Segmenter  # noqa: E402


@pytest.fixture
def example():
    return torch.zeros((1, 8, 8, 3), dtype=torch.uint8)


def brightness(image):
    return image.float().mean(-1) / 255


def test_a_capture_that_works_is_what_runs(example):
    captured = []

    def capture(forward, given):
        captured.append(given)
        return lambda image: forward(torch.tensor(image)).numpy()

    run, note = engines.captured_or_eager(brightness, example, capture=capture)
    assert (len(captured), note) == (1, "")
    assert np.allclose(run(np.full((1, 8, 8, 3), 51, np.uint8)), 0.2)


def test_a_capture_that_fails_is_told_and_the_plain_forward_runs(example):
    def capture(forward, given):
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing.\nMore of it.")

    run, note = engines.captured_or_eager(brightness, example, capture=capture)
    assert note == "without a CUDA graph (CUDA error: operation not permitted when stream is capturing)"
    assert np.allclose(run(np.full((1, 8, 8, 3), 102, np.uint8)), 0.4)


class Cuda:
    """Streams and graphs of torch.cuda on a CPU: a replay calls again what was captured."""

    def __init__(self, monkeypatch):
        self.log = []
        self.captured = None
        for name, fake in {
            "Stream": lambda: SimpleNamespace(wait_stream=self.log.append, synchronize=self.synchronize),
            "current_stream": lambda: "wait for what is under way",
            "stream": lambda stream: contextlib.nullcontext(),
            "CUDAGraph": lambda: SimpleNamespace(replay=self.replay),
            "graph": self.graph,
        }.items():
            monkeypatch.setattr(torch.cuda, name, fake)
        monkeypatch.setattr(torch, "empty_like", lambda like, *, device, pin_memory: like.clone())

    def synchronize(self):
        self.log.append("synchronize")

    @contextlib.contextmanager
    def graph(self, graph, *, stream):
        self.log.append("capture")
        yield
        self.log.append("captured")

    def forward(self, image):
        self.log.append("forward")
        answer = brightness(image)
        if self.log[-2] == "capture":
            self.captured = image, answer
        return answer

    def replay(self):
        image, answer = self.captured
        answer.copy_(brightness(image))


def test_a_graph_is_warmed_up_captured_and_replayed_on_what_was_copied_in(monkeypatch, example):
    cuda = Cuda(monkeypatch)
    graph = engines.CudaGraph(cuda.forward, example)
    warm_up = ["forward"] * engines.WARM_UPS
    capture = ["capture", "forward", "captured", "synchronize"]
    assert cuda.log == ["wait for what is under way", *warm_up, *capture]
    for level in (51, 204):
        assert np.allclose(graph(np.full((1, 8, 8, 3), level, np.uint8)), level / 255)
    assert cuda.log[-2:] == ["synchronize", "synchronize"]


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 0), ("bfloat16", 0.05)])
def test_the_forward_answers_in_float32_whatever_it_computes_in(dtype, tolerance):
    torch.manual_seed(0)
    segmenter = Segmenter(ScrNet(PLAIN)).eval().requires_grad_(requires_grad=False)
    image = torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8)
    answer = engines._forward(segmenter, image, dtype=getattr(torch, dtype))
    assert answer.dtype == torch.float32
    assert answer.shape == (1, 64, 64)
    assert (answer - segmenter(image)).abs().max() <= tolerance


def test_the_forward_leaves_the_settings_of_torch_as_they_were():
    before = torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark
    segmenter = Segmenter(ScrNet(PLAIN)).eval()
    engines._forward(segmenter, torch.zeros((1, 64, 64, 3), dtype=torch.uint8), dtype=torch.float32)
    assert (torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark) == before
    assert not torch.is_inference_mode_enabled()


class HostCopies(TorchDispatchMode):
    """Records what moves tensors between devices: within a capture that is forbidden."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        devices = {one.device.type for one in (*args, result) if isinstance(one, torch.Tensor)}
        if len(devices) > 1:
            self.found.append(str(function))
        return result


@pytest.mark.parametrize("config", [PLAIN, LITE0], ids=["plain", "lite0"])
def test_the_forward_moves_nothing_between_devices(config):
    segmenter = Segmenter(ScrNet(config)).eval().requires_grad_(requires_grad=False).to("meta")
    image = torch.zeros((1, 64, 64, 3), dtype=torch.uint8, device="meta")
    with HostCopies() as copies:
        segmenter(image)
    assert copies.found == []
