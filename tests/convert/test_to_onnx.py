"""What is done to graphs of any origin; the tracing itself is tested in test_export.py."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch, of the extra `export`")
pytest.importorskip("onnx", reason="needs onnx, of the extra `export`")

import onnx
from onnx import TensorProto, helper, numpy_helper

import scr_live
from scr_live.convert.to_onnx import stamp, trace
from scr_live.convert.tools import is_symmetric
from scr_live.errors import ModelError
from scr_live.network.config import NetworkConfig
from scr_live.network.scr_net import ScrNet


def model_of(nodes, constants=()):
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("a", TensorProto.FLOAT, (2,))],
        [helper.make_tensor_value_info("d", TensorProto.FLOAT, (2,))],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


NODES = [
    helper.make_node("Relu", ["a"], ["b"]),
    helper.make_node("Relu", ["b"], ["c"]),
    helper.make_node("Add", ["a", "c"], ["d"]),
]


def test_a_stamp_says_what_the_file_is_and_is_the_same_each_time():
    content = stamp(model_of(NODES), name="tiny", facts={"form": "native"})
    assert content == stamp(model_of(NODES), name="tiny", facts={"form": "native"})
    model = onnx.load_from_string(content)
    assert (model.producer_name, model.producer_version) == ("scr-live", scr_live.__version__)
    facts = {entry.key: entry.value for entry in model.metadata_props}
    assert facts == {"name": "tiny", "form": "native", "scr-live": scr_live.__version__}


def test_what_is_no_valid_graph_is_not_written():
    with pytest.raises(ModelError, match="no valid ONNX"):
        stamp(model_of(NODES[::-1]), name="tiny", facts={})


class Failing(ScrNet):
    """Fails while it is traced."""

    def __init__(self, error):
        super().__init__(NetworkConfig(encoder="plain", width=4, scm=False, srm=False))
        self.error = error

    def forward(self, image):
        raise self.error


def test_a_network_that_cannot_be_traced_is_told_with_the_cause_of_all():
    with pytest.raises(ModelError, match=r"cannot trace the network: no such shape\. Update the tools"):
        trace(Failing(ZeroDivisionError("no such shape")), size=32)


@pytest.mark.parametrize(
    ("zero", "symmetric"),
    [(np.int8(0), True), (np.int8(3), False), (np.uint8(0), False), (np.uint8(128), False), (None, False)],
)
def test_int8_around_zero_is_told_from_other_int8(tmp_path, zero, symmetric):
    points = [] if zero is None else [numpy_helper.from_array(np.array(zero), "zero")]
    names = ["scale", *(["zero"] if points else [])]
    nodes = [
        helper.make_node("QuantizeLinear", ["a", *names], ["b"]),
        helper.make_node("DequantizeLinear", ["b", *names], ["d"]),
    ]
    scale = numpy_helper.from_array(np.array(0.1, np.float32), "scale")
    onnx.save(model_of(nodes, [scale, *points]), tmp_path / "m.onnx")
    assert is_symmetric(tmp_path / "m.onnx") is symmetric
