"""What each layer of a network takes in OpenVINO, by its own counters, and what it has to compute and move.

OpenVINO fuses layers before it runs them; each one that runs knows the names of those it was made of, and by
these it gets their multiply-adds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from scr_live.bench.operations import macs_by_layer
from scr_live.engines.openvino import float_precision, prepare, read_onnx, settings_for, shared_core
from scr_live.shipped import Model

if TYPE_CHECKING:
    import openvino

RUNS: Final = 15
_WARM_UPS: Final = 3

_BYTES: Final = {"f32": 4, "i32": 4, "u32": 4, "bf16": 2, "f16": 2, "i64": 8}  # all else is one
_PRECISIONS: Final = {"f32": "fp32", "bf16": "bf16", "f16": "fp16", "u8": "int8", "i8": "int8"}
_NOT_RUN: Final = "not_executed"


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer that was run."""

    name: str
    kind: str
    """OpenVINO's word: Convolution, Interpolate ..."""
    primitive: str
    """What computed it, such as brgconv_avx2_f32."""
    precision: str
    """fp32, bf16, fp16 or int8."""
    ms: float
    """Median."""
    macs: int
    moved_bytes: int
    """Read and written: inputs, weights and outputs, once each."""
    made_of: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """All layers that take time, heaviest first."""

    layers: tuple[Layer, ...]
    macs: int
    """Of the graph as it was read, whether or not a layer was found for them."""

    @property
    def ms(self) -> float:
        """Of all layers."""
        return sum(layer.ms for layer in self.layers)


def profile(model: Model, *, precision: str, threads: int, runs: int = RUNS) -> Profile:
    """Run an ONNX file with OpenVINO's counters on. precision: of what is not quantised, or int8.

    ValueError: its sides are not fixed. RuntimeError: OpenVINO cannot run it.
    """
    core = shared_core()
    graph = read_onnx(model.path)
    graph.reshape(list(model.card.input_shape))
    macs = macs_by_layer(graph)
    wanted = float_precision(core, "auto" if precision == "int8" else precision)
    prepare(graph, wanted)
    compiled = core.compile_model(graph, "CPU", {**settings_for(wanted, threads), "PERF_COUNT": True})
    times = _times(compiled, model, runs)
    layers = [
        _layer(node, facts, times[str(node.get_friendly_name())], macs)
        for node, facts in _run_nodes(compiled)
        if str(node.get_friendly_name()) in times
    ]
    layers.sort(key=lambda layer: layer.ms, reverse=True)
    return Profile(tuple(layers), sum(macs.values()))


def _times(compiled: "openvino.CompiledModel", model: Model, runs: int) -> dict[str, float]:
    """Median milliseconds of each layer that was run, by its name."""
    request = compiled.create_infer_request()
    side = model.card.input_size
    image = model.card.to_input(np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8))
    found: dict[str, list[float]] = {}
    for number in range(_WARM_UPS + runs):
        request.infer([image])
        if number < _WARM_UPS:
            continue
        for counter in request.profiling_info:
            took_ms = counter.real_time.total_seconds() * 1000
            found.setdefault(str(counter.node_name), []).append(took_ms)
    return {name: median(all_ms) for name, all_ms in found.items() if any(all_ms)}


def _run_nodes(compiled: "openvino.CompiledModel") -> "list[tuple[openvino.Node, dict[str, str]]]":
    nodes = compiled.get_runtime_model().get_ordered_ops()
    told = [(node, {key: str(fact.value) for key, fact in node.get_rt_info().items()}) for node in nodes]
    return [(node, facts) for node, facts in told if facts.get("execTimeMcs") != _NOT_RUN]


def _layer(node: "openvino.Node", facts: Mapping[str, str], ms: float, macs: Mapping[str, int]) -> Layer:
    made_of = tuple(filter(None, facts.get("originalLayersNames", "").split(",")))
    return Layer(
        name=str(node.get_friendly_name()),
        kind=facts["layerType"],
        primitive=facts.get("primitiveType", ""),
        precision=_PRECISIONS.get(facts.get("runtimePrecision", ""), "fp32"),
        ms=ms,
        macs=sum(macs.get(name, 0) for name in made_of),
        moved_bytes=_moved(node, facts),
        made_of=made_of,
    )


def _moved(node: "openvino.Node", facts: Mapping[str, str]) -> int:
    """Inputs in the precision that their makers hand them on, outputs in that of the layer."""
    total = 0
    for entry in node.inputs():
        maker = entry.get_source_output()
        told = maker.get_node().get_rt_info()
        kinds = str(told["outputPrecisions"].value).split(",")
        total += _size(entry, kinds[min(maker.get_index(), len(kinds) - 1)])
    kinds = facts["outputPrecisions"].split(",")
    for index, output in enumerate(node.outputs()):
        total += _size(output, kinds[min(index, len(kinds) - 1)])
    return total


def _size(port: Any, kind: str) -> int:  # noqa: ANN401 - an input or an output of a node
    shape: Sequence[int] = () if port.get_partial_shape().is_dynamic else port.get_shape()
    return prod(shape) * _BYTES.get(kind, 1) if shape else 0
