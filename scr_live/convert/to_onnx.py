"""Export SCR-Net to ONNX, preprocessing and sigmoid inside, and prove that it computes the same."""

import logging
import warnings
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import torch

import scr_live
from scr_live.card import ModelCard, file_sha256
from scr_live.convert.parity import Parity, Tolerance, compare
from scr_live.engines.openvino import OpenVinoEngine
from scr_live.errors import ModelError
from scr_live.files import write_json
from scr_live.network.scr_net import ScrNet, Segmenter
from scr_live.shipped import Model

OPSET: Final = 18
"""GridSample of opset 20 gave wrong results in TensorRT; 18 is right everywhere."""

TOLERANCE: Final = {
    "fp32": Tolerance(max_error=1e-4),
    # With 8 bits of mantissa single pixels on a steep border move far: the border as a whole must not.
    "bf16": Tolerance(mean_error=5e-3, flipped_share=1e-2),
}
"""How far from PyTorch an export may be, by the arithmetic of the engine."""


def export_onnx(
    network: ScrNet, card: ModelCard, *, folder: Path, images: list[np.ndarray]
) -> dict[str, Parity]:
    """Write NAME.onnx, card.json and manifest.json; returns the parity figures, by engine and precision.

    images: (s, s, 3) uint8 pictures on which the export is compared with PyTorch. ModelError if it differs by
    more than TOLERANCE; then nothing is left in the folder. The network is left in evaluation mode.
    """
    if not images:
        raise ValueError("an export needs at least one picture to be compared on")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{card.name}.onnx"
    partial = path.with_suffix(".partial.onnx")
    try:
        _write_graph(network, card, partial)
        exported = ModelCard.from_dict(
            {**_plain_card(card), "sha256": file_sha256(partial)}, origin="the exported card"
        )
        parity = _verify(network, Model(partial, exported, exported.sha256), images)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    write_json(folder / "card.json", _plain_card(exported))
    write_json(folder / "manifest.json", _manifest(path, card, exported, parity))
    return parity


def _write_graph(network: ScrNet, card: ModelCard, path: Path) -> None:
    segmenter = Segmenter(network).eval().to(memory_format=torch.contiguous_format)
    example = torch.zeros((1, card.input_size, card.input_size, 3), dtype=torch.uint8)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own internals
        program = torch.onnx.export(
            segmenter,
            (example,),
            input_names=["image"],
            output_names=["probability"],
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise ModelError("torch.onnx.export returned nothing; this version of torch cannot export.")
    program.optimize()
    model = _cleaned(program.model_proto, card)
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))


def _cleaned(model: onnx.ModelProto, card: ModelCard) -> onnx.ModelProto:
    """Drop the exporter's notes (stack traces with paths of the machine) and say what this is."""
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
    model.graph.name = card.name
    model.producer_name, model.producer_version = "scr-live", scr_live.__version__
    model.doc_string = "SCR-Net, polyp segmentation. Research software, not a medical device."
    return model


def _verify(network: ScrNet, model: Model, images: list[np.ndarray]) -> dict[str, Parity]:
    reference = _reference(network, images)
    results: dict[str, Parity] = {}
    for precision in ("fp32", "bf16"):
        try:
            with OpenVinoEngine(model, precision=precision) as engine:
                results[f"openvino {precision}"] = compare(
                    reference, [engine.infer(image) for image in images]
                )
        except ImportError:  # this CPU has no bf16
            continue
    results.update(_onnxruntime_parity(model, images, reference))
    for name, parity in results.items():
        if breach := TOLERANCE[name.split()[-1]].breach(parity):
            raise ModelError(f"The export differs from PyTorch on {name}: {breach}. Nothing was written.")
    return results


def _onnxruntime_parity(
    model: Model, images: list[np.ndarray], reference: list[np.ndarray]
) -> dict[str, Parity]:
    try:
        from scr_live.engines.onnx_runtime import OnnxRuntimeEngine  # noqa: PLC0415 - an extra
    except ImportError:
        return {}
    with OnnxRuntimeEngine(model) as engine:
        return {"onnxruntime fp32": compare(reference, [engine.infer(image) for image in images])}


def _reference(network: ScrNet, images: list[np.ndarray]) -> list[np.ndarray]:
    segmenter = Segmenter(network).eval()
    with torch.inference_mode():
        return [segmenter(torch.from_numpy(image[None]))[0].numpy() for image in images]


def _plain_card(card: ModelCard) -> dict[str, object]:
    """As JSON: the exported file needs no network description, its graph says it all."""
    values = {key: list(v) if isinstance(v, tuple) else v for key, v in card.as_dict().items()}
    del values["network"]
    return values


def _manifest(
    path: Path, card: ModelCard, exported: ModelCard, parity: dict[str, Parity]
) -> dict[str, object]:
    size = card.input_size
    artifact = {
        "file": path.name,
        "sha256": exported.sha256,
        "bytes": path.stat().st_size,
        "form": "native",
        "precision": "fp32",
        "opset": OPSET,
        "input": {"name": "image", "dtype": "uint8", "shape": [1, size, size, 3], "meaning": "RGB"},
        "output": {"name": "probability", "dtype": "float32", "shape": [1, size, size]},
        "parity_with_pytorch": {name: figures.as_dict() for name, figures in parity.items()},
    }
    return {
        "schema": 1,
        "name": card.name,
        "weights_sha256": card.sha256,
        "exporter": {"scr-live": scr_live.__version__, "torch": torch.__version__, "onnx": onnx.__version__},
        "artifacts": [artifact],
    }
