"""PyTorch: runs the trained weights themselves, for comparison and on devices no other engine serves."""

import contextlib
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from scr_live.card import ModelCard
from scr_live.engines import EngineInfo, closed
from scr_live.errors import EngineUnavailableError, InferenceError
from scr_live.frames import Mask
from scr_live.shipped import Model

try:
    import torch
    from torch import Tensor

    from scr_live.network.scr_net import ScrNet, Segmenter
    from scr_live.network.weights import read_network
except (ImportError, OSError) as missing:  # OSError: a shared library that it needs
    raise EngineUnavailableError(
        f"The pytorch engine needs torch, which cannot be loaded here ({missing}). Install it with "
        '`pip install "scr-live[train]"`, or choose another engine with --engine.'
    ) from missing

WARM_UPS: Final = 3
"""Before a capture: cuDNN chooses its algorithms and libraries take their workspaces, which may not happen
within one."""

_DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
_PRECISIONS = {"cuda": ("fp32", "fp16", "bf16"), "cpu": ("fp32", "bf16")}

_Forward: TypeAlias = Callable[[Tensor], Tensor]
"""The network on its device: uint8 pictures in, float32 probability out."""
_Run: TypeAlias = Callable[[NDArray[Any]], NDArray[Any]]
"""The model's input in, its output on the host out; the output may be overwritten by the next call."""


class PyTorchEngine:
    """On a CUDA device if there is one, replayed as a CUDA graph; else on the CPU.

    auto is fp32, without TF32: what other engines are compared with.
    """

    def __init__(self, model: Model, *, precision: str = "auto", threads: int = 0, reason: str = "") -> None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        chosen = _precision(device, precision)
        if threads:
            torch.set_num_threads(threads)
        self._card = model.card
        network = read_network(model.path, model.card).requires_grad_(requires_grad=False)
        self._run: _Run | None
        try:
            self._run, note = _prepare(network, model.card, device, dtype=_DTYPES[chosen])
        except RuntimeError as error:
            raise EngineUnavailableError(
                f"PyTorch cannot run on this {device.upper()}: {_first_line(error)}. Install a build of "
                "torch for this device and its driver, or choose another engine with --engine."
            ) from error
        self.info = EngineInfo(
            backend="pytorch",
            device=device.upper(),
            precision=chosen,
            input_size=model.card.input_size,
            model_sha256=model.sha256,
            versions=(("torch", torch.__version__),),
            reason="; ".join(text for text in (reason, note) if text),
        )

    def infer(self, image: NDArray[np.uint8]) -> Mask:
        """See `Engine.infer`."""
        if self._run is None:
            raise closed("pytorch")
        network_input = self._card.to_input(image)
        try:
            output = self._run(network_input)
        except RuntimeError as error:
            raise InferenceError(f"PyTorch failed on a frame: {error}") from error
        return self._card.to_probability(output)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run = None


class CudaGraph:
    """A forward that was captured once and is replayed: one launch a frame in place of hundreds.

    A graph reads and writes the memory it was captured with: one tensor each for input and output on the GPU,
    and a pinned one each on the host, so that the copies wait for nothing but the stream.
    """

    def __init__(self, forward: _Forward, example: Tensor) -> None:
        self._input = torch.zeros_like(example)
        self._stream = torch.cuda.Stream()
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            for _ in range(WARM_UPS):
                forward(self._input)
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph, stream=self._stream):
                self._output = forward(self._input)
        self._stream.synchronize()
        self._from_host = torch.empty_like(self._input, device="cpu", pin_memory=True)
        self._to_host = torch.empty_like(self._output, device="cpu", pin_memory=True)

    def __call__(self, network_input: NDArray[Any]) -> NDArray[Any]:
        """Copy in, replay, copy out, wait."""
        self._from_host.numpy()[...] = network_input
        with torch.cuda.stream(self._stream):
            self._input.copy_(self._from_host, non_blocking=True)
            self._graph.replay()
            self._to_host.copy_(self._output, non_blocking=True)
        self._stream.synchronize()
        return np.asarray(self._to_host.numpy())


def captured_or_eager(
    forward: _Forward, example: Tensor, *, capture: Callable[[_Forward, Tensor], _Run] = CudaGraph
) -> tuple[_Run, str]:
    """The captured forward; or where that fails, the plain one, and a note that says why."""
    try:
        return capture(forward, example), ""
    except RuntimeError as error:
        return _eager(forward, example), f"without a CUDA graph ({_first_line(error)})"


def _prepare(network: ScrNet, card: ModelCard, device: str, *, dtype: torch.dtype) -> tuple[_Run, str]:
    segmenter = Segmenter(network).eval().to(device, memory_format=torch.channels_last)
    forward = partial(_forward, segmenter, dtype=dtype)
    example = torch.zeros(card.input_shape, dtype=getattr(torch, card.dtype), device=device)
    return captured_or_eager(forward, example) if device == "cuda" else (_eager(forward, example), "")


def _eager(forward: _Forward, example: Tensor) -> _Run:
    def run(network_input: NDArray[Any]) -> NDArray[Any]:
        batch = torch.tensor(network_input, device=example.device)  # a copy: frames are read-only
        return np.asarray(forward(batch).cpu().numpy())

    return run


def _forward(segmenter: Segmenter, image: Tensor, *, dtype: torch.dtype) -> Tensor:
    """(b, s, s, 3) uint8 -> (b, s, s) float32; convolutions in `dtype`."""
    half = contextlib.nullcontext()
    if dtype != torch.float32:
        half = torch.autocast(image.device.type, dtype=dtype, cache_enabled=False)  # no cache in a capture
    exact = torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False)
    with torch.inference_mode(), exact, half:
        return segmenter(image).float()


def _precision(device: str, wanted: str) -> str:
    offered = _PRECISIONS[device]
    if wanted == "auto":
        return "fp32"
    if wanted not in offered:
        raise EngineUnavailableError(
            f"The pytorch engine computes on this {device.upper()} in {', '.join(offered)}, not in {wanted}. "
            "Use --precision auto."
        )
    return wanted


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
