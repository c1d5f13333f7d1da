"""Pick and open an engine by name."""

import logging
import os
from typing import Final

from scr_live.controls import Controls
from scr_live.engines import Engine
from scr_live.errors import EngineUnavailableError, OptionError, UnknownEngineError
from scr_live.shipped import Model

ENGINES: Final = ("openvino", "onnxruntime", "pytorch", "constant")
PRECISIONS: Final = ("auto", "fp32", "bf16", "fp16")
AUTO_ORDER: Final = ("openvino", "onnxruntime")
"""By measured speed on a CPU: figures/run-sample.json and its neighbours."""

THREADS_PER_CORE: Final = 4
"""More only take turns; with some hundred, ONNX Runtime needs seconds for a frame."""

log = logging.getLogger(__name__)


def open_engine(name: str, model: Model | None, *, precision: str = "auto", threads: int = 0) -> Engine:
    """Load the model into the engine of that name; `auto`: PyTorch for weights, else the first that works.

    threads: 0 lets the engine decide. Raises OptionError, UnknownEngineError, EngineUnavailableError (with
    the install command) or a ModelError.
    """
    check_names(name, precision)
    check_threads(threads)
    if name == "auto" and model is not None and model.holds_weights:
        return _open(
            "pytorch", model, precision=precision, threads=threads, reason="the model is a weights file"
        )
    if name == "auto":
        return _first_that_works(model, precision, threads)
    return _open(name, model, precision=precision, threads=threads, reason="named by --engine")


def check_names(engine: str, precision: str) -> None:
    """Raise UnknownEngineError or OptionError for a name that does not exist, before anything is opened."""
    if engine not in ("auto", *ENGINES):
        raise UnknownEngineError(f"Unknown engine {engine!r}. Expected auto or one of: {', '.join(ENGINES)}.")
    if precision not in PRECISIONS:
        raise OptionError(f"Unknown precision {precision!r}. Expected one of: {', '.join(PRECISIONS)}.")


def check_threads(threads: int) -> None:
    """Raise OptionError for a number of threads that would bring the machine to a standstill."""
    most = THREADS_PER_CORE * (os.cpu_count() or 1)
    if not 0 <= threads <= most:
        raise OptionError(
            f"--threads must be from 0 (the engine decides) to {most}, {THREADS_PER_CORE} for each core of "
            f"this machine; found {threads}."
        )


def check_threshold(threshold: float | None) -> None:
    """Raise OptionError for a probability that marks everything or nothing."""
    if threshold is not None and not 0 < threshold < 1:
        raise OptionError(f"--threshold must lie between 0 and 1; found {threshold}.")


def threshold_for(wanted: float | None, model: Model | None) -> float:
    """Take what the user wants, else what the model's card recommends."""
    if wanted is not None:
        return wanted
    return model.card.threshold if model else Controls().threshold


def _first_that_works(model: Model | None, precision: str, threads: int) -> Engine:
    failures: dict[str, str] = {}
    for name in AUTO_ORDER:
        reason = f"{' and '.join(failures)} did not work" if failures else "the fastest here on a CPU"
        try:
            return _open(name, model, precision=precision, threads=threads, reason=reason)
        except EngineUnavailableError as error:
            failures[name] = str(error)
            log.info("engine %s: %s", name, error)
    raise EngineUnavailableError(
        f"No engine works here in precision {precision}. {' '.join(failures.values())}"
    )


def _open(name: str, model: Model | None, *, precision: str, threads: int, reason: str) -> Engine:
    match name:
        case "openvino":
            from scr_live.engines.openvino import OpenVinoEngine  # noqa: PLC0415 - heavy

            return OpenVinoEngine(_needed(model), precision=precision, threads=threads, reason=reason)
        case "onnxruntime":
            from scr_live.engines.onnx_runtime import OnnxRuntimeEngine  # noqa: PLC0415 - an extra

            return OnnxRuntimeEngine(_needed(model), precision=precision, threads=threads, reason=reason)
        case "pytorch":
            from scr_live.engines.pytorch import PyTorchEngine  # noqa: PLC0415 - an extra

            return PyTorchEngine(_needed(model), precision=precision, threads=threads, reason=reason)
        case "constant":
            from scr_live.engines.constant import ConstantEngine  # noqa: PLC0415 - symmetry

            return ConstantEngine()
        case _:
            raise UnknownEngineError(
                f"Unknown engine {name!r}. Expected auto or one of: {', '.join(ENGINES)}."
            )


def _needed(model: Model | None) -> Model:
    if model is None:
        raise OptionError("This engine needs a model; give one with --model.")
    return model
