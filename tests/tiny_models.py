"""ONNX files of a few hundred bytes whose answer is a weighted mean of the colours, for every card."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from scr_live.card import ModelCard, file_sha256
from scr_live.manifest import Artifact, Manifest, write_manifest

WEIGHTS = np.array([0.5, 0.3, 0.2], np.float32)
"""Of the first, second and third channel as the model gets them: a swapped colour order shows."""

SIZE = 16


def write_model(folder: Path, *, name: str = "tiny", fill: float | None = None, **options: object) -> Path:
    """Write NAME.onnx and NAME.json; `options` are those of ModelCard. `fill`: answer this everywhere."""
    card = ModelCard(name=name, input_size=SIZE, **options)
    path = folder / f"{name}.onnx"
    onnx.save(_graph(card, fill), path)
    write_card(path, {**card.as_dict(), "sha256": file_sha256(path)})
    return path


def write_export(
    folder: Path,
    *,
    name: str = "tiny",
    precisions: tuple[str, ...] = ("fp32", "fp16", "int8"),
    int8_loss: float | None = None,
    int8_limit: int = 64,
) -> Path:
    """Write a tiny export: NAME.onnx, its variants, card.json and manifest.json. Returns NAME.onnx.

    int8_loss: the loss of Dice that the manifest states of int8. int8_limit: the largest of its weights.
    """
    card = ModelCard(name=name, input_size=SIZE)
    graphs = {
        "fp32": lambda: _graph(card, None),
        "fp16": _half_graph,
        "int8": lambda: _quantized_graph(int8_limit),
    }
    artifacts = []
    for precision in precisions:
        path = folder / (f"{name}.onnx" if precision == "fp32" else f"{name}-{precision}.onnx")
        onnx.save(graphs[precision](), path)
        digest, size = file_sha256(path), path.stat().st_size
        artifact = Artifact(path.name, "onnx", "native", precision, digest, size, SIZE, opset=17)
        if precision == "int8" and int8_loss is not None:
            artifact = replace(
                artifact, parity={"openvino int8": {"dice": 0.9 - int8_loss, "reference_dice": 0.9}}
            )
        artifacts.append(artifact)
    path = folder / f"{name}.onnx"
    values = {**card.as_dict(), "sha256": file_sha256(path)}
    (folder / "card.json").write_text(json.dumps(values), encoding="utf-8")
    write_manifest(folder, Manifest(name, "0" * 64, {"scr-live": "test"}, tuple(artifacts)))
    return path


def write_card(model: Path, values: dict[str, object]) -> Path:
    """Write the card beside the model, whatever it says."""
    path = model.with_suffix(".json")
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


def expected(image: NDArray[np.uint8], card: ModelCard) -> NDArray[np.float64]:
    """What a tiny model of this card answers, by plain numpy in float64."""
    pixels = image.astype(np.float64)
    if card.color == "BGR":
        pixels = np.stack([pixels[..., 2], pixels[..., 1], pixels[..., 0]], axis=-1)
    if card.dtype == "float32":
        pixels = (pixels - card.mean) / card.std
    value = pixels @ WEIGHTS.astype(np.float64) * _gain(card)[0] + _gain(card)[1]
    return value if card.output == "probability" else 1 / (1 + np.exp(-value))


def _gain(card: ModelCard) -> tuple[float, float]:
    """Factor and offset that bring 0..255, or what mean and std make of it, well into what is answered."""
    low = [(0 - mean) / std for mean, std in zip(card.mean, card.std, strict=True)]
    high = [(255 - mean) / std for mean, std in zip(card.mean, card.std, strict=True)]
    low, high = (min(low), max(high)) if card.dtype == "float32" else (0.0, 255.0)
    bottom, top = (0.0, 1.0) if card.output == "probability" else (-4.0, 4.0)
    factor = (top - bottom) / (high - low)
    return factor, bottom - factor * low


def _graph(card: ModelCard, fill: float | None) -> onnx.ModelProto:
    size = card.input_size
    nchw = card.layout == "NCHW"
    kind = TensorProto.UINT8 if card.dtype == "uint8" else TensorProto.FLOAT
    factor, offset = _gain(card) if fill is None else (0.0, fill)
    planes = max(2, card.output_channel + 1) if card.output == "class_logits" else 1
    weights, bias = np.zeros((3, planes), np.float32), np.zeros(planes, np.float32)
    weights[:, card.output_channel], bias[card.output_channel] = WEIGHTS * factor, offset
    for other in range(planes):
        if other not in (card.output_channel, 1 - min(card.output_channel, 1)):
            bias[other] = -1000.0  # a class that is never meant
    nodes = [
        helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["real"], ["pixels"], perm=[0, 2, 3, 1] if nchw else [0, 1, 2, 3]),
        helper.make_node("MatMul", ["pixels", "weights"], ["mixed"]),
        helper.make_node("Add", ["mixed", "bias"], ["biased"]),
        helper.make_node("Transpose", ["biased"], ["answer"], perm=[0, 3, 1, 2]),
    ]
    graph = helper.make_graph(
        nodes,
        card.name,
        [helper.make_tensor_value_info("image", kind, [1, 3, size, size] if nchw else [1, size, size, 3])],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, [1, planes, size, size])],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(bias, "bias")],
    )
    # The lowest versions that have what is needed: older runtimes refuse what is newer than they are.
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _half_graph() -> onnx.ModelProto:
    """The default card's model with its arithmetic in half."""
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT16),
        helper.make_node("MatMul", ["pixels", "weights"], ["mixed"]),
        helper.make_node("Transpose", ["mixed"], ["moved"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["moved"], ["answer"], to=TensorProto.FLOAT),
    ]
    return _square(nodes, {"weights": (WEIGHTS[:, None] / 255).astype(np.float16)})


def _quantized_graph(limit: int) -> onnx.ModelProto:
    """The default card's model as a quantised convolution, QuantizeLinear and DequantizeLinear around it."""
    steps = {"k": np.float32(1 / 255), "in_step": np.float32(1 / 255), "in_zero": np.uint8(0)}
    step = WEIGHTS.max() / limit
    whole = np.round(WEIGHTS / step).astype(np.int8).reshape(1, 3, 1, 1)
    weights = {"bytes": whole, "step": np.float32(step), "zero": np.int8(0)}
    nodes = [
        helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["real"], ["pixels"], perm=[0, 3, 1, 2]),
        helper.make_node("Mul", ["pixels", "k"], ["unit"]),
        helper.make_node("QuantizeLinear", ["unit", "in_step", "in_zero"], ["coarse"]),
        helper.make_node("DequantizeLinear", ["coarse", "in_step", "in_zero"], ["pixels_again"]),
        helper.make_node("DequantizeLinear", ["bytes", "step", "zero"], ["weights"]),
        helper.make_node("Conv", ["pixels_again", "weights"], ["answer"], kernel_shape=[1, 1]),
    ]
    return _square(nodes, {**steps, **weights})


def _square(nodes: list[onnx.NodeProto], constants: dict[str, NDArray[np.generic]]) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, SIZE, SIZE, 3])],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, [1, 1, SIZE, SIZE])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
