"""GridSample as gathers of whole rows of channels: the same numbers, in a fraction of OpenVINO's time for it.

OpenVINO samples channel by channel, one float at a time, and reorders the features before and after. Where
features lie channels last, as its convolutions leave them, each sample is a weighted sum of four rows.
"""

from collections.abc import Iterator

import numpy as np
import openvino
from openvino import opset13 as opset

_CHANNELS_LAST, _CHANNELS_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)


def sample_by_rows(graph: "openvino.Model") -> int:
    """Rewrite the samplings of a graph in place; returns how many.

    Only bilinear ones with zeros outside, of one picture whose sides are fixed and at least 2. For fp32
    alone: places are numbers of rows, which need all bits of a float.
    """
    found = [node for node in graph.get_ordered_ops() if _fits(node)]
    for node in found:
        result = _by_rows(node.input_value(0), node.input_value(1), name=node.get_friendly_name())
        for taker in node.output(0).get_target_inputs():
            taker.replace_source_output(result.output(0))
    return len(found)


def _fits(node: "openvino.Node") -> bool:
    if node.get_type_name() != "GridSample":
        return False
    options = node.get_attributes()
    features, grid = node.input_value(0), node.input_value(1)
    shapes = features.get_partial_shape(), grid.get_partial_shape()
    return (
        (options["mode"], options["padding_mode"], options["align_corners"]) == ("bilinear", "zeros", False)
        and all(shape.is_static for shape in shapes)
        and features.get_shape()[0] == 1
        and min(features.get_shape()[2:]) > 1
        and all(port.get_element_type() == openvino.Type.f32 for port in (features, grid))
    )


def _by_rows(features: "openvino.Output", grid: "openvino.Output", *, name: str) -> "openvino.Node":
    """The samples, channels first; name: what gathers, sum and result are known by among the layers."""
    _, channels, height, width = features.get_shape()
    _, rows, columns, _ = grid.get_shape()
    last = opset.transpose(features, _ints(_CHANNELS_LAST))
    table = opset.reshape(last, _ints((height * width, channels)), False)
    x, y = _places(grid, rows * columns)
    left, weights_x = _between(x, width)
    top, weights_y = _between(y, height)
    first = opset.convert(opset.add(opset.multiply(top, _float(width)), left), "i32")
    terms: list[openvino.Node] = []
    for down, weight_y in enumerate(weights_y):
        for right, weight_x in enumerate(weights_x):
            place = opset.add(first, opset.constant(down * width + right, np.int32))
            gathered = opset.gather(table, place, _ints(0), name=f"{name}/rows{len(terms)}")
            weight = opset.unsqueeze(opset.multiply(weight_y, weight_x), _ints((1,)))
            terms.append(opset.multiply(gathered, weight))
    total = opset.add(opset.add(*terms[:2]), opset.add(*terms[2:]), name=f"{name}/sum")
    shaped = opset.reshape(total, _ints((1, rows, columns, channels)), False)
    return opset.transpose(shaped, _ints(_CHANNELS_FIRST), name=name)


def _places(grid: "openvino.Output", count: int) -> Iterator["openvino.Node"]:
    """Columns and rows of all samples, -1 to 1, (count,) each; before they were joined, if that is known."""
    joined = grid.get_node()
    parts = list(joined.input_values()) if joined.get_type_name() == "Concat" else []
    if [str(part.get_partial_shape()[-1]) for part in parts] == ["1", "1"]:
        return (opset.reshape(part, _ints((count,)), False) for part in parts)
    flat = opset.reshape(grid, _ints((count, 2)), False)
    return (opset.gather(flat, _ints(axis), _ints(1)) for axis in (0, 1))


def _between(place: "openvino.Node", size: int) -> tuple["openvino.Node", tuple["openvino.Node", ...]]:
    """The nearer-to-zero of two neighbours, both of them inside, and the weights of both.

    A neighbour weighs what its distance lacks to 1: nothing, if it had to be moved inside from elsewhere.
    Written without absolute values: OpenVINO's compiler loses them where a grid is constant.
    """
    one, zero, two = _float(1), _float(0), _float(2)
    pixel = opset.add(opset.multiply(place, _float(size / 2)), _float((size - 1) / 2))
    neighbour = opset.clamp(opset.floor(pixel), 0.0, size - 2.0)
    distance = opset.subtract(pixel, neighbour)
    nearer = opset.minimum(opset.subtract(one, distance), opset.add(one, distance))
    farther = opset.minimum(distance, opset.subtract(two, distance))
    weights = [opset.maximum(weight, zero) for weight in (nearer, farther)]
    return neighbour, tuple(weights)


def _float(value: float) -> "openvino.Node":
    return opset.constant(value, np.float32)


def _ints(values: int | tuple[int, ...]) -> "openvino.Node":
    return opset.constant(np.array(values, np.int64))
