"""Build one engine file: parse, optimise, write it whole or not at all."""

import contextlib
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from scr_live.convert.to_tensorrt.facts import engine_facts, is_turing
from scr_live.convert.to_tensorrt.library import (
    TITLES,
    MessageLog,
    as_logger,
    install_command,
    load_library,
    version_of,
    without_driver_remarks,
)
from scr_live.convert.to_tensorrt.progress import BuildProgress, as_monitor
from scr_live.errors import EngineUnavailableError, ModelError, OutputUnwritableError
from scr_live.file_lock import locked
from scr_live.files import PARTIAL, make_folder, write_bytes, write_text
from scr_live.gpu import Gpu, find_gpu, visible_gpu

_LOOK_EVERY_S = 0.05  # at the progress, and whether Ctrl-C was pressed
_TELL_EVERY_S = 1.0  # it may be a line on the screen each time


@dataclass(frozen=True, slots=True)
class BuiltEngine:
    """An engine file that was written."""

    path: Path
    builder: Mapping[str, str]
    """What it depends on: library, version, ONNX file; of TensorRT also GPU and driver."""
    log: str
    """What the library said; it also lies beside the engine as PATH.log."""


def build(
    onnx: Path,
    *,
    library: str,
    out: Path,
    progress: Callable[[str], None] | None = None,
    timing_cache: Path | None = None,
) -> BuiltEngine:
    """Build `out` from an ONNX file, in the precision that the file says; an older file stays until then.

    library: `tensorrt`, which needs the GPU that the engine is for, or `tensorrt-rtx`, which needs none.
    progress: gets short texts, in this thread. Ctrl-C ends the build at its next step. Only one process
    builds a file at a time. EngineUnavailableError, ModelError (with the node that TensorRT cannot take) or
    OutputUnwritableError.
    """
    module = load_library(library)
    gpu = find_gpu() if library == "tensorrt" else visible_gpu()
    tell = progress or (lambda _: None)
    make_folder(out.parent)
    with locked(
        out.with_name(f"{out.name}.lock"), lambda: tell(f"waiting for another process that builds {out.name}")
    ):
        out.with_name(out.name + PARTIAL).unlink(missing_ok=True)  # of a build that was killed
        job = _Job(module, library, onnx, gpu, timing_cache)
        try:
            plan = _in_background(job, tell)
        finally:
            write_text(out.with_name(f"{out.name}.log"), job.log.text)
        write_bytes(out, plan)
    facts = engine_facts(onnx, module, name=library, form=job.form, gpu=gpu)
    return BuiltEngine(out, facts, job.log.text)


def _in_background(job: "_Job", tell: Callable[[str], None]) -> bytes:
    """Run the build beside this thread, so that Ctrl-C reaches it and no callback can raise."""
    with ThreadPoolExecutor(1, thread_name_prefix="engine-build") as pool:
        future = pool.submit(job.run)
        said, told_at = "", float("-inf")
        try:
            while not wait([future], timeout=_LOOK_EVERY_S).done:
                text, now = job.progress.text, time.monotonic()
                if text != said and now - told_at >= _TELL_EVERY_S:
                    said, told_at = text, now
                    tell(text)
        except BaseException:  # Ctrl-C above all; leaving the pool waits until the library has stopped
            job.progress.cancelled = True
            raise
        return future.result()


class _Job:
    """One build, within one thread: the library's objects begin and end in `run`."""

    def __init__(
        self, module: ModuleType, library: str, onnx: Path, gpu: Gpu | None, timing_cache: Path | None
    ) -> None:
        self.log = MessageLog()
        self.progress = BuildProgress()
        self.form = "native"
        self._trt = module
        self._library = library
        self._title = f"{TITLES[library]} {module.__version__}"
        self._onnx = onnx
        self._gpu = gpu
        self._timing_cache = timing_cache if library == "tensorrt" else None  # RTX has none: it tries nothing

    def run(self) -> bytes:
        """The serialised engine."""
        content = self._content()
        logger = as_logger(self._trt, self.log)
        monitor = as_monitor(self._trt, self.progress)
        builder = self._builder(logger)
        network = builder.create_network(self._network_flags())
        parser = self._trt.OnnxParser(network, logger)
        if not parser.parse(content):
            raise ModelError(self._refusal(_parser_reason(parser) or self.log.complaint))
        config = builder.create_builder_config()
        config.progress_monitor = monitor
        config.clear_flag(self._trt.BuilderFlag.TF32)  # fp32 is fp32: TF32 has 10 bits of mantissa
        if self._library == "tensorrt-rtx" and is_turing(self._gpu):
            config.num_compute_capabilities = 1
            config.set_compute_capability(self._trt.ComputeCapability.SM75, 0)
        self._load_timings(config)
        plan = builder.build_serialized_network(network, config)
        if plan is None:
            raise ModelError(self._refusal(self.log.complaint))
        self._save_timings(config)
        return bytes(plan)

    def _content(self) -> bytes:
        try:
            from scr_live.convert.to_tensorrt.graph import form_of, prepared  # noqa: PLC0415 - needs onnx
        except ImportError as missing:
            raise EngineUnavailableError(
                f"{self._title} builds engines with the help of the package onnx, which is missing here. "
                f"Install it with {install_command(self._library)}."
            ) from missing
        model = prepared(self._onnx)
        self.form = form_of(model)
        if self.form == "plugin":
            if self._library == "tensorrt-rtx":
                raise ModelError(
                    f"{self._onnx} holds scr::SemanticWarp nodes, and TensorRT-RTX takes no plugins. Build "
                    "it from the native form, which lies beside it without -plugin in its name."
                )
            from scr_live.convert.semantic_warp import plugin  # noqa: PLC0415 - needs TensorRT's plugins

            plugin.register(self._trt)
        return bytes(model.SerializeToString())

    def _builder(self, logger: Any) -> Any:  # noqa: ANN401 - classes of the vendor's
        try:
            return self._trt.Builder(logger)
        except TypeError as error:  # so its bindings say that there is none
            raise EngineUnavailableError(
                f"{self._title} cannot build here: {self.log.complaint or 'it gives no reason'}. It needs an "
                "NVIDIA GPU and a driver that is new enough; check `nvidia-smi`, or use --engine openvino."
            ) from error

    def _network_flags(self) -> int:
        """Strongly typed: the arithmetic is what the ONNX file says. TensorRT 11 knows nothing else."""
        if self._library == "tensorrt" and version_of(self._trt)[0] > 10:  # noqa: PLR2004
            return 0
        return 1 << int(self._trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)

    def _load_timings(self, config: Any) -> None:  # noqa: ANN401
        if self._timing_cache is None:
            return
        known = b""
        with contextlib.suppress(OSError):  # there are none yet
            known = self._timing_cache.read_bytes()
        for content in (known, b""):  # one of another version or GPU is refused: begin anew
            cache = config.create_timing_cache(content)
            if cache is not None and config.set_timing_cache(cache, ignore_mismatch=False):
                return

    def _save_timings(self, config: Any) -> None:  # noqa: ANN401
        cache = config.get_timing_cache() if self._timing_cache is not None else None
        if self._timing_cache is not None and cache is not None:
            with contextlib.suppress(OutputUnwritableError):  # then the next build measures again
                write_bytes(self._timing_cache, bytes(cache.serialize()))

    def _refusal(self, reason: str) -> str:
        said = reason.rstrip(".") or "it gives no reason"
        return (
            f"{self._title} cannot build an engine from {self._onnx}: {said}. Export the model again with "
            "`scr-live export`, or use another engine; all that the library said is in the log beside the "
            "engine file."
        )


def _parser_reason(parser: Any) -> str:  # noqa: ANN401
    """The first error: which node, and why."""
    if not parser.num_errors:
        return ""
    error = parser.get_error(0)
    name, operator = error.node_name(), error.node_operator()
    node = f"node {name} ({operator}): " if name or operator else ""
    return node + without_driver_remarks(error.desc())
