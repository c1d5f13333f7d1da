"""Runs a graph with scr::SemanticWarp nodes without a GPU: the warps in float64, the rest in ONNX Runtime."""

from collections.abc import Iterator, Mapping

import numpy as np
import onnx
from numpy.typing import NDArray

from scr_live.convert.semantic_warp.plugin import NAME, NAMESPACE
from scr_live.convert.semantic_warp.reference import semantic_warp
from scr_live.errors import EngineUnavailableError


def run_plugin_form(model: onnx.ModelProto, image: NDArray[np.generic]) -> NDArray[np.generic]:
    """The first output of a plugin-form graph for its one input.

    Each warp is the float64 reference, rounded to its type; what lies between the warps runs in ONNX Runtime.
    So the plugin form is computed as it stands, and not written out again. EngineUnavailableError: ONNX
    Runtime is missing.
    """
    whole = onnx.shape_inference.infer_shapes(model, data_prop=True)
    known: dict[str, NDArray[np.generic]] = {whole.graph.input[0].name: image}
    for part in _stages(whole.graph):
        warps = [node for node in part if is_warp(node)]
        for node in warps:
            up, low, flow = (known[name] for name in node.input)
            known[node.output[0]] = semantic_warp(up, low, flow).astype(low.dtype)
        if len(warps) < len(part):
            known |= _run(whole, [node for node in part if not is_warp(node)], known)
    return known[whole.graph.output[0].name]


def is_warp(node: onnx.NodeProto) -> bool:
    """Whether it is a scr::SemanticWarp."""
    return bool(node.op_type == NAME and node.domain == NAMESPACE)


def _stages(graph: onnx.GraphProto) -> Iterator[list[onnx.NodeProto]]:
    """The nodes by how many warps lie before them; warps are the first of their stage."""
    stage_of: dict[str, int] = {}
    stages: dict[int, list[onnx.NodeProto]] = {}
    for node in graph.node:
        stage = max((stage_of.get(name, 0) for name in node.input), default=0) + is_warp(node)
        stage_of.update(dict.fromkeys(node.output, stage))
        stages.setdefault(stage, []).append(node)
    for stage in sorted(stages):
        yield sorted(stages[stage], key=lambda node: not is_warp(node))


def _run(
    model: onnx.ModelProto, nodes: list[onnx.NodeProto], known: Mapping[str, NDArray[np.generic]]
) -> dict[str, NDArray[np.generic]]:
    """Run these nodes on what is known; returns what other nodes or the graph's answer take from them."""
    try:
        import onnxruntime  # noqa: PLC0415 - an extra
    except ImportError as missing:
        raise EngineUnavailableError(
            'Running the plugin form needs ONNX Runtime. Install it with `pip install "scr-live[export]"`.'
        ) from missing
    graph = model.graph
    types = {value.name: value for value in (*graph.value_info, *graph.input, *graph.output)}
    made = {name for node in nodes for name in node.output}
    taken = {name for node in nodes for name in node.input}
    elsewhere = {name for node in graph.node if node not in nodes for name in node.input}
    wanted = sorted(made & (elsewhere | {value.name for value in graph.output}))
    given = sorted(taken & known.keys())
    constants = [tensor for tensor in graph.initializer if tensor.name in taken]
    part = onnx.helper.make_graph(
        nodes, "part", [types[n] for n in given], [types[n] for n in wanted], constants
    )
    opsets = [opset for opset in model.opset_import if opset.domain != NAMESPACE]
    whole = onnx.helper.make_model(part, opset_imports=opsets, ir_version=model.ir_version)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        whole.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return dict(zip(wanted, session.run(wanted, {name: known[name] for name in given}), strict=True))
