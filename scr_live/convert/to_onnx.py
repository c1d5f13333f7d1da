"""Trace SCR-Net to an ONNX graph, preprocessing and sigmoid inside."""

import logging
import warnings
from collections.abc import Mapping
from typing import Final

import onnx
import torch

import scr_live
from scr_live.errors import ModelError
from scr_live.network.scr_net import ScrNet, Segmenter

OPSET: Final = 18
"""GridSample of opset 20 gave wrong results in TensorRT; 18 is right everywhere."""

IMAGE: Final = "image"
PROBABILITY: Final = "probability"

_UPDATE = 'Update the tools with `pip install --upgrade "scr-live[export]"`.'
_DOMAINS = ("", "ai.onnx")


def trace(network: ScrNet, *, size: int, batch: int = 1) -> onnx.ModelProto:
    """The native form in fp32: (batch, size, size, 3) uint8 RGB in, (batch, size, size) probability out.

    batch: 0 leaves it open. BatchNorm is folded, constants are folded, nothing tells of the machine. The
    network is left in evaluation mode. ModelError: this version of torch cannot export it.
    """
    segmenter = Segmenter(network).eval().to(memory_format=torch.contiguous_format)
    example = torch.zeros((batch or 2, size, size, 3), dtype=torch.uint8)  # of 1 it would take 1 for granted
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter warns of its own internals
            program = torch.onnx.export(
                segmenter,
                (example,),
                input_names=[IMAGE],
                output_names=[PROBABILITY],
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
                dynamic_shapes=None if batch else ({0: torch.export.Dim("batch")},),
            )
    except RuntimeError as error:
        reason = _first_line(_first_cause(error))
        raise ModelError(f"torch {torch.__version__} cannot trace the network: {reason} {_UPDATE}") from error
    if program is None:
        raise ModelError(f"torch {torch.__version__} traced nothing. {_UPDATE}")
    program.optimize()
    model = _cleaned(program.model_proto)
    _check_folded(model)
    return model


def stamp(model: onnx.ModelProto, *, name: str, facts: Mapping[str, str]) -> bytes:
    """The bytes of the file: the graph says what it is, and nothing of when or where it was made.

    facts: goes into its metadata, beside the version of scr-live. ModelError: it is no valid graph.
    """
    check(model)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {**facts, "name": name, "scr-live": scr_live.__version__})
    model.graph.name = name
    model.producer_name, model.producer_version = "scr-live", scr_live.__version__
    model.doc_string = "SCR-Net, polyp segmentation. Research software, not a medical device."
    return model.SerializeToString(deterministic=True)


def check(model: onnx.ModelProto) -> None:
    """Raise ModelError unless this is valid ONNX; of the plugin's node ONNX knows nothing."""
    plain = all(node.domain in _DOMAINS for node in model.graph.node)
    try:
        onnx.checker.check_model(model, full_check=plain)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelError(
            f"The exported graph is no valid ONNX: {_first_line(error)} This is a mistake in scr-live or in "
            f"one of its tools. {_UPDATE}"
        ) from error


def _cleaned(model: onnx.ModelProto) -> onnx.ModelProto:
    """Drop the exporter's notes: stack traces with paths of the machine."""
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output):
        value.doc_string = ""
        del value.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.metadata_props[:]
    del model.functions[:]
    model.graph.doc_string = ""
    return model


def _check_folded(model: onnx.ModelProto) -> None:
    strange = {node.op_type for node in model.graph.node if node.domain not in _DOMAINS}
    left = {node.op_type for node in model.graph.node} & {"BatchNormalization", "Identity", "Constant"}
    if strange or left:
        raise ModelError(
            f"The exporter of torch {torch.__version__} left {', '.join(sorted(strange | left))} in the "
            f"graph, which should be folded into their neighbours. {_UPDATE}"
        )


def _first_cause(error: BaseException) -> BaseException:
    while before := error.__cause__ or error.__context__:
        error = before
    return error


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".") + "."
