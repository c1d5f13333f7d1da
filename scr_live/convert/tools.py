"""What an export uses beside torch and onnx, looked for before the work begins."""

from collections.abc import Callable, Mapping
from pathlib import Path

import onnx

from scr_live.convert.config import ExportConfig
from scr_live.convert.runners import has_onnxruntime
from scr_live.errors import EngineUnavailableError

_INSTALL = '`pip install "scr-live[export]"`'


def check_tools(config: ExportConfig) -> None:
    """Raise EngineUnavailableError, with the command that installs it, for what these options need."""
    try:
        import onnxscript  # noqa: F401, PLC0415 - torch traces with it
    except (ImportError, OSError) as missing:  # OSError: a shared library that it needs
        raise EngineUnavailableError(
            f"Export needs the package onnxscript ({missing}). Install it with {_INSTALL}."
        ) from missing
    if not has_onnxruntime():
        for wanted, needed in (
            ("--precision int8", "int8" in config.precisions),
            (f"--batch {config.batch}", config.batch > 1),
            ("--form plugin", "plugin" in config.forms),
        ):
            if needed:
                raise EngineUnavailableError(f"{wanted} needs ONNX Runtime. Install it with {_INSTALL}.")
    for engine in config.engines:
        _check_tensorrt(engine)


def plugin_form(native: onnx.ModelProto) -> onnx.ModelProto:
    """The same network with scr::SemanticWarp nodes in place of GridSample."""
    from scr_live.convert.semantic_warp.onnx_form import to_plugin_form  # noqa: PLC0415 - only if asked for

    return to_plugin_form(native)


def native_form(plugin: onnx.ModelProto) -> onnx.ModelProto:
    """The plugin form with each node expanded into what it stands for, which any engine computes."""
    from scr_live.convert.semantic_warp.onnx_form import to_native_form  # noqa: PLC0415

    return to_native_form(plugin)


def is_symmetric(path: Path) -> bool:
    """Whether all that the file quantises is int8 around zero, which is what TensorRT takes."""
    graph = onnx.load(path).graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    points = [list(node.input[2:]) for node in graph.node if node.op_type == "QuantizeLinear"]
    return all(names and _is_int8_zero(constants.get(names[0])) for names in points)  # without: it is uint8


def build_engine(engine: str, source: Path, out: Path, *, note: Callable[[str], None]) -> Mapping[str, str]:
    """Build an engine file from an ONNX file; returns what it depends on."""
    from scr_live.convert.to_tensorrt import build  # noqa: PLC0415 - heavy

    return build(source, library=engine, out=out, progress=note).builder


def _is_int8_zero(tensor: onnx.TensorProto | None) -> bool:
    if tensor is None or tensor.data_type != onnx.TensorProto.INT8:
        return False
    return not onnx.numpy_helper.to_array(tensor).any()


def _check_tensorrt(engine: str) -> None:
    from scr_live.convert.to_tensorrt import load_library  # noqa: PLC0415 - heavy

    load_library(engine)
    if engine == "tensorrt":
        from scr_live.gpu import find_gpu  # noqa: PLC0415

        find_gpu()
