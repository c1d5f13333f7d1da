"""Build TensorRT and TensorRT-RTX engines from ONNX files; needs no torch and, for RTX, no GPU."""

from scr_live.convert.to_tensorrt.building import BuiltEngine, build
from scr_live.convert.to_tensorrt.facts import engine_facts
from scr_live.convert.to_tensorrt.library import LIBRARIES, TITLES, MessageLog, as_logger, load_library

__all__ = [
    "LIBRARIES",
    "TITLES",
    "BuiltEngine",
    "MessageLog",
    "as_logger",
    "build",
    "engine_facts",
    "load_library",
]
