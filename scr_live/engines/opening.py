"""Pick and open an engine by name."""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from scr_live.controls import Controls
from scr_live.engines import Engine
from scr_live.errors import (
    EngineError,
    EngineUnavailableError,
    ModelError,
    ModelNotFoundError,
    OptionError,
    UnknownEngineError,
)
from scr_live.gpu import visible_gpu
from scr_live.shipped import Model

ENGINES: Final = ("openvino", "onnxruntime", "tensorrt", "tensorrt-rtx", "pytorch", "constant")
PRECISIONS: Final = ("auto", "fp32", "bf16", "fp16", "int8")

GPU_ORDER: Final = ("tensorrt", "tensorrt-rtx", "onnxruntime on CUDA")
"""What `auto` tries first where there is an NVIDIA GPU."""
CPU_ORDER: Final = ("openvino", "onnxruntime on CPU")
"""By measured speed on a CPU: figures/run-sample.json and its neighbours."""

NAMED: Final = "named by --engine"

THREADS_PER_CORE: Final = 4
"""More only take turns; with some hundred, ONNX Runtime needs seconds for a frame."""

INT8_MAY_COST: Final = 0.005
"""Dice: with more, or where nobody measured it, `auto` leaves an export's int8 file alone."""

_FILE_PRECISIONS = ("fp32", "fp16", "int8")
_NO_GPU = "no NVIDIA GPU was found"
_LONGEST_CAUSE = 110

_SKIPPED_FOR: Final = {
    # A model that is broken is broken on a CPU too, and told there.
    **dict.fromkeys(GPU_ORDER, (EngineError, ModelError)),
    **dict.fromkeys(CPU_ORDER, (EngineUnavailableError, ModelNotFoundError)),
}
"""The errors for which `auto` goes on to the next engine."""

log = logging.getLogger(__name__)

Progress = Callable[[str], None]


def open_engine(  # noqa: PLR0913 - all that a user may choose, and two words about it
    name: str,
    model: Model | None,
    *,
    precision: str = "auto",
    threads: int = 0,
    progress: Progress | None = None,
    reason: str = NAMED,
) -> Engine:
    """Load the model into the engine of that name; `auto`: PyTorch for weights, else the first that works.

    A name with its device, as in GPU_ORDER and CPU_ORDER, is one too. threads: 0 lets the engine decide.
    progress: hears what takes long, such as the build of an engine. `reason` becomes that of the engine's
    info; `auto` says there what was passed over, and why. Raises OptionError, UnknownEngineError,
    EngineUnavailableError (with the install command) or a ModelError.
    """
    check_names(name if name not in (*GPU_ORDER, *CPU_ORDER) else "auto", precision)
    check_threads(threads)
    opener = _Opener(model, precision, threads, progress)
    if name == "auto" and model is not None and model.holds_weights:
        return opener.open("pytorch", "the model is a weights file")
    if name == "auto":
        return opener.first_that_works()
    return opener.open(name, reason)


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


def short(text: str) -> str:
    """The first sentence, or as much of it as a line of a summary bears."""
    sentence = " ".join(text.split()).partition(". ")[0].rstrip(".")
    return sentence if len(sentence) <= _LONGEST_CAUSE else f"{sentence[:_LONGEST_CAUSE]}..."


@dataclass(frozen=True, slots=True)
class _Opener:
    """What every attempt to open an engine has in common."""

    model: Model | None
    precision: str
    threads: int
    progress: Progress | None

    def first_that_works(self) -> Engine:
        """The first of the order of `auto`, with the causes why those before it were skipped."""
        gpu = visible_gpu()
        fastest = f"the fastest on this {gpu.name}" if gpu else f"{_NO_GPU}: the fastest on a CPU"
        skipped: dict[str, str] = {}
        for name in (*(GPU_ORDER if gpu else ()), *CPU_ORDER):
            told = [f"{other} skipped: {short(text)}" for other, text in skipped.items()]
            try:
                return self.open(name, "; ".join(told) or fastest)
            except _SKIPPED_FOR[name] as error:
                skipped[name] = str(error)
                log.info("engine %s: %s", name, error)
        causes = dict.fromkeys(skipped.values())  # a file that is missing is so for each engine
        raise EngineUnavailableError(
            f"No engine works here in precision {self.precision}. {' '.join(causes)}"
        )

    def open(self, name: str, reason: str) -> Engine:  # noqa: PLR0911 - one for each engine
        """Open the engine of that name, on the model's file of the precision that it is to compute in."""
        match name:
            case "openvino":
                return self._openvino(reason)
            case "onnxruntime":
                return self._onnxruntime(reason)
            case "onnxruntime on CUDA":
                return self._onnxruntime_on_cuda(reason)
            case "onnxruntime on CPU":
                return self._onnxruntime_on_cpu(reason)
            case "tensorrt" | "tensorrt-rtx":
                return self._tensorrt(name, reason)
            case "pytorch":
                return self._pytorch(reason)
            case _:
                from scr_live.engines.constant import ConstantEngine  # noqa: PLC0415 - symmetry

                return ConstantEngine()

    def _openvino(self, reason: str) -> Engine:
        from scr_live.engines.openvino import OpenVinoEngine  # noqa: PLC0415 - heavy

        try:
            if self.precision == "auto" and (quantised := self._quantised()) is not None:
                return OpenVinoEngine(quantised, precision="int8", threads=self.threads, reason=reason)
        except (EngineUnavailableError, ModelError) as error:  # the file that was named may well be sound
            log.info("int8 by openvino: %s", error)
            reason = f"{reason}; int8 skipped: {short(str(error))}"
        # It rounds an fp32 file to bf16 or fp16 itself; int8 needs the ranges that a quantised file holds.
        kind = {"auto": "auto", "int8": "int8"}.get(self.precision, "fp32")
        return OpenVinoEngine(self._file(kind), precision=self.precision, threads=self.threads, reason=reason)

    def _onnxruntime(self, reason: str) -> Engine:
        """On CUDA if it works there, else on the CPU with the cause."""
        if visible_gpu() is None:
            return self._onnxruntime_on_cpu(f"{reason}; {_NO_GPU}, so on the CPU")
        try:
            return self._onnxruntime_on_cuda(reason)
        except EngineUnavailableError as error:
            log.info("onnxruntime on CUDA: %s", error)
            return self._onnxruntime_on_cpu(f"{reason}; CUDA skipped, so on the CPU: {short(str(error))}")

    def _onnxruntime_on_cuda(self, reason: str) -> Engine:
        from scr_live.engines.onnx_runtime import OnnxRuntimeEngine  # noqa: PLC0415 - an extra

        model, note = self._file(self.precision), ""
        if self.precision == "auto" and model.precision == "fp32":
            try:
                model = model.variant(precision="fp16")
            except ModelNotFoundError:
                note = "; there is no fp16 file"
        return OnnxRuntimeEngine(
            model, precision=self.precision, threads=self.threads, reason=reason + note, device="CUDA"
        )

    def _onnxruntime_on_cpu(self, reason: str) -> Engine:
        from scr_live.engines.onnx_runtime import OnnxRuntimeEngine  # noqa: PLC0415 - an extra

        return OnnxRuntimeEngine(
            self._file(self.precision), precision=self.precision, threads=self.threads, reason=reason
        )

    def _tensorrt(self, library: str, reason: str) -> Engine:
        from scr_live.engines.tensorrt import TensorRtEngine  # noqa: PLC0415 - an extra

        return TensorRtEngine(
            self._needed(),
            precision=self.precision,
            threads=self.threads,
            reason=reason,
            library=library,
            progress=self.progress,
        )

    def _pytorch(self, reason: str) -> Engine:
        from scr_live.engines.pytorch import PyTorchEngine  # noqa: PLC0415 - an extra

        return PyTorchEngine(self._needed(), precision=self.precision, threads=self.threads, reason=reason)

    def _file(self, precision: str) -> Model:
        """The model's native file of that precision; of its own where files have no such precision."""
        model = self._needed()
        wanted = precision if precision in _FILE_PRECISIONS else model.precision
        if (wanted, "native") == (model.precision, model.form):
            return model
        return model.variant(precision=wanted)

    def _quantised(self) -> Model | None:
        """The int8 file of an fp32 export, if the export measured that it costs next to no Dice."""
        model = self._needed()
        if (model.precision, model.form) != ("fp32", "native"):
            return None
        try:
            quantised = model.variant(precision="int8")
        except ModelNotFoundError:
            return None
        loss = quantised.dice_loss
        return quantised if loss is not None and loss <= INT8_MAY_COST else None

    def _needed(self) -> Model:
        if self.model is None:
            raise OptionError("This engine needs a model; give one with --model.")
        return self.model
