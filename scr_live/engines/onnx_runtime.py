"""ONNX Runtime: on the CPU, or on CUDA where onnxruntime-gpu and its libraries are installed."""

import contextlib
import io
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from scr_live.engines import EngineInfo, closed
from scr_live.errors import EngineUnavailableError, InferenceError, ModelError, ScrLiveError
from scr_live.frames import Mask
from scr_live.shipped import Model

try:
    import onnxruntime
except (ImportError, OSError) as missing:  # OSError: a shared library that it needs
    raise EngineUnavailableError(
        f"The onnxruntime engine needs the package onnxruntime, which cannot be loaded here ({missing}). "
        'Install it with `pip install "scr-live[onnxruntime]"` (or `"scr-live[cuda]"` for NVIDIA GPUs; never '
        "both)."
    ) from missing


onnxruntime.disable_telemetry_events()  # on Windows; elsewhere see scr_live/__init__.py

_DTYPES = {"tensor(uint8)": "uint8", "tensor(float)": "float32", "tensor(float16)": "float16"}
_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
_CUDA_MEMORY = "cuda"
_SILENT, _WARNINGS = 4, 2  # its own severities

_Run: TypeAlias = Callable[[NDArray[Any]], NDArray[Any]]
"""The model's input in, its first output on the host out; the output may be overwritten by the next call."""


class OnnxRuntimeEngine:
    """One session on the device that was asked for: it never runs on another one instead.

    On CUDA, input and output are bound to memory of the GPU once, and the work is replayed as a CUDA graph if
    the model allows it; `info.reason` says if not. EngineUnavailableError: no CUDA, or it does not run there.
    """

    def __init__(
        self,
        model: Model,
        *,
        precision: str = "auto",
        threads: int = 0,
        reason: str = "",
        device: str = "CPU",
    ) -> None:
        if precision not in ("auto", model.precision):
            raise EngineUnavailableError(
                f"onnxruntime computes in the precision of the file, {model.precision}, not in {precision}. "
                "Use --precision auto, or --engine openvino."
            )
        self._card = model.card
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        if device == "CUDA":
            self._run, note = _open_on_cuda(model, options)
        else:
            self._run, note = _open_on_cpu(model, options)
        self.info = EngineInfo(
            backend="onnxruntime",
            device=device,
            # A CPU has no kernels for half: what is stored in fp16 is computed in fp32.
            precision="fp32" if (device, model.precision) == ("CPU", "fp16") else model.precision,
            input_size=model.card.input_size,
            model_sha256=model.sha256,
            versions=(("onnxruntime", onnxruntime.__version__),),
            reason="; ".join(text for text in (reason, note) if text),
        )

    def infer(self, image: NDArray[np.uint8]) -> Mask:
        """See `Engine.infer`."""
        if self._run is None:
            raise closed("onnxruntime")
        network_input = self._card.to_input(image)
        try:
            output = self._run(network_input)
        except Exception as error:  # its exceptions share no public base
            raise InferenceError(f"ONNX Runtime failed on a frame: {error}") from error
        return self._card.to_probability(output)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run = None


class BoundRun:
    """A run whose input and output stay at one place in the memory of a device, as a CUDA graph needs them.

    device_type: cuda; or cpu, where the same steps can be tested. ValueError: the file leaves a side open.
    """

    def __init__(self, session: "onnxruntime.InferenceSession", device_type: str) -> None:
        if not _is_closed(session):
            raise ValueError("its input or output leaves a side open")
        entry, answer = session.get_inputs()[0], session.get_outputs()[0]
        self._session = session
        self._input, self._output = (
            onnxruntime.OrtValue.ortvalue_from_shape_and_type(
                one.shape, np.dtype(_DTYPES[one.type]), device_type, 0
            )
            for one in (entry, answer)
        )
        self._binding = session.io_binding()
        self._binding.bind_ortvalue_input(entry.name, self._input)
        self._binding.bind_ortvalue_output(answer.name, self._output)

    def __call__(self, network_input: NDArray[Any]) -> NDArray[Any]:
        """Copy in, run or replay, copy out."""
        self._input.update_inplace(network_input)
        self._session.run_with_iobinding(self._binding)
        return np.asarray(self._output.numpy())


def _open_on_cpu(model: Model, options: "onnxruntime.SessionOptions") -> tuple[_Run | None, str]:
    try:
        session = _session(model, options, [_CPU])
    except Exception as error:  # its exceptions share no public base
        raise ModelError(
            f"ONNX Runtime cannot load {model.path}: {str(error).strip()} Expected a valid ONNX file; "
            "export it again, or restore the shipped one."
        ) from error
    _check_inputs(model, session)
    note = "its fp16 file is computed in fp32 on a CPU" if model.precision == "fp16" else ""
    return _plain_run(session), note


def _open_on_cuda(model: Model, options: "onnxruntime.SessionOptions") -> tuple[_Run | None, str]:
    """Open and warm up; with a CUDA graph, else without one and a note that says why."""
    if _CUDA not in onnxruntime.get_available_providers():
        raise EngineUnavailableError(
            "This onnxruntime is built without CUDA. Replace it: `pip uninstall onnxruntime`, then "
            '`pip install "scr-live[cuda]"`.'
        )
    complaint = _load_cuda_libraries()
    try:
        return _cuda_run(model, options, complaint, with_graph=True), ""
    except ScrLiveError:
        raise
    except Exception as error:  # noqa: BLE001 - its exceptions share no public base; the reason tells it
        note = f"without a CUDA graph ({_first_line(error)})"
    try:
        return _cuda_run(model, options, complaint, with_graph=False), note
    except ScrLiveError:
        raise
    except Exception as error:
        raise EngineUnavailableError(
            f"ONNX Runtime cannot run {model.path.name} on CUDA: {_first_line(error)}. Update the driver, or "
            "choose another engine with --engine."
        ) from error


def _cuda_run(
    model: Model, options: "onnxruntime.SessionOptions", complaint: str, *, with_graph: bool
) -> _Run:
    """A run on CUDA that has answered once: the first answer is what captures the graph."""
    settings = {"enable_cuda_graph": str(int(with_graph)), "use_tf32": "0"}  # fp32 is to be fp32
    with _without_its_log():
        session = _session(model, options, [(_CUDA, settings), _CPU])
    # Asking for CUDA without its libraries falls back without a word: look at what is really used.
    if session.get_providers()[0] != _CUDA:
        raise EngineUnavailableError(
            f"ONNX Runtime could not load CUDA: {complaint or 'it does not say why'}. Install the CUDA and "
            'cuDNN libraries with `pip install "onnxruntime-gpu[cuda,cudnn]"`.'
        )
    _check_inputs(model, session)
    run = BoundRun(session, _CUDA_MEMORY) if with_graph or _is_closed(session) else _plain_run(session)
    run(np.zeros(model.card.input_shape, model.card.dtype))
    return run


def _session(
    model: Model, options: "onnxruntime.SessionOptions", providers: list[Any]
) -> "onnxruntime.InferenceSession":
    """Without the fall-back of its own: that prints, and turns what fails on CUDA into a CPU session."""
    return onnxruntime.InferenceSession(str(model.path), options, providers=providers, enable_fallback=0)


def _plain_run(session: "onnxruntime.InferenceSession") -> _Run:
    name = session.get_inputs()[0].name
    return lambda network_input: np.asarray(session.run(None, {name: network_input})[0])


def _check_inputs(model: Model, session: "onnxruntime.InferenceSession") -> None:
    model.card.check_inputs([_described(entry) for entry in session.get_inputs()])


def _described(entry: "onnxruntime.NodeArg") -> tuple[tuple[int | None, ...], str]:
    """Shape and dtype of an input, None for open sides, in numpy's words."""
    sides = tuple(side if isinstance(side, int) else None for side in entry.shape)
    return sides, _DTYPES.get(entry.type, entry.type)


def _is_closed(session: "onnxruntime.InferenceSession") -> bool:
    """Whether input and output have one shape each, of a dtype that is known here."""
    entries = (session.get_inputs()[0], session.get_outputs()[0])
    return all(None not in _described(entry)[0] and entry.type in _DTYPES for entry in entries)


def _load_cuda_libraries() -> str:
    """Load CUDA and cuDNN from their Python packages, if they are there; returns the first complaint."""
    preload = getattr(onnxruntime, "preload_dlls", None)  # since 1.21
    printed = io.StringIO()
    if preload is not None:
        with contextlib.redirect_stdout(printed):
            preload()
    return next((line.strip() for line in printed.getvalue().splitlines() if line.strip()), "")


@contextlib.contextmanager
def _without_its_log() -> Iterator[None]:
    """It writes to stderr, in colours, what is told as an error or a reason here."""
    onnxruntime.set_default_logger_severity(_SILENT)
    try:
        yield
    finally:
        onnxruntime.set_default_logger_severity(_WARNINGS)


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).rstrip(".")
