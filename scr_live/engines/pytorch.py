"""PyTorch: runs the trained weights themselves, for comparison and on devices no other engine serves."""

from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from scr_live.engines import EngineInfo
from scr_live.errors import EngineUnavailableError, InferenceError
from scr_live.frames import Mask
from scr_live.shipped import Model

try:
    import torch

    from scr_live.network.scr_net import Segmenter
    from scr_live.network.weights import read_network
except ImportError as missing:
    raise EngineUnavailableError(
        'The pytorch engine needs torch. Install it with `pip install "scr-live[train]"`, or choose another '
        "engine with --engine."
    ) from missing


class PyTorchEngine:
    """float32, on a CUDA device if there is one, else on the CPU."""

    def __init__(self, model: Model, *, precision: str = "auto", threads: int = 0, reason: str = "") -> None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        if precision not in ("auto", "fp32"):
            raise EngineUnavailableError(
                f"The pytorch engine computes in fp32, not in {precision}. Use --precision auto."
            )
        if threads:
            torch.set_num_threads(threads)
        self._card = model.card
        network = read_network(model.path, model.card).to(memory_format=torch.channels_last)
        self._segmenter = Segmenter(network).eval().to(device)
        self._device = device
        self.info = EngineInfo(
            backend="pytorch",
            device=device.upper(),
            precision="fp32",
            input_size=model.card.input_size,
            versions=(("torch", torch.__version__),),
            reason=reason,
        )

    def infer(self, image: NDArray[np.uint8]) -> Mask:
        """See `Engine.infer`."""
        network_input = self._card.to_input(image)
        try:
            with torch.inference_mode():
                batch = torch.tensor(network_input, device=self._device)  # a copy: frames are read-only
                output = self._segmenter(batch).cpu().numpy()
        except RuntimeError as error:
            raise InferenceError(f"PyTorch failed on a frame: {error}") from error
        return self._card.to_probability(output)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        vars(self).pop("_segmenter", None)  # twice is once
