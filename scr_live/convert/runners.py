"""What computes an exported file so that it can be compared: the engines at hand, on this very file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import onnx
from numpy.typing import NDArray

from scr_live.card import ModelCard
from scr_live.convert.parity import GPU_FP32, TOLERANCE, Tolerance
from scr_live.engines import Engine, EngineInfo
from scr_live.errors import EngineUnavailableError, InferenceError, ModelError
from scr_live.frames import Mask
from scr_live.shipped import Model

_COARSEST = ("int8", "bf16", "fp16", "fp32")


@dataclass(frozen=True, slots=True)
class Runner:
    """An engine, and what it computes with."""

    name: str
    """Engine and arithmetic, such as `openvino fp32`: the key of its figures in a manifest."""
    engine: Engine
    precision: str
    """The coarsest that takes part: which tolerance holds."""

    @property
    def tolerance(self) -> Tolerance:
        """How far it may be from PyTorch."""
        return TOLERANCE[self.precision]


def runners(path: Path, card: ModelCard, *, precision: str, batch: int, threads: int) -> Iterator[Runner]:
    """Open each engine that can run this native-form file here, one after another; the caller closes it.

    EngineUnavailableError: none can.
    """
    found = False
    for name, arithmetic, engine in _engines(path, card, precision, batch, threads):
        found = True
        coarsest = next(one for one in _COARSEST if one in (precision, arithmetic))
        yield Runner(f"{name} {arithmetic}", engine, coarsest)
    if not found:
        raise EngineUnavailableError(
            f"Nothing here can run {path.name} to compare it with PyTorch. Install ONNX Runtime with `pip "
            'install "scr-live[onnxruntime]"`.'
        )


def plugin_runner(model: onnx.ModelProto, card: ModelCard, *, precision: str, batch: int) -> Runner:
    """The plugin form as it stands, its node computed in float64 and rounded: slow."""
    engine = PluginSession(model, card, batch)
    return Runner(f"onnxruntime {precision}, warp in float64", engine, precision)


def expanded_runner(path: Path, card: ModelCard, *, precision: str, batch: int, threads: int) -> Runner:
    """A plugin form whose nodes were written out in operators of ONNX: quick."""
    engine = OnnxSession(path, card, batch=batch, threads=threads)
    return Runner(f"onnxruntime {precision}, warp written out", engine, precision)


def engine_runner(model: Model, library: str, precision: str) -> Runner:
    """The engine file that lies beside the model. EngineUnavailableError: why it cannot run here."""
    from scr_live.engines.tensorrt import TensorRtEngine  # noqa: PLC0415 - heavy

    engine = TensorRtEngine(model, precision=precision, library=library)
    return Runner(f"{library} {precision}", engine, GPU_FP32 if precision == "fp32" else precision)


def has_onnxruntime() -> bool:
    """Whether ONNX Runtime can be loaded here; it is loaded by its engine, which keeps it from reporting."""
    try:
        import scr_live.engines.onnx_runtime  # noqa: F401, PLC0415 - an extra
    except EngineUnavailableError:
        return False
    return True


class AlwaysOpen:
    """An engine's context management where nothing is to be closed."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class PluginSession(AlwaysOpen):
    """A graph with scr::SemanticWarp as an Engine, on the CPU."""

    def __init__(self, model: onnx.ModelProto, card: ModelCard, batch: int) -> None:
        self.info = EngineInfo("onnxruntime", "CPU", "fp32", card.input_size)
        self._model = model
        self._card = card
        self._batch = batch or 1

    def infer(self, image: NDArray[np.uint8]) -> Mask:
        """See `Engine.infer`; the last of the batch answers."""
        from scr_live.convert.semantic_warp.onnx_form import run_plugin_form  # noqa: PLC0415 - if asked for

        images = np.repeat(self._card.to_input(image), self._batch, axis=0)
        return self._card.to_probability(np.asarray(run_plugin_form(self._model, images)[-1:], np.float32))


class OnnxSession:
    """ONNX Runtime on the CPU, as an Engine for a file of any batch: a picture stands in every place of it.

    It has no kernels for half: it computes a layer in float32 and rounds what lies between layers.
    """

    def __init__(self, path: Path, card: ModelCard, *, batch: int = 1, threads: int = 0) -> None:
        import onnxruntime  # noqa: PLC0415 - an extra

        self._card = card
        self._batch = batch or 1
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its exceptions share no public base
            raise ModelError(f"ONNX Runtime cannot load what was exported: {str(error).strip()}") from error
        self._input = self._session.get_inputs()[0].name
        self.info = EngineInfo("onnxruntime", "CPU", "fp32", card.input_size)

    def infer(self, image: NDArray[np.uint8]) -> Mask:
        """See `Engine.infer`; the last of the batch answers."""
        images = np.repeat(self._card.to_input(image), self._batch, axis=0)
        try:
            outputs = self._session.run(None, {self._input: images})
        except Exception as error:  # its exceptions share no public base
            raise InferenceError(f"ONNX Runtime failed on a picture: {error}") from error
        return self._card.to_probability(np.asarray(outputs[0])[-1:])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        vars(self).pop("_session", None)


def _engines(
    path: Path, card: ModelCard, precision: str, batch: int, threads: int
) -> Iterator[tuple[str, str, Engine]]:
    if batch in (0, 1):  # the engine takes one picture at a time
        for arithmetic in ("fp32", "bf16") if precision == "fp32" else ("fp32",):
            try:
                from scr_live.engines.openvino import OpenVinoEngine  # noqa: PLC0415 - heavy

                engine = OpenVinoEngine(Model(path, card, card.sha256), precision=arithmetic, threads=threads)
            except EngineUnavailableError:  # this CPU has no bf16
                continue
            yield "openvino", "int8" if precision == "int8" else arithmetic, engine
    if has_onnxruntime():
        yield "onnxruntime", precision, OnnxSession(path, card, batch=batch, threads=threads)
