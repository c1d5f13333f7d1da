"""Computing graphs on the calibration pictures, by ONNX Runtime on one core."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from scr_live.convert.quantize_graph import NO_ONNXRUNTIME, FloatModel
from scr_live.errors import EngineUnavailableError, InferenceError, ModelError

_TINY = 1e-9


class Run:
    """A graph, ready to be computed.

    A quantised graph is computed in float with its roundings, not by the kernels for int8: those of a CPU
    without VNNI overflow. One thread sums in one order, so that two runs choose the same.
    """

    def __init__(self, source: FloatModel, graph: onnx.ModelProto, *, tensors: Sequence[str] = ()) -> None:
        try:
            import onnxruntime  # noqa: PLC0415 - an extra
        except ImportError as missing:
            raise EngineUnavailableError(NO_ONNXRUNTIME) from missing
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        self._source = source
        self._names = list(tensors) or [value.name for value in graph.graph.output][:1]
        data = _asked_for(graph, tensors).SerializeToString()
        try:
            self._session: Any = onnxruntime.InferenceSession(
                data, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its exceptions share no public base
            raise ModelError(
                f"ONNX Runtime, which calibrates int8, cannot load the network: {str(error).strip()}"
            ) from error

    def over(self, images: Sequence[NDArray[np.uint8]]) -> Iterator[list[NDArray[np.float32]]]:
        """The tensors, or without any the answer, on these pictures; as many at once as the graph takes."""
        for batch in _batches(images, self._source.batch):
            try:
                yield self._session.run(self._names, {self._source.input_name: batch})
            except Exception as error:  # its exceptions share no public base
                raise InferenceError(f"ONNX Runtime failed on a calibration picture: {error}") from error


class Yardstick:
    """Some of the pictures, and what fp32 answers on them."""

    def __init__(self, source: FloatModel, images: Sequence[NDArray[np.uint8]], *, most: int) -> None:
        places = np.linspace(0, len(images) - 1, min(most, len(images))).round().astype(int)
        self._source = source
        self._images = [images[place] for place in places]
        self._reference = self._answers(source.model)

    def difference(self, graph: onnx.ModelProto) -> float:
        """Sum of the differences over the sum of both answers, 0 to 1.

        This is what Dice with the answer of fp32 lacks to 1, for probabilities as they are.
        """
        pairs = list(zip(self._reference, self._answers(graph), strict=True))
        apart = sum(float(np.abs(a - b).sum(dtype=np.float64)) for a, b in pairs)
        both = sum(float((np.abs(a) + np.abs(b)).sum(dtype=np.float64)) for a, b in pairs)
        return apart / max(both, _TINY)

    def _answers(self, graph: onnx.ModelProto) -> list[NDArray[np.float32]]:
        return [answer for (answer,) in Run(self._source, graph).over(self._images)]


def _asked_for(graph: onnx.ModelProto, tensors: Iterable[str]) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(graph)
    known = {value.name for value in graph.graph.output}
    copy.graph.output.extend(onnx.ValueInfoProto(name=name) for name in tensors if name not in known)
    return copy


def _batches(images: Sequence[NDArray[np.uint8]], size: int) -> Iterator[NDArray[np.uint8]]:
    for start in range(0, len(images), size):
        part = list(images[start : start + size])
        yield np.stack(part + [part[-1]] * (size - len(part)))
