"""The two forms of one ONNX graph: native (GridSample) and plugin (a node scr::SemanticWarp for each SCM)."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import TensorProto, helper, numpy_helper

from scr_live.convert.semantic_warp.matching import Warp, find_warps
from scr_live.convert.semantic_warp.plugin import NAME, NAMESPACE, VERSION
from scr_live.convert.semantic_warp.staged import is_warp, run_plugin_form
from scr_live.errors import ModelError

__all__ = ["run_plugin_form", "to_native_form", "to_plugin_form", "warp_nodes"]

_FLOATS: Final = (TensorProto.FLOAT, TensorProto.FLOAT16)


def to_plugin_form(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with each GridSample, its grid and the addition after it as one scr::SemanticWarp.

    In a graph of half precision the casts around GridSample vanish: the node takes half, and computes
    coordinates in float32 itself. The model handed in stays as it is. ModelError: a GridSample that is not
    SCM's warp, or no GridSample.
    """
    whole = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    warps = find_warps(whole)
    samples = [node for node in whole.graph.node if node.op_type == "GridSample"]
    if not warps or len(warps) != len(samples):
        raise ModelError(
            f"The plugin form replaces each GridSample of a graph, at least one; found {len(samples)}, of "
            f"which {len(warps)} are a warp of SCM. A network without SCM has a native form alone."
        )
    places = {id(warp.add): warp for warp in warps}
    nodes: list[onnx.NodeProto] = []
    for node in whole.graph.node:
        warp = places.get(id(node))
        nodes += [node] if warp is None else _node_for(warp)
    return _with_nodes(whole, nodes)


def to_native_form(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with each scr::SemanticWarp written out in ONNX's own operators, as the exporter writes it.

    The model handed in stays as it is. ModelError: the height or width of a warp is not in the file.
    """
    whole = onnx.shape_inference.infer_shapes(model, data_prop=True)
    values = (*whole.graph.value_info, *whole.graph.input, *whole.graph.output)
    types = {value.name: value.type.tensor_type for value in values}
    nodes: list[onnx.NodeProto] = []
    for node in whole.graph.node:
        if is_warp(node):
            written, constants = _written_out(node, _known(types, node))
            nodes += written
            whole.graph.initializer.extend(constants)
        else:
            nodes.append(node)
    return _with_nodes(whole, nodes)


def warp_nodes(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The scr::SemanticWarp nodes of a graph."""
    return [node for node in model.graph.node if is_warp(node)]


def _node_for(warp: Warp) -> list[onnx.NodeProto]:
    """The node, after a cast of the flow where that has another precision than the features."""
    casts = []
    flow = warp.flow
    if warp.flow_type != warp.feature_type:
        flow = f"{warp.add.output[0]}_flow"
        casts = [helper.make_node("Cast", [warp.flow], [flow], name=f"cast_{flow}", to=warp.feature_type)]
    node = helper.make_node(
        NAME,
        [warp.up, warp.low, flow],
        [warp.add.output[0]],
        name=f"{warp.sample.name or warp.sample.output[0]}_semantic_warp",
        domain=NAMESPACE,
        plugin_namespace=NAMESPACE,
        plugin_version=VERSION,
        aot=1,
    )
    return [*casts, node]


def _with_nodes(model: onnx.ModelProto, nodes: list[onnx.NodeProto]) -> onnx.ModelProto:
    """The model with these nodes, without what nothing uses any more."""
    used = {value.name for value in model.graph.output}
    kept: list[onnx.NodeProto] = []
    for node in reversed(nodes):
        if used & set(node.output):
            kept.append(node)
            used.update(node.input)
    result = onnx.ModelProto()
    result.CopyFrom(model)
    graph = result.graph
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(reversed(kept))
    graph.initializer.extend(tensor for tensor in model.graph.initializer if tensor.name in used)
    made = {name for node in kept for name in node.output} - {value.name for value in model.graph.output}
    graph.value_info.extend(value for value in model.graph.value_info if value.name in made)
    versions = {opset.domain: opset for opset in model.opset_import if opset.domain != NAMESPACE}
    del result.opset_import[:]
    result.opset_import.extend(versions.values())
    if warp_nodes(result):
        result.opset_import.append(helper.make_opsetid(NAMESPACE, int(VERSION)))
    onnx.checker.check_model(result)
    return result


def _known(types: Mapping[str, onnx.TypeProto.Tensor], node: onnx.NodeProto) -> onnx.TypeProto.Tensor:
    """What is known of the tensors of one shape: up, low, out."""
    found = (types.get(name) for name in (*node.input[:2], *node.output))
    return next((each for each in found if each is not None and len(each.shape.dim)), onnx.TypeProto.Tensor())


def _written_out(
    node: onnx.NodeProto, features: onnx.TypeProto.Tensor
) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    sizes = [dimension.dim_value for dimension in features.shape.dim[2:]]
    if len(sizes) != 2 or not all(sizes) or features.elem_type not in _FLOATS:  # noqa: PLR2004 - height, width
        raise ModelError(
            f"{node.name}: writing the warp out needs the type, height and width of {node.output[0]}, and "
            "the file does not have them. Export the model again."
        )
    scribe = _Scribe(node.name)
    up, low, flow = node.input
    half = features.elem_type == TensorProto.FLOAT16
    if half:
        up = scribe.add("Cast", up, to=TensorProto.FLOAT)
        flow = scribe.add("Cast", flow, to=TensorProto.FLOAT)
    coordinates = [
        scribe.coordinate(flow, component, size=size) for component, size in enumerate(reversed(sizes))
    ]
    grid = scribe.add("Concat", *coordinates, axis=-1)
    options = {"mode": "bilinear", "padding_mode": "zeros", "align_corners": 0}
    sampled = scribe.add("GridSample", up, grid, **options)
    if half:
        sampled = scribe.add("Cast", sampled, to=TensorProto.FLOAT16)
    scribe.nodes.append(helper.make_node("Add", [low, sampled], node.output, name=f"{node.name}_add"))
    return scribe.nodes, scribe.constants


class _Scribe:
    """Adds nodes and constants with names of their own."""

    def __init__(self, prefix: str) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._prefix = prefix

    def add(self, op: str, *inputs: str, **attributes: object) -> str:
        name = f"{self._prefix}_{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def constant(self, value: ArrayLike, dtype: type[np.generic]) -> str:
        name = f"{self._prefix}_constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def coordinate(self, flow: str, component: int, *, size: int) -> str:
        """(p + flow + 0.5) * 2 / size - 1 along x (component 0) or y: b, h, w, 1."""
        places = np.arange(size)
        places = places[None, None, :] if component == 0 else places[None, :, None]
        offset = self.add("Gather", flow, self.constant(component, np.int64), axis=1)
        place = self.add("Add", self.constant(places, np.float32), offset)
        centre = self.add("Add", place, self.constant(0.5, np.float32))
        scaled = self.add("Mul", centre, self.constant(2.0 / size, np.float32))
        moved = self.add("Sub", scaled, self.constant(1.0, np.float32))
        return self.add("Unsqueeze", moved, self.constant([-1], np.int64))
