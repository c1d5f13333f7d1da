"""How the files of an export are called."""

from collections.abc import Iterator
from typing import Final

from scr_live.convert.config import ExportConfig

_ENGINE_SUFFIX: Final = {"tensorrt": "engine", "tensorrt-rtx": "rtx.engine"}


def precisions_of(config: ExportConfig) -> tuple[str, ...]:
    """The native fp32 file is always made: it is what the card describes, and what int8 is made from."""
    return tuple(dict.fromkeys(("fp32", *config.precisions)))


def onnx_name(name: str, form: str, precision: str) -> str:
    """NAME.onnx, NAME-fp16.onnx, NAME-plugin.onnx, NAME-fp16-plugin.onnx ..."""
    parts = [name, *([precision] if precision != "fp32" else []), *(["plugin"] if form == "plugin" else [])]
    return f"{'-'.join(parts)}.onnx"


def engine_files(config: ExportConfig, name: str) -> Iterator[tuple[str, str, str]]:
    """File, engine and precision of each engine that is built, such as NAME-fp16.rtx.engine."""
    for engine in config.engines:
        for precision in config.precisions:
            yield f"{name}-{precision}.{_ENGINE_SUFFIX[engine]}", engine, precision


def planned(config: ExportConfig, name: str) -> list[str]:
    """Every file that the export will write, card and manifest apart."""
    forms = ("native", *(form for form in config.forms if form != "native"))
    files = [onnx_name(name, form, precision) for precision in precisions_of(config) for form in forms]
    for file, *_ in engine_files(config, name):
        files += [file, f"{file}.log"]
    return files
