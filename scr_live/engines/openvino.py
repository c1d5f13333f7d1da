"""OpenVINO: the default engine on CPUs."""

import sys
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from scr_live.engines import EngineInfo, closed
from scr_live.errors import CardError, EngineUnavailableError, InferenceError, ModelError
from scr_live.frames import Mask
from scr_live.shipped import Model

# `import openvino` pulls in its model converter, and that its telemetry client. A run must not even load
# code that could open a connection: the converter falls back to a stub of its own when the client is missing.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
try:
    import openvino
    from openvino import opset13 as opset
    from openvino import properties
    from openvino.frontend import FrontEndManager
except (ImportError, OSError) as missing:  # OSError: a shared library that it needs
    raise EngineUnavailableError(
        f"The openvino engine needs the package openvino, which cannot be loaded here ({missing}). Install "
        "it with `pip install openvino`, or choose another engine with --engine."
    ) from missing


_DEVICE = "CPU"
_HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}
_CHANNELS = 16  # enough for OpenVINO to take its 8-bit path
_NARROW = 64  # 2 x 255 x 64 < 2 ** 15
_HEAVY_LAYERS = {"Convolution", "FullyConnected", "MatMul", "Deconvolution"}


class OpenVinoEngine:
    """One compiled model, one request, latency mode.

    A quantised file computes in int8 where its layers are quantised, and in `precision` elsewhere; `auto` and
    int8 take the fastest the device has for those. Any other file cannot be asked for int8.
    """

    def __init__(
        self,
        model: Model,
        *,
        precision: str = "auto",
        threads: int = 0,
        reason: str = "",
    ) -> None:
        core = shared_core()
        self._card = model.card
        remaining = float_precision(core, "auto" if precision == "int8" else precision)
        try:
            graph = read_onnx(model.path)
            model.card.check_inputs(inputs_of(graph))
            prepare(graph, remaining)
            compiled = core.compile_model(graph, _DEVICE, settings_for(remaining, threads))
        except CardError:
            raise
        except Exception as error:  # its exceptions share no public base
            raise ModelError(
                f"OpenVINO cannot load {model.path}: {_last_line(error)} Expected a valid ONNX file; export "
                "it again, or restore the shipped one."
            ) from error
        has_int8 = _has_int8_layers(graph, compiled)
        if precision == "int8" and not has_int8:
            raise EngineUnavailableError(
                f"OpenVINO computes no layer of {model.path} in int8 on this {_DEVICE}: the file is not "
                "quantised, or the processor cannot. Use --precision auto."
            )
        if has_int8 and not (_has_narrow_weights(graph) or int8_is_exact()):
            raise EngineUnavailableError(
                f"OpenVINO's 8-bit products overflow on this {_DEVICE}, as they do without VNNI, so that "
                f"{model.path} would be computed wrongly. Export it again, which now leaves room for "
                "them; or use --engine onnxruntime, or the fp32 file."
            )
        self._request: openvino.InferRequest | None = compiled.create_infer_request()
        self.info = EngineInfo(
            backend="openvino",
            device=_DEVICE,
            precision="int8" if has_int8 else remaining,
            input_size=model.card.input_size,
            model_sha256=model.sha256,
            versions=(("openvino", openvino.get_version().split("-")[0]),),
            reason=reason,
        )

    def infer(self, image: NDArray[np.uint8]) -> Mask:
        """See `Engine.infer`."""
        if self._request is None:
            raise closed("openvino")
        network_input = self._card.to_input(image)
        try:
            result = self._request.infer([network_input])
        except RuntimeError as error:
            raise InferenceError(f"OpenVINO failed on a frame: {_last_line(error)}") from error
        return self._card.to_probability(result[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._request = None


@cache
def shared_core() -> "openvino.Core":
    """Give the one core of the process.

    Each core has a CPU plugin of its own, which exchanges the alternate signal stack of the thread, and puts
    back what it found when it goes. Two that do not end in reverse order leave a stack that is freed memory:
    the next signal, such as Ctrl-C, kills the process.
    """
    return openvino.Core()


@cache
def int8_is_exact() -> bool:
    """Whether 8-bit products are summed without overflow here, tried with the largest there are.

    Without VNNI, OpenVINO adds pairs of them in 16 bits, where 2 x 255 x 127 does not fit: a layer with large
    weights and a bright picture then answers half of what it should, and says nothing.
    """
    ones = np.ones((1, _CHANNELS, 8, 8), np.float32)
    image = opset.parameter(ones.shape, np.float32)
    weights = opset.constant(np.ones((_CHANNELS, _CHANNELS, 1, 1), np.float32))
    low, zero, high = np.float32(-1), np.float32(0), np.float32(1)
    sums = opset.convolution(
        opset.fake_quantize(image, zero, high, zero, high, 256),
        opset.fake_quantize(weights, low, high, low, high, 255),
        [1, 1],
        [0, 0],
        [0, 0],
        [1, 1],
    )
    compiled = shared_core().compile_model(openvino.Model([sums], [image], "probe"), _DEVICE)
    answer = compiled.create_infer_request().infer([ones])[0]
    return bool(np.allclose(answer, _CHANNELS, rtol=0.01))


def read_onnx(path: Path) -> "openvino.Model":
    """Read by the ONNX reader alone: asked for any format, OpenVINO takes a damaged file for others too."""
    reader = FrontEndManager().load_by_framework("onnx")
    graph = reader.convert(reader.load(str(path)))
    if not graph.inputs or not graph.outputs:  # an empty file is a graph of nothing
        raise ValueError("It holds no network")
    return graph


def prepare(graph: "openvino.Model", precision: str) -> None:
    """Rewrite in place what this device computes slowly as it stands; precision: of what is not quantised."""
    if precision == "fp32":
        from scr_live.engines.openvino_rows import sample_by_rows  # noqa: PLC0415 - after the guard above

        sample_by_rows(graph)


def inputs_of(graph: "openvino.Model") -> list[tuple[tuple[int | None, ...], str]]:
    """Shape and dtype of each input, as `ModelCard.check_inputs` takes them."""
    return [_described(entry) for entry in graph.inputs]


def settings_for(precision: str, threads: int) -> dict[str, object]:
    """How a model is compiled for one request at a time; precision is that of what is not quantised.

    threads: 0 takes all cores, a thread bound to each. A number of them leaves cores to others, other engines
    perhaps: each would bind its threads to the same first cores, so the system places them.
    """
    settings: dict[str, object] = {
        properties.hint.performance_mode: properties.hint.PerformanceMode.LATENCY,
        properties.hint.inference_precision: _HINTS[precision],
    }
    if not threads:
        return settings
    return {
        **settings,
        properties.inference_num_threads: threads,
        properties.hint.enable_cpu_pinning: False,
    }


def _described(entry: "openvino.Output") -> tuple[tuple[int | None, ...], str]:
    """Shape and dtype of an input, None for open sides, in numpy's words."""
    shape = entry.partial_shape
    sides = () if shape.rank.is_dynamic else shape
    kind = str(np.dtype(entry.element_type.to_dtype()))
    return tuple(None if side.is_dynamic else side.get_length() for side in sides), kind


def float_precision(core: "openvino.Core", wanted: str) -> str:
    """Take bf16 where the CPU has it: faster, and the model's manifest says how close it stays."""
    able = core.get_property(_DEVICE, "OPTIMIZATION_CAPABILITIES")
    if wanted == "auto":
        return "bf16" if "BF16" in able else "fp32"
    names = {"fp32": "FP32", "fp16": "FP16", "bf16": "BF16"}
    if names[wanted] not in able:
        offered = [name for name, token in names.items() if token in able]
        raise EngineUnavailableError(
            f"OpenVINO on this {_DEVICE} does not compute in {wanted}, but in {', '.join(offered)}. "
            "Use --precision auto."
        )
    return wanted


def _has_int8_layers(graph: "openvino.Model", compiled: "openvino.CompiledModel") -> bool:
    """Whether the device really computes some of the heavy layers in 8 bits, by its own account."""
    if all(node.get_type_name() != "FakeQuantize" for node in graph.get_ops()):
        return False  # not quantised: nothing to ask
    executed = (node.get_rt_info() for node in compiled.get_runtime_model().get_ops())
    return any(
        str(facts["layerType"].value) in _HEAVY_LAYERS
        and str(facts["runtimePrecision"].value) in ("u8", "i8")
        for facts in executed
    )


def _has_narrow_weights(graph: "openvino.Model") -> bool:
    """Whether two products of any 8-bit weights with a byte fit into 16 bits: then no processor overflows."""
    nodes = list(graph.get_ops())
    if any(node.get_type_name() == "FakeQuantize" and _is_constant(node.input_value(0)) for node in nodes):
        return False  # weights in float, whose bytes OpenVINO makes itself: with all 8 bits
    constants = [node for node in nodes if node.get_type_name() == "Constant"]
    if any(node.get_element_type() == openvino.Type.u8 and len(node.shape) > 1 for node in constants):
        return False
    weights = [node.get_data() for node in constants if node.get_element_type() == openvino.Type.i8]
    return bool(weights) and all(
        np.abs(values.astype(np.int16)).max(initial=0) <= _NARROW for values in weights
    )


def _is_constant(value: "openvino.Output") -> bool:
    return bool(value.get_node().get_type_name() == "Constant")


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__).rstrip(".") + "."
