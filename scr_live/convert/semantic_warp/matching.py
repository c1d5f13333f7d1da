"""Finds SCM's warps in a native graph: by their structure, and by the numbers of the grids they compute."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from scr_live.errors import ModelError


@dataclass(frozen=True, slots=True)
class Warp:
    """low + GridSample(up, grid of flow): the names of its tensors, before any cast around GridSample."""

    sample: onnx.NodeProto
    add: onnx.NodeProto
    up: str
    low: str
    flow: str
    feature_type: int
    flow_type: int


def find_warps(model: onnx.ModelProto) -> list[Warp]:
    """All warps of a graph whose value_info is complete. ModelError: a GridSample that is something else."""
    view = _View(model)
    return [_warp(view, node) for node in view.graph.node if node.op_type == "GridSample"]


class _View:
    """A graph, looked up by the names of its tensors."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.graph = graph = model.graph
        self.opsets = {one.domain: one.version for one in model.opset_import}
        self.constants = {tensor.name: tensor for tensor in graph.initializer}
        self.producers = {name: node for node in graph.node for name in node.output}
        self._outputs = {value.name for value in graph.output}
        values = (*graph.value_info, *graph.input, *graph.output)
        self._types = {value.name: value.type.tensor_type for value in values}

    def shape(self, name: str) -> list[int | str] | None:
        """Numbers, and names of what is open; None: not known."""
        found = self._types.get(name)
        if found is None or not found.HasField("shape"):
            return None
        return [each.dim_value or each.dim_param for each in found.shape.dim]

    def type(self, name: str) -> int:
        found = self._types.get(name)
        return TensorProto.UNDEFINED if found is None else found.elem_type

    def before_cast(self, name: str) -> str:
        """What a cast between floats was made of; the tensor itself if it is no such cast."""
        node = self.producers.get(name)
        floats = (TensorProto.FLOAT, TensorProto.FLOAT16)
        if node is None or node.op_type != "Cast" or self.type(node.input[0]) not in floats:
            return name
        return str(node.input[0])

    def only_use(self, name: str) -> onnx.NodeProto | None:
        """The node that takes this tensor, if one alone does and the graph does not answer it."""
        users = [node for node in self.graph.node if name in node.input]
        return users[0] if len(users) == 1 and name not in self._outputs else None


def _warp(view: _View, sample: onnx.NodeProto) -> Warp:
    options = {one.name: helper.get_attribute_value(one) for one in sample.attribute}
    mode, padding = options.get("mode", b"bilinear"), options.get("padding_mode", b"zeros")
    if mode not in (b"bilinear", b"linear") or padding != b"zeros" or options.get("align_corners", 0):
        raise _refusal(sample, f"it samples by {options}; expected bilinear, zeros outside, align_corners=0")
    sampled = sample.output[0]
    add = view.only_use(sampled)
    if add is not None and add.op_type == "Cast":
        sampled = add.output[0]
        add = view.only_use(sampled)
    if add is None or add.op_type != "Add":
        raise _refusal(
            sample, f"expected one addition after it, found {add.op_type if add else 'another use'}"
        )
    low = add.input[1] if add.input[0] == sampled else add.input[0]
    up = view.before_cast(sample.input[0]) if sampled != sample.output[0] else sample.input[0]
    types = {view.type(name) for name in (up, low, add.output[0])}
    shapes = [view.shape(name) for name in (up, low, add.output[0])]
    if len(types) != 1 or not all(_agree(shape, shapes[0]) for shape in shapes):
        raise _refusal(sample, f"up, low and the sum differ: types {types}, shapes {shapes}")
    flow = view.before_cast(_flow(view, sample))
    return Warp(sample, add, up, low, flow, types.pop(), view.type(flow))


def _flow(view: _View, sample: onnx.NodeProto) -> str:
    """The (b, 2, h, w) that the grid is computed from; the nearest that gives the right grid."""
    shape = view.shape(sample.input[0]) or []
    expected = [*shape[:1], 2, *shape[2:]]
    above = _above(view, sample.input[1], stop=None)
    flows = [name for node in reversed(above) for name in node.input if _agree(view.shape(name), expected)]
    if not flows:
        raise _refusal(sample, f"its grid is computed from no flow {expected}")
    for flow in dict.fromkeys(flows):
        if _gives_grid(view, sample.input[1], flow, between=_above(view, sample.input[1], stop=flow)):
            return flow
    raise _refusal(sample, "its grid is not (p + flow + 0.5) * 2 / size - 1, computed in float32")


def _agree(first: list[int | str] | None, second: list[int | str] | None) -> bool:
    """Whether two shapes can be the same: an extent that is open, such as the batch, can be any."""
    if first is None or second is None or len(first) != len(second):
        return False
    pairs = zip(first, second, strict=True)
    return all(a == b or isinstance(a, str) or isinstance(b, str) for a, b in pairs)


def _above(view: _View, name: str, *, stop: str | None) -> list[onnx.NodeProto]:
    """All nodes that a tensor is computed by, in their order; not those that `stop` is computed by."""
    found: set[int] = set()
    waiting = [name]
    while waiting:
        node = view.producers.get(waiting.pop())
        if node is not None and id(node) not in found:
            found.add(id(node))
            waiting += [each for each in node.input if each != stop]
    return [node for node in view.graph.node if id(node) in found]


def _gives_grid(view: _View, grid_name: str, flow: str, *, between: Sequence[onnx.NodeProto]) -> bool:
    """Run the nodes between flow and grid on numbers: whatever they look like, that grid must come out."""
    batch, _, height, width = (size if isinstance(size, int) else 0 for size in view.shape(flow) or [0] * 4)
    if not height or not width:
        return False  # an open size: the grid holds numbers for one
    made = {name for node in between for name in node.output}
    taken = sorted({name for node in between for name in node.input if name} - made - {flow})
    if not view.constants.keys() >= set(taken):
        return False  # it is computed from something else too
    kind = view.type(flow)
    numbers = 3.0 * np.random.default_rng(0).normal(size=(batch or 1, 2, height, width))
    numbers = numbers.astype(helper.tensor_dtype_to_np_dtype(kind))
    part = helper.make_graph(
        between,
        "grid",
        [helper.make_tensor_value_info(flow, kind, numbers.shape)],
        [helper.make_tensor_value_info(grid_name, view.type(grid_name), None)],
        [view.constants[name] for name in taken],
    )
    (grid,) = ReferenceEvaluator(part, opsets=view.opsets).run(None, {flow: numbers})
    exact = numbers.astype(np.float64)
    x = (np.arange(width) + exact[:, 0] + 0.5) * 2.0 / width - 1.0
    y = (np.arange(height)[:, None] + exact[:, 1] + 0.5) * 2.0 / height - 1.0
    expected = np.stack((x, y), axis=-1)
    return bool(grid.shape == expected.shape and np.abs(grid - expected).max() <= 1e-5)  # noqa: PLR2004 - float32


def _refusal(sample: onnx.NodeProto, reason: str) -> ModelError:
    return ModelError(
        f"{sample.name or sample.output[0]} is not the warp of an SCM: {reason}. Make the plugin form from a "
        "graph that `scr-live export` wrote, before other tools change it."
    )
