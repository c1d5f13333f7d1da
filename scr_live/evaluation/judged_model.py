"""Which model is judged, and how it is opened: the same for pictures and for videos."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from scr_live.engines import Engine
from scr_live.engines.opening import (
    check_names,
    check_threads,
    check_threshold,
    open_engine,
    threshold_for,
)
from scr_live.shipped import DEFAULT_MODEL, model_for


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """What a user may say of it."""

    model: str = DEFAULT_MODEL
    engine: str = "auto"
    precision: str = "auto"
    threads: int = 0
    threshold: float | None = None
    """None: what the model's card recommends."""

    def check(self) -> None:
        """Raise OptionError or UnknownEngineError for what cannot be meant."""
        check_names(self.engine, self.precision)
        check_threads(self.threads)
        check_threshold(self.threshold)


@dataclass(frozen=True, slots=True)
class JudgedModel:
    """A model that answers."""

    engine: Engine
    threshold: float
    sha256: str
    """Of the file that is run; empty: the engine runs none."""


@contextmanager
def opened(options: ModelOptions, tell: Callable[[str], None] | None = None) -> Iterator[JudgedModel]:
    """Open it for as long as the context lasts.

    tell: hears of what takes long before the first answer, such as the build of a GPU engine.
    """
    model = model_for(options.engine, options.model)
    threshold = threshold_for(options.threshold, model)
    with open_engine(
        options.engine, model, precision=options.precision, threads=options.threads, progress=tell
    ) as engine:
        sha256 = (engine.info.model_sha256 or model.sha256) if model else ""
        yield JudgedModel(engine, threshold, sha256)
