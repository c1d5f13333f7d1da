"""`scr-live doctor`: what is installed here, and a one-frame self-test of every engine and encoder."""

import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module

import numpy as np

import scr_live
from scr_live.engines.opening import ENGINES, NAMED, Progress, open_engine
from scr_live.errors import EngineUnavailableError, InferenceError, ScrLiveError
from scr_live.gpu import visible_gpu
from scr_live.machine import installed_version
from scr_live.manifest import read_manifest
from scr_live.shipped import DEFAULT_MODEL, find_model, model_for

PACKAGES = (
    "numpy",
    "opencv-python",
    "av",
    "openvino",
    "onnxruntime",
    "onnxruntime-gpu",
    "torch",
    "tensorrt-cu13",
    "tensorrt-rtx",
    "cuda-bindings",
)
NEEDED_ENGINES = ("openvino",)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    found: str
    works: bool
    needed: bool = False
    """Whether the default run depends on it."""


def diagnose(progress: Progress | None = None) -> Iterator[Check]:
    """Look at one thing after the other; nothing here raises. progress: hears of what takes minutes."""
    system = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    yield Check(
        "scr-live", f"{scr_live.__version__}; {system}", works=sys.version_info >= (3, 11), needed=True
    )
    for name in PACKAGES:
        version = installed_version(name)
        yield Check(f"package {name}", version or "not installed", works=bool(version))
    yield _check("gpu", _gpu)
    yield _check("model", _shipped_model, needed=True)
    for name in ENGINES:
        attempt = partial(_one_frame, name, progress=progress)
        yield _check(f"engine {name}", attempt, needed=name in NEEDED_ENGINES)
    if _ships_int8():
        yield _check("engine openvino int8", partial(_one_frame, "openvino", precision="int8"))
    yield _check("window", _display)  # before the encoders: no window opens once PyAV is loaded before OpenCV
    yield _check("recording", _encoder, needed=True)
    yield _check("decoding", _decoders)


def _check(name: str, attempt: Callable[[], str], *, needed: bool = False) -> Check:
    try:
        return Check(name, attempt(), works=True, needed=needed)
    except Exception as error:  # noqa: BLE001 - whatever a driver throws is what there is to tell
        found = str(error) if isinstance(error, ScrLiveError) else f"{type(error).__name__}: {error}"
        return Check(name, " ".join(found.split()), works=False, needed=needed)


def _shipped_model() -> str:
    model = find_model(DEFAULT_MODEL)
    return f"{DEFAULT_MODEL}, {model.card.input_size} px, sha256 {model.sha256[:16]}..., hash is right"


def _gpu() -> str:
    gpu = visible_gpu()
    if gpu is None:
        raise EngineUnavailableError("no NVIDIA driver with a GPU was found: the engines run on the CPU")
    return f"{gpu.name}, compute capability {gpu.compute_capability}, driver {gpu.driver}"


def _ships_int8() -> bool:
    try:
        manifest = read_manifest(find_model(DEFAULT_MODEL).path.parent)
    except ScrLiveError:  # the check of the model tells it
        return False
    return manifest is not None and manifest.find(precision="int8") is not None


def _one_frame(name: str, *, precision: str = "auto", progress: Progress | None = None) -> str:
    if name == "pytorch":  # a wheel carries no weights: torch may be missing all the same
        import_module("scr_live.engines.pytorch")
    model = model_for(name, DEFAULT_MODEL)
    with open_engine(name, model, precision=precision, progress=progress) as engine:
        size, info = engine.info.input_size, engine.info
        probability = engine.infer(np.full((size, size, 3), 90, np.uint8))
    if probability.shape != (size, size):
        raise InferenceError(f"it answered a grey frame with an array of shape {probability.shape}")
    versions = ", ".join(" ".join(pair) for pair in info.versions)
    told = (
        f"{info.device} in {info.precision}, one frame inferred",
        info.reason.removeprefix(NAMED),
        versions,
    )
    return "; ".join(text for text in (part.strip(" ;") for part in told) if text)


def _encoder() -> str:
    from scr_live.sinks.encoding import choose_encoder, working_encoders  # noqa: PLC0415 - imports av

    return f"H.264 by {choose_encoder('auto')}; encoders that work: {', '.join(working_encoders())}"


def _decoders() -> str:
    from scr_live.sources.hardware import SOFTWARE, working_decoders  # noqa: PLC0415 - imports av

    return f"decoders that work: {', '.join((SOFTWARE, *working_decoders()))}"


def _display() -> str:
    from scr_live.sinks.display import require_display  # noqa: PLC0415 - beside the window

    require_display()
    return "a display is there"
