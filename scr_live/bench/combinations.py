"""What is measured against what: the product of models, engines and precisions, each opened or refused."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from scr_live.bench.cards import has_card, unread_model
from scr_live.engines import Engine
from scr_live.engines.opening import open_engine
from scr_live.errors import CardError, EngineUnavailableError
from scr_live.shipped import Model, model_for


@dataclass(frozen=True, slots=True)
class Combination:
    """One model in one engine in one precision, as it was asked for."""

    model: str
    """A shipped model's name or a path."""
    engine: str
    precision: str
    size: int | None = None
    """Side of the network's input; None: what its card says."""

    @property
    def label(self) -> str:
        """What the tables call it."""
        size = "" if self.size is None else f" {self.size}"
        return f"{Path(self.model).stem if self.model.endswith('.onnx') else self.model}{size} {self.asked}"

    @property
    def asked(self) -> str:
        """Engine and precision as they were asked for."""
        return f"{self.engine} {self.precision}"

    def find(self) -> Model | None:
        """Find the model's file. ModelError: there is none, or it cannot be used; None: none is needed."""
        try:
            model = model_for(self.engine, self.model)
        except CardError:
            path = Path(self.model)
            if path.suffix != ".onnx" or has_card(path):
                raise
            model = unread_model(path)
        if model is None or self.size is None:
            return model
        return replace(model, card=replace(model.card, input_size=self.size))


def product_of(
    models: tuple[str, ...],
    engines: tuple[str, ...],
    precisions: tuple[str, ...],
    sizes: tuple[int | None, ...],
) -> Iterator[Combination]:
    """Every model in every engine and precision, the first of all first."""
    for model, size, engine, precision in product(models, sizes, engines, precisions):
        yield Combination(model, engine, precision, size)


def open_combination(
    combination: Combination,
    *,
    threads: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Engine:
    """Open its engine, in this process or as the factory of an isolated one. ScrLiveError: it cannot run.

    A file whose sides are fixed is refused at another `size`, with the one that it takes.
    """
    model = combination.find()
    try:
        return open_engine(
            combination.engine, model, precision=combination.precision, threads=threads, progress=progress
        )
    except CardError as error:
        if combination.size is None:
            raise
        raise EngineUnavailableError(
            f"{combination.model} takes pictures of one size alone: --size {combination.size} needs a file "
            f"that was exported so. ({error})"
        ) from error
