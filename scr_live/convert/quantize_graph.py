"""int8 in a graph: what can be quantised, and the graph with these convolutions in int8."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from onnx import TensorProto

from scr_live.errors import EngineUnavailableError, ModelError, ModelNotFoundError

Range = tuple[np.float32, np.float32]
"""Lowest and highest value that a tensor's 256 steps cover."""

NO_ONNXRUNTIME: Final = 'int8 is made with ONNX Runtime. Install it with `pip install "scr-live[export]"`.'


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution that can be quantised."""

    node: str
    """Its name in the graph."""
    label: str
    """That of its weights, by which people know it."""
    activation: str
    """The tensor it reads."""


@dataclass(frozen=True, slots=True)
class FloatModel:
    """A network in fp32 with shapes inferred and every node named."""

    model: onnx.ModelProto
    input_name: str
    batch: int
    """Pictures at once; 1 where it is open."""
    size: int
    layers: tuple[Layer, ...]
    """In the order of computation."""


def read_float_model(path: Path) -> FloatModel:
    """Read an export of fp32 in native form.

    ModelNotFoundError: there is no file. ModelError: it is something else.
    """
    model = _read(path)
    _check_form(model, path)
    name, batch, size = _input_of(model, path)
    for index, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type}_{index}"
    layers = tuple(_layers(model.graph))
    if not layers:
        raise ModelError(f"{path} has no convolution with weights of its own: nothing in it to quantise.")
    return FloatModel(model, name, batch, size, layers)


def quantized(source: FloatModel, nodes: Collection[str], ranges: Mapping[str, Range]) -> onnx.ModelProto:
    """The graph with these convolutions in int8, as QuantizeLinear and DequantizeLinear around them (QDQ).

    Weights: int8 from -64 to 64, symmetric, one step a channel: so that no processor overflows, also where
    two products are added up in 16 bits (x86 without VNNI). Activations: uint8, one step a tensor; biases:
    float. A tensor is rounded once for all who read it, except for convolutions left in float: these read it
    unrounded. ranges: of the activations of these nodes at least.
    """
    try:
        from onnxruntime.quantization import (  # noqa: PLC0415 - an extra
            CalibrationMethod,
            QDQQuantizer,
            QuantType,
            TensorsData,
        )
    except ImportError as missing:
        raise EngineUnavailableError(NO_ONNXRUNTIME) from missing
    copy = onnx.ModelProto()
    copy.CopyFrom(source.model)
    quantizer = QDQQuantizer(
        copy,
        True,  # a step a channel
        True,  # 7 bits of the weights: 2 x 255 x 64 fits into the 16 bits of a processor without VNNI
        QuantType.QInt8,
        QuantType.QUInt8,
        TensorsData(CalibrationMethod.MinMax, dict(ranges)),
        [layer.node for layer in source.layers if layer.node in nodes],
        [],
        ["Conv"],
        # What a convolution answers is rounded where the next one reads it, behind its activation: no sooner.
        {"OpTypesToExcludeOutputQuantization": ["Conv"], "QuantizeBias": False},
    )
    quantizer.quantize_model()
    quantizer.model.topological_sort()
    result: onnx.ModelProto = quantizer.model.model
    _read_unrounded(result.graph, source, kept={layer.node for layer in source.layers} - set(nodes))
    del result.graph.value_info[:]
    return result


def _read(path: Path) -> onnx.ModelProto:
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
        return onnx.shape_inference.infer_shapes(model, strict_mode=True)
    except FileNotFoundError as error:
        raise ModelNotFoundError(f"There is no file {path} to quantise. Export fp32 first.") from error
    except Exception as error:  # those of protobuf and onnx share no public base
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelError(
            f"{path} cannot be quantised: expected a valid ONNX file in native form, found: {reason[0]}"
        ) from error


def _check_form(model: onnx.ModelProto, path: Path) -> None:
    if strange := sorted({node.domain for node in model.graph.node} - {"", "ai.onnx"}):
        raise ModelError(
            f"{path} has nodes of {strange[0]}, which cannot be computed here. Quantise the native form; the "
            "plugin form is made from what comes out."
        )
    if any(node.op_type in ("QuantizeLinear", "DequantizeLinear") for node in model.graph.node):
        raise ModelError(f"{path} is quantised already. Quantise the fp32 file.")
    kinds = {tensor.data_type for tensor in model.graph.initializer}
    if halves := kinds & {TensorProto.FLOAT16, TensorProto.BFLOAT16}:
        name = TensorProto.DataType.Name(min(halves)).lower()
        raise ModelError(
            f"{path} must be in fp32 to be quantised; it has weights of {name}. Use the fp32 file."
        )


def _input_of(model: onnx.ModelProto, path: Path) -> tuple[str, int, int]:
    """Name, pictures at once and side of the one input, (b, s, s, 3) uint8."""
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    shapes = [[side.dim_value for side in value.type.tensor_type.shape.dim] for value in inputs]
    kinds = [value.type.tensor_type.elem_type for value in inputs]
    match shapes:
        case [[batch, height, width, 3]] if height == width > 0 and kinds == [TensorProto.UINT8]:
            return inputs[0].name, batch or 1, height
        case _:
            found = ", ".join(
                f"{value.name} {shape} {TensorProto.DataType.Name(kind).lower()}"
                for value, shape, kind in zip(inputs, shapes, kinds, strict=True)
            )
            raise ModelError(
                f"{path} must have one input (batch, size, size, 3) of uint8, as `scr-live export` makes it; "
                f"found {found or 'none'}."
            )


def _layers(graph: onnx.GraphProto) -> Iterator[Layer]:
    weights = {tensor.name for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Conv" and node.input[1] in weights:
            yield Layer(node.name, node.input[1].removesuffix(".weight"), node.input[0])


def _read_unrounded(graph: onnx.GraphProto, source: FloatModel, *, kept: set[str]) -> None:
    """Give these nodes their inputs back, and weights that the quantiser took away as those of another."""
    inputs = {node.name: list(node.input) for node in source.model.graph.node if node.name in kept}
    for node in graph.node:
        if node.name in kept:
            node.input[:] = inputs[node.name]
    missing = {name for names in inputs.values() for name in names}
    missing -= {tensor.name for tensor in graph.initializer}
    graph.initializer.extend(tensor for tensor in source.model.graph.initializer if tensor.name in missing)
