"""fp16: weights and activations in half precision, except where it would cost accuracy.

Kept in fp32, as measured on pictures: the warps (their coordinates in half double the error of the answer),
and means (a level of scr-net-plain sums up to 57265, and half ends at 65504; a larger input goes beyond).
The two ends stay because they cost nothing there: the picture is rounded once, the answer is float32 anyway.
Adding up the side outputs in fp32 too changes nothing: near the threshold logits are small, so half is fine.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LARGEST_HALF: Final = 65504.0

SAFE: Final = frozenset(
    {
        *("Add", "Cast", "Clip", "Concat", "Conv", "Gather", "MatMul", "MaxPool", "Mul", "Relu", "Reshape"),
        *("Resize", "Shape", "Sigmoid", "Slice", "Split", "Squeeze", "Sub", "Transpose", "Unsqueeze"),
    }
)
"""Only these are computed in half: what is not known to be safe stays as it is."""

_PARAMETERS = {"Resize": (1, 2)}
"""Inputs that are float32 whatever the node computes in: the region and scales of a resize."""


@dataclass(frozen=True, slots=True)
class Half:
    """A converted graph."""

    model: onnx.ModelProto
    nodes: int
    kept: Mapping[str, int]
    """Nodes left in fp32, by the reason."""


def to_half(model: onnx.ModelProto) -> Half:
    """Convert a native graph of float32; the graph's input and output keep their types.

    Casts stand where precisions meet, one a tensor. Raises onnx's own errors for a graph that is none.
    """
    whole = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    kept = _kept(whole.graph)
    rewrite = _Rewrite(whole.graph, kept)
    result = onnx.ModelProto()
    result.CopyFrom(model)
    del result.graph.node[:], result.graph.initializer[:], result.graph.value_info[:]
    result.graph.node.extend(rewrite.nodes())
    result.graph.initializer.extend(rewrite.constants.values())
    result = onnx.shape_inference.infer_shapes(result, strict_mode=True)
    onnx.checker.check_model(result, full_check=True)
    reasons = list(kept.values())
    return Half(
        result, len(model.graph.node), {reason: reasons.count(reason) for reason in dict.fromkeys(reasons)}
    )


def _kept(graph: onnx.GraphProto) -> dict[int, str]:
    """The nodes, by index, that stay in fp32, and why."""
    producers = {name: index for index, node in enumerate(graph.node) for name in node.output}
    kept: dict[int, str] = {}

    def keep(indices: Iterable[int], reason: str) -> None:
        for index in indices:
            kept.setdefault(index, reason)

    def above(names: Iterable[str]) -> set[int]:
        """What these tensors are computed from, up to and without the next convolution."""
        found: set[int] = set()
        waiting = [producers[name] for name in names if name in producers]
        while waiting:
            index = waiting.pop()
            if index not in found and graph.node[index].op_type != "Conv":
                found.add(index)
                waiting += [producers[name] for name in graph.node[index].input if name in producers]
        return found

    first = next((node for node in graph.node if node.op_type == "Conv"), None)
    keep(above(first.input[:1]) if first else (), "the picture's preparation, rounded once at its end")
    for index, node in enumerate(graph.node):
        if node.op_type == "GridSample":
            keep(
                {index, *above(node.input[1:2])},
                "the warps, whose coordinates would be up to 0.06 pixels off in half",
            )
        elif node.op_type == "ReduceMean":
            keep({index}, "means over a level, whose sums may overflow half")
    answer = {producers[value.name] for value in graph.output if value.name in producers}
    sigmoids = {producers[name] for index in answer for name in graph.node[index].input if name in producers}
    keep(answer | {i for i in sigmoids if graph.node[i].op_type == "Sigmoid"}, "the answer, which is float32")
    too_large = {
        tensor.name
        for tensor in graph.initializer
        if tensor.data_type == TensorProto.FLOAT
        and np.abs(numpy_helper.to_array(tensor)).max(initial=0) > LARGEST_HALF
    }
    keep(
        (index for index, node in enumerate(graph.node) if too_large & set(node.input)),
        "weights beyond the largest half",
    )
    keep(
        (index for index, node in enumerate(graph.node) if node.op_type not in SAFE),
        "not known to be safe in half",
    )
    return kept


class _Rewrite:
    """Emits the nodes in their order, each with its inputs in the precision it computes in."""

    def __init__(self, graph: onnx.GraphProto, kept: Mapping[int, str]) -> None:
        self.constants: dict[str, onnx.TensorProto] = {}
        self._graph = graph
        self._kept = kept
        self._given = {tensor.name: tensor for tensor in graph.initializer}
        values = (*graph.value_info, *graph.input, *graph.output)
        self._floats = {
            value.name for value in values if value.type.tensor_type.elem_type == TensorProto.FLOAT
        } | {tensor.name for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT}
        self._made_in: dict[str, int] = {}
        self._cast: dict[tuple[str, int], str] = {}

    def nodes(self) -> list[onnx.NodeProto]:
        result: list[onnx.NodeProto] = []
        for index, node in enumerate(self._graph.node):
            kind = TensorProto.FLOAT if index in self._kept else TensorProto.FLOAT16
            result += self._converted(node, kind)
        return result

    def _converted(self, node: onnx.NodeProto, kind: int) -> list[onnx.NodeProto]:
        """The node in this precision, after the casts it needs."""
        casts: list[onnx.NodeProto] = []
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        parameters = _PARAMETERS.get(node.op_type, ())
        for place, name in enumerate(node.input):
            wanted = TensorProto.FLOAT if place in parameters else kind
            copy.input[place] = self._input(name, wanted, casts.append)
        if node.op_type == "Cast":
            for attribute in copy.attribute:
                if attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                    attribute.i = kind
        self._made_in.update(dict.fromkeys(set(node.output) & self._floats, kind))
        return [*casts, copy]

    def _input(self, name: str, kind: int, add: Callable[[onnx.NodeProto], None]) -> str:
        if name in self._given:
            return self._constant(name, kind)
        if name not in self._floats or self._made_in.get(name, kind) == kind:
            return name
        if (name, kind) not in self._cast:
            new = f"{name}_{'half' if kind == TensorProto.FLOAT16 else 'full'}"
            self._cast[name, kind] = new
            add(helper.make_node("Cast", [name], [new], name=f"cast_{new}", to=kind))
        return self._cast[name, kind]

    def _constant(self, name: str, kind: int) -> str:
        tensor = self._given[name]
        if name not in self._floats or kind == TensorProto.FLOAT:
            self.constants[name] = tensor
            return name
        new = f"{name}_half"
        if new not in self.constants:
            halved = numpy_helper.to_array(tensor).astype(np.float16)
            self.constants[new] = numpy_helper.from_array(halved, new)
        return new
