"""TensorRT and TensorRT-RTX: one engine class for both, built on this machine when first needed."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from scr_live.convert.to_tensorrt import TITLES, build, engine_facts, load_library
from scr_live.engines import EngineInfo, closed
from scr_live.engines.engine_cache import CachedEngine, EngineCache, Facts, difference, key_of
from scr_live.engines.tensorrt_session import Session
from scr_live.errors import EngineUnavailableError, ModelNotFoundError
from scr_live.frames import Mask
from scr_live.gpu import Gpu, find_gpu, load_cudart
from scr_live.manifest import read_manifest
from scr_live.shipped import Model

PRECISIONS: Final = ("fp16", "fp32", "int8")
"""What a file of the export can be in; `auto` takes the first of the first two that is there."""

FORMS: Final = {"tensorrt": ("plugin", "native"), "tensorrt-rtx": ("native",)}
"""By preference. The plugin samples in one pass with coordinates in fp32; TensorRT-RTX takes no plugins."""


class TensorRtEngine:
    """One serialised engine, from the export's folder, the user's cache, or built now."""

    def __init__(  # noqa: PLR0913 - those of every engine, and its own three
        self,
        model: Model,
        *,
        precision: str = "auto",
        threads: int = 0,  # noqa: ARG002 - the GPU has its own
        reason: str = "",
        library: str = "tensorrt",
        progress: Callable[[str], None] | None = None,
        cache: Path | None = None,
    ) -> None:
        """progress: gets short texts while an engine is built. cache: the folder; without, the user's.

        EngineUnavailableError: library, GPU or driver is missing, with the command that installs it.
        """
        module, gpu, cudart = load_library(library), find_gpu(), load_cudart()
        plans = _Plans(module, library, gpu, EngineCache(cache), progress)
        choice = choose(model, library=library, precision=precision)
        facts = plans.facts(choice)
        found = plans.obtain(choice, facts)
        self._card = choice.model.card
        self._name = library
        self._session: Session | None = Session(
            module,
            cudart,
            engine=found,
            title=f"{TITLES[library]} {module.__version__}",
            jit_cache=plans.jit_cache(choice, facts),
        )
        try:
            self._card.check_inputs(self._session.inputs)
        except BaseException:
            self._session.close()
            raise
        self.info = EngineInfo(
            backend=library,
            device=gpu.name,
            precision=choice.precision,
            input_size=self._card.input_size,
            model_sha256=choice.model.sha256,
            versions=((library, str(module.__version__)), ("driver", gpu.driver)),
            reason="; ".join(filter(None, (reason, choice.said, found.said, self._session.said))),
        )

    def infer(self, image: NDArray[np.uint8]) -> Mask:
        """See `Engine.infer`."""
        if self._session is None:
            raise closed(self._name)
        return self._card.to_probability(self._session.run(self._card.to_input(image)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        session, self._session = self._session, None
        if session is not None:  # twice is once
            session.close()


@dataclass(frozen=True, slots=True)
class Choice:
    """Which file of an export the engine is built from."""

    model: Model
    precision: str
    form: str
    said: str = ""
    """What one would rather have had, if so."""


def choose(model: Model, *, library: str, precision: str = "auto") -> Choice:
    """The file for this library and precision; `auto`: fp16, or fp32 where there is no such file.

    EngineUnavailableError: a precision that no file can have. ModelNotFoundError: there is no such file, and
    how to export it.
    """
    if precision not in ("auto", *PRECISIONS):
        raise EngineUnavailableError(
            f"The {library} engine computes in {', '.join(PRECISIONS)}, not in {precision}. Use --precision "
            "auto."
        )
    wanted = PRECISIONS[:2] if precision == "auto" else (precision,)
    missing: ModelNotFoundError | None = None
    for found, form in product(wanted, FORMS[library]):
        try:
            variant = _variant(model, found, form)
        except ModelNotFoundError as error:
            missing = missing or error
            continue
        return Choice(variant, found, form, _shortfall(found, form, wanted[0], FORMS[library][0]))
    raise missing or ModelNotFoundError(f"{model.path} has no file for {library} in {precision}.")


def _variant(model: Model, precision: str, form: str) -> Model:
    try:
        return model.variant(precision=precision, form=form)
    except ModelNotFoundError:
        if (precision, form) == ("fp32", "native") and read_manifest(model.path.parent) is None:
            return model  # an ONNX file from elsewhere: it is what it is
        raise


def _shortfall(precision: str, form: str, best_precision: str, best_form: str) -> str:
    """Never silently: say what the export lacks."""
    if precision != best_precision:
        return f"in {precision} because no {best_precision} file lies beside the model (`scr-live export`)"
    if form != best_form:
        return f"in the {form} form because no {best_form} form lies beside the model (`scr-live export`)"
    return ""


@dataclass(frozen=True, slots=True)
class _Plans:
    """Where serialised engines come from."""

    module: ModuleType
    library: str
    gpu: Gpu
    cache: EngineCache
    progress: Callable[[str], None] | None

    def obtain(self, choice: Choice, facts: Facts) -> CachedEngine:
        """The engine of the export if it was built for just this, else that of the cache."""
        exported, unfit = _exported(choice, self.library, facts)
        if exported is not None:
            return exported
        found = self.cache.obtain(
            self._name(choice), facts, partial(self._build, choice), progress=self.progress
        )
        return replace(found, said="; ".join(filter(None, (unfit, found.said))))

    def facts(self, choice: Choice) -> Facts:
        """All that matters."""
        base = engine_facts(choice.model.path, self.module, name=self.library, form=choice.form, gpu=self.gpu)
        return base | {"precision": choice.precision, "form": choice.form, "batch": "1"}

    def jit_cache(self, choice: Choice, facts: Facts) -> Path | None:
        """Where TensorRT-RTX keeps what it compiles for this very GPU and driver."""
        if self.library != "tensorrt-rtx":
            return None
        return self._for_this_gpu(self.cache.path_for(self._name(choice), facts).name, "jit")

    def _name(self, choice: Choice) -> str:
        return f"{choice.model.card.name}-{choice.precision}-{self.library}"

    def _build(self, choice: Choice, out: Path) -> None:
        if self.progress:
            self.progress(f"building {out.name}; this is done once, and may take minutes")
        build(
            choice.model.path,
            library=self.library,
            out=out,
            progress=self.progress,
            timing_cache=self._for_this_gpu(f"timing-{self.module.__version__}", "cache"),
        )

    def _for_this_gpu(self, stem: str, suffix: str) -> Path:
        gpu = {"gpu": self.gpu.name, "driver": self.gpu.driver, "version": str(self.module.__version__)}
        return self.cache.folder / f"{stem}.{key_of(gpu)[:8]}.{suffix}"


def _exported(choice: Choice, library: str, wanted: Facts) -> tuple[CachedEngine | None, str]:
    """The engine file beside the model; or what keeps it from being used, empty if there is none."""
    folder = choice.model.path.parent
    manifest = read_manifest(folder)
    found = manifest and manifest.find(kind=library, form=choice.form, precision=choice.precision)
    if not found:
        return None, ""
    stated = {
        **found.builder, "precision": found.precision, "form": found.form, "batch": str(found.batch)
    }  # fmt: skip
    if differs := difference(wanted, {key: stated[key] for key in wanted if key in stated}):
        return None, f"the exported {found.file} {differs}"
    path = folder / found.file
    try:
        plan = path.read_bytes()
    except OSError as error:
        return None, f"the exported {found.file} cannot be read ({error.strerror})"
    if hashlib.sha256(plan).hexdigest() != found.sha256:
        return None, f"the exported {found.file} is not the file that its manifest describes"
    return CachedEngine(path, plan, f"the exported engine {found.file}"), ""
