"""ONNX Runtime: on the CPU, or on CUDA where onnxruntime-gpu and its libraries are installed."""

from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from scr_live.engines import EngineInfo
from scr_live.errors import EngineUnavailableError, InferenceError, ModelError
from scr_live.frames import Mask
from scr_live.shipped import Model

try:
    import onnxruntime
except ImportError as missing:
    raise EngineUnavailableError(
        "The onnxruntime engine needs the package onnxruntime. Install it with "
        '`pip install "scr-live[onnxruntime]"` (or `"scr-live[cuda]"` for NVIDIA GPUs; never both).'
    ) from missing


onnxruntime.disable_telemetry_events()  # on Windows its builds report to the vendor unless told not to

_DTYPES = {"tensor(uint8)": "uint8", "tensor(float)": "float32"}


class OnnxRuntimeEngine:
    """One session; CUDA is taken if it really works, not if it is merely listed."""

    def __init__(self, model: Model, *, precision: str = "auto", threads: int = 0, reason: str = "") -> None:
        if precision not in ("auto", "fp32"):
            raise EngineUnavailableError(
                f"onnxruntime computes in the precision of the file, fp32, not in {precision}. "
                "Use --precision auto, or --engine openvino."
            )
        self._card = model.card
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        listed = onnxruntime.get_available_providers()
        wanted = [name for name in ("CUDAExecutionProvider",) if name in listed] + ["CPUExecutionProvider"]
        try:
            self._session = onnxruntime.InferenceSession(str(model.path), options, providers=wanted)
        except Exception as error:  # its exceptions share no public base
            raise ModelError(
                f"ONNX Runtime cannot load {model.path}: {str(error).strip()} Expected a valid ONNX file; "
                "export it again, or restore the shipped one."
            ) from error
        inputs = self._session.get_inputs()
        model.card.check_inputs([_described(entry) for entry in inputs])
        self._input = inputs[0].name
        # Asking for CUDA without its libraries falls back without a word: say what is really used.
        provider = self._session.get_providers()[0].removesuffix("ExecutionProvider").lower()
        if provider == "cpu" and len(wanted) > 1:
            reason = f"{reason}; CUDA was asked for and could not be loaded, so the CPU is used".lstrip("; ")
        self.info = EngineInfo(
            backend="onnxruntime",
            device=provider.upper(),
            precision="fp32",
            input_size=model.card.input_size,
            versions=(("onnxruntime", onnxruntime.__version__),),
            reason=reason,
        )

    def infer(self, image: NDArray[np.uint8]) -> Mask:
        """See `Engine.infer`."""
        network_input = self._card.to_input(image)
        try:
            outputs = self._session.run(None, {self._input: network_input})
        except Exception as error:  # its exceptions share no public base
            raise InferenceError(f"ONNX Runtime failed on a frame: {error}") from error
        return self._card.to_probability(np.asarray(outputs[0]))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        vars(self).pop("_session", None)  # twice is once


def _described(entry: "onnxruntime.NodeArg") -> tuple[tuple[int | None, ...], str]:
    """Shape and dtype of an input, None for open sides, in numpy's words."""
    sides = tuple(side if isinstance(side, int) else None for side in entry.shape)
    return sides, _DTYPES.get(entry.type, entry.type)
