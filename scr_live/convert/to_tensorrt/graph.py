"""An ONNX file as TensorRT takes it: one picture at once, and uint8 only on its way into a Cast."""

from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper

from scr_live.convert.semantic_warp.plugin import NAMESPACE
from scr_live.errors import ModelError


def prepared(path: Path) -> onnx.ModelProto:
    """Read the file and adapt it. ModelError: it is no ONNX file, or its size is open."""
    model = _read(path)
    for value in model.graph.input:
        _fix_shape(value, path)
    _cast_uint8_inputs(model.graph)
    return model


def form_of(model: onnx.ModelProto) -> str:
    """`plugin` if the warps are nodes of our own, else `native`."""
    return "plugin" if any(node.domain == NAMESPACE for node in model.graph.node) else "native"


def _read(path: Path) -> onnx.ModelProto:
    try:
        model = onnx.load(path)
    except FileNotFoundError as error:
        raise ModelError(f"{path} does not exist; expected an ONNX file.") from error
    except (OSError, DecodeError, ValueError) as error:
        raise ModelError(
            f"{path} cannot be read: {str(error).strip().rstrip('.')}. Expected a valid ONNX file; export it "
            "again, or restore the shipped one."
        ) from error
    if not model.graph.node or not model.graph.output:  # an empty file is a graph of nothing
        raise ModelError(f"{path} holds no network. Expected a valid ONNX file; export it again.")
    return model


def _fix_shape(value: onnx.ValueInfoProto, path: Path) -> None:
    """Make an open batch one; TensorRT then optimises for that alone."""
    sides = value.type.tensor_type.shape.dim
    for index, side in enumerate(sides):
        if side.WhichOneof("value") == "dim_value" and side.dim_value > 0:
            continue
        if index:
            raise ModelError(
                f"Input {value.name} of {path} leaves side {index} open; an engine is built for one size. "
                "Export it with a fixed size."
            )
        side.Clear()
        side.dim_value = 1


def _cast_uint8_inputs(graph: onnx.GraphProto) -> None:
    """Put a Cast to float behind each uint8 input: TensorRT knows uint8 nowhere else.

    What only moves data, such as a Transpose, then does so in float, exactly, until the graph's own Cast.
    """
    for value in graph.input:
        if value.type.tensor_type.elem_type != TensorProto.UINT8:
            continue
        real = f"{value.name}_as_float"
        readers = [node for node in graph.node if value.name in node.input and node.op_type != "Cast"]
        for node in readers:
            for place, name in enumerate(node.input):
                if name == value.name:
                    node.input[place] = real
        if readers:
            cast = helper.make_node("Cast", [value.name], [real], name=real, to=TensorProto.FLOAT)
            graph.node.insert(0, cast)
    inner = [known for known in graph.value_info if known.type.tensor_type.elem_type != TensorProto.UINT8]
    del graph.value_info[:]
    graph.value_info.extend(inner)
