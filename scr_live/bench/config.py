"""Everything `scr-live bench` can be told, and what is refused before anything is opened."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scr_live.bench.combinations import Combination, product_of
from scr_live.card import LARGEST_INPUT
from scr_live.engines.opening import check_names, check_threads
from scr_live.errors import OptionError
from scr_live.files import check_results
from scr_live.shipped import DEFAULT_MODEL

LONGEST_S: Final = 24 * 3600.0
MOST_COMBINATIONS: Final = 64
_LARGEST_SIDE: Final = 8192
_SMALLEST_SIDE: Final = 64


@dataclass(frozen=True, slots=True)
class BenchConfig:
    """What is measured, and for how long."""

    models: tuple[str, ...] = (DEFAULT_MODEL,)
    engines: tuple[str, ...] = ("auto",)
    precisions: tuple[str, ...] = ("auto",)
    sizes: tuple[int | None, ...] = (None,)
    """Sides of the network's input; None: what the card says."""
    threads: int = 0
    """Of an engine; 0: it decides."""
    seconds: float = 60.0
    rounds: int | None = None
    """None: as many as fit into the seconds."""
    seed: int = 0
    frame: tuple[int, int] = (1920, 1080)
    """Width and height of the pictures."""
    has_throughput: bool = True
    has_memory: bool = True
    has_floor: bool = True
    has_layers: bool = False
    """Whether the layers are told in the terminal; the JSON file has them in any case."""
    pipeline: str | None = None
    """A clip, or phantom:...: the whole path of a run is measured instead of the engines alone."""
    is_realtime: bool = False
    json: Path | None = None
    plot: Path | None = None

    @property
    def combinations(self) -> tuple[Combination, ...]:
        """What is measured, the first of all first."""
        return tuple(product_of(self.models, self.engines, self.precisions, self.sizes))


def check(config: BenchConfig) -> None:
    """Raise an OptionError, UnknownEngineError or SinkError for what cannot be meant or cannot be written."""
    _check_lists(config)
    for combination in config.combinations:
        check_names(combination.engine, combination.precision)
    check_threads(config.threads)
    if not 0 < config.seconds <= LONGEST_S:
        raise OptionError(
            f"--seconds must be more than 0 and at most {LONGEST_S:g}; found {config.seconds:g}."
        )
    if config.rounds is not None and config.rounds < 1:
        raise OptionError(f"--rounds must be at least 1; found {config.rounds}.")
    if not all(_SMALLEST_SIDE <= side <= _LARGEST_SIDE for side in config.frame):
        raise OptionError(
            f"--frame must have sides from {_SMALLEST_SIDE} to {_LARGEST_SIDE} pixels; found "
            f"{config.frame[0]}x{config.frame[1]}."
        )
    if config.is_realtime and config.pipeline is None:
        raise OptionError("--realtime is about the whole path of a clip. Name one with --pipeline.")
    if config.pipeline is not None and config.has_layers:
        raise OptionError("--layers is about a network, and --pipeline about a run. Give one of them.")
    check_results({"--json": config.json, "--plot": config.plot})
    if config.plot is not None:
        from scr_live.bench.plot import check_plot  # noqa: PLC0415 - numpy alone is not needed for it

        check_plot(config.plot)
        if config.pipeline is not None:
            raise OptionError("--plot draws how long engines take, which --pipeline does not measure.")


def _check_lists(config: BenchConfig) -> None:
    lists = {"--model": config.models, "--engine": config.engines, "--precision": config.precisions}
    for option, values in lists.items():
        if not all(values):
            raise OptionError(f"{option} has an empty name. Separate names by commas, without gaps.")
    for size in config.sizes:
        if size is not None and not 1 <= size <= LARGEST_INPUT:
            raise OptionError(f"--size must be from 1 to {LARGEST_INPUT}; found {size}.")
    if len(config.combinations) > MOST_COMBINATIONS:
        raise OptionError(
            f"{len(config.combinations)} combinations are too many to be measured side by side; expected "
            f"{MOST_COMBINATIONS} at most. Name fewer models, engines or precisions."
        )
