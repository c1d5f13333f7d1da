"""Both forms of a graph: of small ones made here, and of the files that are shipped."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="needs onnx, of the extra `dev`")
pytest.importorskip("onnxruntime", reason="needs ONNX Runtime, of the extra `dev`")

import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from scr_live.convert.half import to_half
from scr_live.convert.semantic_warp.onnx_form import (
    run_plugin_form,
    to_native_form,
    to_plugin_form,
    warp_nodes,
)
from scr_live.convert.semantic_warp.reference import semantic_warp
from scr_live.errors import ModelError

EXPORT = Path(__file__).parents[2] / "export"
SHIPPED = {"scr-net-lite0": 3, "scr-net-plain": 4}
"""Models of the package, and how many SCMs each has."""


def small_graph(*, flow_scale=1.0, sampling=("bilinear", "zeros"), twice=False, half_pixel=0.5, batch=1):
    """image -> up, low, flow by convolutions -> low + warp; written as no exporter would."""
    rng = np.random.default_rng(0)
    height, width = 6, 10
    mode, padding = sampling
    constants = {
        "up_weight": rng.normal(size=(4, 3, 1, 1)),
        "low_weight": rng.normal(size=(4, 3, 1, 1)),
        "flow_weight": rng.normal(size=(2, 3, 1, 1)),
        "x": np.arange(width) + half_pixel,
        "y": (np.arange(height) + 0.5)[:, None],
        "x_size": width / (2 * flow_scale),
        "y_size": height / 2.0,
        "one": 1.0,
    }
    initializers = [numpy_helper.from_array(np.float32(value), name) for name, value in constants.items()]
    initializers.append(numpy_helper.from_array(np.array([1, 1]), "halves"))
    nodes = [
        helper.make_node("Conv", ["image", "up_weight"], ["up"]),
        helper.make_node("Conv", ["image", "low_weight"], ["low"]),
        helper.make_node("Conv", ["image", "flow_weight"], ["flow"]),
        helper.make_node("Split", ["flow", "halves"], ["dx", "dy"], axis=1),
        *(
            node
            for axis in "xy"
            for node in (
                helper.make_node("Add", [f"d{axis}", axis], [f"{axis}_moved"]),
                helper.make_node("Div", [f"{axis}_moved", f"{axis}_size"], [f"{axis}_scaled"]),
                helper.make_node("Sub", [f"{axis}_scaled", "one"], [f"{axis}_grid"]),
            )
        ),
        helper.make_node("Concat", ["x_grid", "y_grid"], ["planes"], axis=1),
        helper.make_node("Transpose", ["planes"], ["grid"], perm=[0, 2, 3, 1]),
        helper.make_node(
            "GridSample", ["up", "grid"], ["sampled"], name="warp", mode=mode, padding_mode=padding
        ),
        helper.make_node("Add", ["sampled", "low"], ["sum"]),
        helper.make_node("Mul", ["sum", "sampled"] if twice else ["sum", "one"], ["answer"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, 3, height, width])
    answer = helper.make_tensor_value_info("answer", TensorProto.FLOAT, [batch, 4, height, width])
    graph = helper.make_graph(nodes, "small", [image], [answer], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def small_picture(batch=1):
    return np.random.default_rng(1).normal(size=(batch, 3, 6, 10)).astype(np.float32)


def run(model, image):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, {session.get_inputs()[0].name: image})[0]


@pytest.fixture(scope="module", params=SHIPPED)
def shipped(request):
    return onnx.load(EXPORT / request.param / f"{request.param}.onnx"), SHIPPED[request.param]


def picture_for(model):
    """Discs of several colours on a bright ground: the network answers more than one number."""
    size = model.graph.input[0].type.tensor_type.shape.dim[1].dim_value
    y, x = np.mgrid[:size, :size] / size
    image = np.stack([180 - 60 * x, 90 - 30 * y, 70 + 20 * x], axis=-1)
    for row, column, radius in ((0.3, 0.4, 0.15), (0.7, 0.6, 0.2)):
        disc = np.hypot(y - row, x - column) < radius
        image[disc] += [50, 40, 30]
    noise = np.random.default_rng(0).normal(size=image.shape) * 4
    return np.clip(image + noise, 0, 255).astype(np.uint8)[None]


def test_shipped_graphs_have_a_node_for_each_scm(shipped):
    model, warps = shipped
    plugin = to_plugin_form(model)
    nodes = warp_nodes(plugin)
    assert len(nodes) == warps
    for node in nodes:
        attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        assert attributes == {"plugin_namespace": b"scr", "plugin_version": b"1", "aot": 1}
    assert {one.domain: one.version for one in plugin.opset_import} == {"": 18, "scr": 1}
    left = {node.op_type for node in plugin.graph.node}
    assert left.isdisjoint({"GridSample", "Unsqueeze"})  # nor anything of the grid
    assert "GridSample" in {node.op_type for node in model.graph.node}  # what was handed in is as it was


def test_the_plugin_form_of_shipped_graphs_computes_the_same(shipped):
    model, _ = shipped
    image = picture_for(model)
    native = run(model, image)
    assert native.max() - native.min() > 1e-3
    assert np.abs(run_plugin_form(to_plugin_form(model), image) - native).max() < 1e-5


def test_written_out_again_shipped_graphs_compute_the_same_bits(shipped):
    model, warps = shipped
    image = picture_for(model)
    again = to_native_form(to_plugin_form(model))
    assert run(again, image).tobytes() == run(model, image).tobytes()
    assert len(warp_nodes(to_plugin_form(again))) == warps
    assert [one.domain for one in again.opset_import] == [""]


def test_in_half_precision_the_casts_around_the_warp_vanish(shipped):
    native = to_half(shipped[0]).model
    plugin = to_plugin_form(native)
    types = {value.name: value.type.tensor_type.elem_type for value in plugin.graph.value_info}
    for node in warp_nodes(plugin):
        assert {types[name] for name in (*node.input, *node.output)} == {TensorProto.FLOAT16}
    casts = [sum(node.op_type == "Cast" for node in one.graph.node) for one in (native, plugin)]
    assert casts[1] <= casts[0] - 3 * len(warp_nodes(plugin))  # of up, of the flow, of what was sampled
    image = picture_for(native)
    assert np.abs(run_plugin_form(plugin, image) - run(native, image)).max() < 5e-3
    assert run(to_native_form(plugin), image).tobytes() == run(native, image).tobytes()


def test_the_same_graph_gives_the_same_bytes(shipped):
    first, second = (to_plugin_form(shipped[0]).SerializeToString(deterministic=True) for _ in range(2))
    assert first == second


def test_a_grid_that_another_exporter_wrote_is_known_by_its_numbers():
    model = small_graph()
    plugin = to_plugin_form(model)
    assert [node.op_type for node in plugin.graph.node] == ["Conv", "Conv", "Conv", "SemanticWarp", "Mul"]
    assert {tensor.name for tensor in plugin.graph.initializer} == {
        *("up_weight", "low_weight", "flow_weight", "one"),
    }
    picture = small_picture()
    assert np.abs(run_plugin_form(plugin, picture) - run(model, picture)).max() < 1e-5
    assert np.abs(run(to_native_form(plugin), picture) - run(model, picture)).max() < 1e-5


@pytest.mark.parametrize("batch", [3, "batch"])
def test_any_batch_is_taken(batch):
    model = small_graph(batch=batch)
    picture = small_picture(batch=3)
    plugin = to_plugin_form(model)
    assert np.abs(run_plugin_form(plugin, picture) - run(model, picture)).max() < 1e-5
    assert np.abs(run(to_native_form(plugin), picture) - run(model, picture)).max() < 1e-5


def test_a_flow_in_full_precision_is_cast_for_features_in_half():
    model = small_graph()
    for place, name in ((3, "up"), (4, "low")):
        model.graph.node.insert(
            place, helper.make_node("Cast", [name], [f"{name}_half"], to=TensorProto.FLOAT16)
        )
    sample = next(node for node in model.graph.node if node.op_type == "GridSample")
    add = next(node for node in model.graph.node if node.output[0] == "sum")
    index = list(model.graph.node).index(sample)
    model.graph.node.insert(index, helper.make_node("Cast", ["up_half"], ["up_full"], to=TensorProto.FLOAT))
    sample.input[0] = "up_full"
    model.graph.node.insert(
        index + 2, helper.make_node("Cast", ["sampled"], ["sampled_half"], to=TensorProto.FLOAT16)
    )
    add.input[0], add.input[1], add.output[0] = "sampled_half", "low_half", "sum_half"
    model.graph.node.insert(index + 4, helper.make_node("Cast", ["sum_half"], ["sum"], to=TensorProto.FLOAT))
    plugin = to_plugin_form(model)
    (node,) = warp_nodes(plugin)
    assert list(node.input) == ["up_half", "low_half", "sum_half_flow"]
    picture = small_picture()
    assert np.abs(run_plugin_form(plugin, picture) - run(model, picture)).max() < 0.05


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"sampling": ("nearest", "zeros")}, "it samples by .*nearest"),
        ({"sampling": ("bilinear", "border")}, "it samples by .*border"),
        ({"twice": True}, "expected one addition after it, found another use"),
        ({"half_pixel": 0.0}, "its grid is not"),  # align_corners=True, say
        ({"flow_scale": 1.01}, "its grid is not"),
    ],
    ids=str,
)
def test_a_sampling_that_is_not_the_warp_is_refused(options, reason):
    with pytest.raises(ModelError, match=f"warp is not the warp of an SCM: {reason}"):
        to_plugin_form(small_graph(**options))


def test_a_grid_from_anywhere_else_is_refused():
    model = small_graph()
    split = next(node for node in model.graph.node if node.op_type == "Split")
    model.graph.input.append(helper.make_tensor_value_info("elsewhere", TensorProto.FLOAT, [1, 1, 6, 10]))
    next(node for node in model.graph.node if node.output[0] == "x_moved").input[0] = "elsewhere"
    assert split.output[0] == "dx"
    with pytest.raises(ModelError, match="its grid is not"):
        to_plugin_form(model)


def test_a_graph_without_a_warp_has_no_plugin_form():
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1])
    answer = helper.make_tensor_value_info("answer", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Relu", ["image"], ["answer"])], "none", [image], [answer])
    with pytest.raises(ModelError, match="found 0, of which 0 are a warp"):
        to_plugin_form(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]))


def test_a_node_of_unknown_size_cannot_be_written_out():
    plugin = to_plugin_form(small_graph())
    del plugin.graph.value_info[:]
    for node in plugin.graph.node:
        if node.op_type == "Conv":
            node.op_type, node.domain = "Unknown", "elsewhere"
    plugin.opset_import.append(helper.make_opsetid("elsewhere", 1))
    with pytest.raises(ModelError, match="needs the type, height and width of sum"):
        to_native_form(plugin)


def test_the_node_alone_is_the_reference():
    shape = [2, 3, 5, 7]
    values = [("up", shape), ("low", shape), ("flow", [2, 2, 5, 7])]
    constants = {
        name: np.random.default_rng(len(name)).normal(size=size).astype(np.float32) for name, size in values
    }
    given = [helper.make_tensor_value_info("up", TensorProto.FLOAT, shape)]
    answer = helper.make_tensor_value_info("answer", TensorProto.FLOAT, shape)
    initializers = [numpy_helper.from_array(constants[name], name) for name in ("low", "flow")]
    node = helper.make_node("SemanticWarp", ["up", "low", "flow"], ["answer"], name="node", domain="scr")
    graph = helper.make_graph([node], "node", given, [answer], initializers)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid("scr", 1)], ir_version=10
    )
    expected = semantic_warp(**constants)
    assert np.abs(run(to_native_form(model), constants["up"]) - expected).max() < 1e-5
