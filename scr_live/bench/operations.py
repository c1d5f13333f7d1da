"""What a network has to compute: multiply-adds, counted from its graph as OpenVINO reads it.

Counted are convolutions (grouped, depthwise and transposed ones too) and matrix products; what is left, such
as resizing and activations, is a few operations a value and shows as bytes moved.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import openvino

Shape = Sequence[int]


def _convolution(image: Shape, weights: Shape, answer: Shape) -> int:  # noqa: ARG001 - one signature
    return prod(answer) * prod(weights[1:])  # weights: out, in, window


def _grouped(image: Shape, weights: Shape, answer: Shape) -> int:  # noqa: ARG001
    return prod(answer) * prod(weights[2:])  # groups, out of a group, in of a group, window


def _transposed(image: Shape, weights: Shape, answer: Shape) -> int:  # noqa: ARG001
    return prod(image) * prod(weights[1:])  # in, out, window


def _transposed_grouped(image: Shape, weights: Shape, answer: Shape) -> int:  # noqa: ARG001
    return prod(image) * prod(weights[2:])  # groups, in of a group, out of a group, window


_WINDOWED: Final[dict[str, Callable[[Shape, Shape, Shape], int]]] = {
    "Convolution": _convolution,
    "GroupConvolution": _grouped,
    "ConvolutionBackpropData": _transposed,
    "GroupConvolutionBackpropData": _transposed_grouped,
}
_PRODUCT: Final = "MatMul"


def macs_by_layer(graph: "openvino.Model") -> dict[str, int]:
    """Multiply-adds of each node that has some, by its name. ValueError: a side of one is open."""
    found: dict[str, int] = {}
    for node in graph.get_ordered_ops():
        kind = str(node.get_type_name())
        if kind not in _WINDOWED and kind != _PRODUCT:
            continue
        name = str(node.get_friendly_name())
        if any(shape.is_dynamic for shape in (*_partial(node), node.get_output_partial_shape(0))):
            raise ValueError(f"layer {name} has sides that are not fixed")
        image, weights = (tuple(node.get_input_shape(index)) for index in (0, 1))
        answer = tuple(node.get_output_shape(0))
        if kind == _PRODUCT:
            is_transposed = bool(node.get_attributes()["transpose_a"])
            found[name] = prod(answer) * _inner(image, is_transposed=is_transposed)
        else:
            found[name] = _WINDOWED[kind](image, weights, answer)
    return found


def _partial(node: "openvino.Node") -> "list[openvino.PartialShape]":
    return [node.get_input_partial_shape(index) for index in range(2)]


def _inner(left: Shape, *, is_transposed: bool) -> int:
    """How long the sums of a matrix product are."""
    return left[-2] if is_transposed and len(left) > 1 else left[-1]
