"""A segmentation network of four convolutions, small enough to be quantised in no time."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE = 16
STEM, DEPTHWISE, PROJECT, HEAD = ("net.stem", "net.depthwise", "net.project", "net.head")
LABELS = (STEM, DEPTHWISE, PROJECT, HEAD)


def write_network(path, *, batch=1, loud=False, half=False):
    """Write the network in fp32. loud: what PROJECT reads needs more than 8 bits."""
    onnx.save(network(batch=batch, loud=loud, half=half), path)
    return path


def network(*, batch=1, loud=False, half=False):
    kind = np.float16 if half else np.float32
    constants = {name: value.astype(kind) for name, value in _constants(loud).items()}
    nodes = [
        helper.make_node("Cast", ["image"], ["real"], to=helper.np_dtype_to_tensor_dtype(np.dtype(kind))),
        helper.make_node("Transpose", ["real"], ["moved"], perm=[0, 3, 1, 2]),
        helper.make_node("Mul", ["moved", "scale"], ["scaled"]),
        _conv(STEM, "scaled", "stem", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["stem"], ["low"]),
        _conv(DEPTHWISE, "low", "deep", pads=[1, 1, 1, 1], group=8),
        helper.make_node("Relu", ["deep"], ["deeper"]),
        _conv(PROJECT, "deeper", "projected"),
        helper.make_node("Add", ["projected", "low"], ["sum"]),
        _conv(HEAD, "sum", "logits"),
        helper.make_node("Sigmoid", ["logits"], ["maps"]),
        helper.make_node("Squeeze", ["maps", "first"], ["answer"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, (batch, SIZE, SIZE, 3))],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT16 if half else 1, (batch, SIZE, SIZE))],
        [numpy_helper.from_array(value, name) for name, value in constants.items()]
        + [numpy_helper.from_array(np.array([1]), "first")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def images(count=3, *, size=SIZE):
    """Smooth random pictures."""
    rng = np.random.default_rng(5)
    coarse = rng.integers(0, 256, (count, size // 4, size // 4, 3), dtype=np.uint8)
    return list(coarse.repeat(4, axis=1).repeat(4, axis=2))


def _conv(label, source, target, **attributes):
    return helper.make_node("Conv", [source, f"{label}.weight", f"{label}.bias"], [target], **attributes)


def _constants(loud):
    rng = np.random.default_rng(7)
    shapes = {STEM: (8, 3, 3, 3), DEPTHWISE: (8, 1, 3, 3), PROJECT: (8, 8, 1, 1), HEAD: (1, 8, 1, 1)}
    constants = {"scale": np.array(1 / 255)}
    for label, shape in shapes.items():
        constants[f"{label}.weight"] = rng.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape)
        constants[f"{label}.bias"] = rng.normal(0, 0.1, shape[0])
    constants[f"{HEAD}.weight"] *= 4
    if loud:  # one channel is large and counts for little, so that the steps of the tensor drown the others
        factor = np.ones(8)
        factor[7] = 2000
        constants[f"{DEPTHWISE}.weight"] = (
            np.abs(constants[f"{DEPTHWISE}.weight"]) * factor[:, None, None, None]
        )
        constants[f"{PROJECT}.weight"] *= 3 / factor[None, :, None, None]
    return constants
