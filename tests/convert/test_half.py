import numpy as np
import pytest

pytest.importorskip("onnx", reason="needs onnx, of the extra `export`")

from onnx import TensorProto, helper, numpy_helper, shape_inference

from scr_live.convert.half import LARGEST_HALF, to_half

SIZE = 8


def constant(name, *shape, value=0.1):
    return numpy_helper.from_array(np.full(shape, value, np.float32), name)


def graph_of(nodes, constants, *, output="answer", shape=(1, 4, SIZE, SIZE)):
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, (1, 3, SIZE, SIZE))],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


HEAD = [
    helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT),
    helper.make_node("Mul", ["real", "scale"], ["scaled"]),
    helper.make_node("Conv", ["scaled", "w"], ["level"], pads=[1, 1, 1, 1]),
]
TAIL = [
    helper.make_node("Conv", ["level", "v"], ["logits"]),
    helper.make_node("Sigmoid", ["logits"], ["answer"]),
]
CONSTANTS = [constant("scale", value=1 / 255), constant("w", 4, 3, 3, 3), constant("v", 4, 4, 1, 1)]


def kinds(model):
    """Element type of every tensor that is computed."""
    inferred = shape_inference.infer_shapes(model, strict_mode=True).graph
    return {
        value.name: value.type.tensor_type.elem_type for value in (*inferred.value_info, *inferred.output)
    }


def weights(model):
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def test_weights_and_activations_are_half_the_ends_are_not():
    half = to_half(graph_of([*HEAD, *TAIL], CONSTANTS))
    found = kinds(half.model)
    assert found["level"] == found["logits"] == TensorProto.FLOAT16
    assert found["real"] == found["scaled"] == found["answer"] == TensorProto.FLOAT
    assert {name: value.dtype for name, value in weights(half.model).items()} == {
        "scale": np.float32,
        "w_half": np.float16,
        "v_half": np.float16,
    }
    assert half.nodes == 5
    assert sum(half.kept.values()) == 3


def test_the_warp_gets_its_coordinates_in_full_and_gives_half_back():
    nodes = [
        *HEAD,
        helper.make_node("Conv", ["level", "o"], ["flow"]),
        helper.make_node("Transpose", ["flow"], ["turned"], perm=[0, 2, 3, 1]),
        helper.make_node("Mul", ["turned", "scale"], ["grid"]),
        helper.make_node("GridSample", ["level", "grid"], ["warped"], align_corners=0),
        helper.make_node("Add", ["level", "warped"], ["sum"]),
        helper.make_node("Conv", ["sum", "v"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["answer"]),
    ]
    half = to_half(graph_of(nodes, [*CONSTANTS, constant("o", 2, 4, 1, 1)]))
    found = kinds(half.model)
    assert found["flow"] == found["sum"] == TensorProto.FLOAT16
    assert found["turned"] == found["grid"] == found["warped"] == TensorProto.FLOAT
    casts = [node for node in half.model.graph.node if node.op_type == "Cast" and node.input[0] == "level"]
    assert len(casts) == 1  # one a tensor, however many nodes take it


def test_means_are_kept():
    nodes = [
        *HEAD,
        helper.make_node("ReduceMean", ["level", "axes"], ["mean"], keepdims=1),
        helper.make_node("Add", ["level", "mean"], ["sum"]),
        helper.make_node("Conv", ["sum", "v"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["answer"]),
    ]
    axes = numpy_helper.from_array(np.array([2, 3], np.int64), "axes")
    half = to_half(graph_of(nodes, [*CONSTANTS, axes]))
    assert kinds(half.model)["mean"] == TensorProto.FLOAT
    assert kinds(half.model)["sum"] == TensorProto.FLOAT16
    assert weights(half.model)["axes"].dtype == np.int64


def test_what_is_not_known_to_be_safe_is_kept():
    nodes = [*HEAD, helper.make_node("Exp", ["level"], ["power"]), *TAIL[:1], TAIL[1]]
    nodes[4] = helper.make_node("Conv", ["power", "v"], ["logits"])
    half = to_half(graph_of(nodes, CONSTANTS))
    assert kinds(half.model)["power"] == TensorProto.FLOAT
    assert half.kept["not known to be safe in half"] == 1


def test_weights_beyond_half_are_kept():
    constants = [*CONSTANTS[:2], constant("v", 4, 4, 1, 1, value=2 * LARGEST_HALF)]
    half = to_half(graph_of([*HEAD, *TAIL], constants))
    assert weights(half.model)["v"].dtype == np.float32
    assert kinds(half.model)["logits"] == TensorProto.FLOAT


def test_the_scales_of_a_resize_stay_as_they_are():
    nodes = [
        *HEAD,
        helper.make_node("Resize", ["level", "", "scales"], ["large"], mode="linear"),
        helper.make_node("Conv", ["large", "v"], ["logits"]),
        TAIL[1],
    ]
    scales = numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales")
    half = to_half(graph_of(nodes, [*CONSTANTS, scales], shape=(1, 4, 2 * SIZE, 2 * SIZE)))
    assert kinds(half.model)["large"] == TensorProto.FLOAT16
    assert weights(half.model)["scales"].dtype == np.float32


def test_the_original_is_left_as_it_was():
    model = graph_of([*HEAD, *TAIL], CONSTANTS)
    before = model.SerializeToString(deterministic=True)
    first, second = (to_half(model).model.SerializeToString(deterministic=True) for _ in range(2))
    assert model.SerializeToString(deterministic=True) == before
    assert first == second
