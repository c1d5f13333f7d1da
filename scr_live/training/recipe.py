"""A recipe: everything that decides a training run, read from a small TOML file."""

import tomllib
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self

from scr_live.errors import DataError, OptionError
from scr_live.network.scr_net import NetworkConfig


@dataclass(frozen=True, slots=True)
class Recipe:
    """Times are counted in optimiser steps; sizes in pixels."""

    network: NetworkConfig = field(default_factory=NetworkConfig)
    imagenet: bool = True
    """Start the encoder from ImageNet weights; False: Kaiming from scratch."""
    sizes: tuple[int, ...] = (256, 288, 320)
    """Each step draws one of these input sizes."""
    final_size: int = 352
    """Input size of the last `final_share` of the steps, of validation and of the exported model."""
    final_share: float = 0.2
    batch: int = 8
    negatives_per_batch: int = 2
    """Pictures without a polyp in each batch."""
    steps: int = 4000
    warmup_steps: int = 200
    rate: float = 1e-3
    """Peak learning rate of the decoder."""
    encoder_rate: float = 4e-4
    weight_decay: float = 1e-2
    bce_share: float = 0.4
    """lambda of equation 8: lambda * BCE + (1 - lambda) * Dice."""
    negative_weight: float = 1.0
    """Weight of the loss on the pictures without a polyp."""
    ema: float = 0.998
    """Decay of the averaged weights that are validated and saved."""
    seed: int = 0
    validate_every: int = 400
    set_weights: tuple[tuple[str, float], ...] = ()
    """How often a picture of a set is drawn relative to the others; 1 where not named."""

    def __post_init__(self) -> None:
        if not 0 <= self.negatives_per_batch < self.batch:
            raise OptionError(
                f"negatives_per_batch must lie in 0..batch - 1 = {self.batch - 1}, found {self.negatives_per_batch}."
            )
        for size in (*self.sizes, self.final_size):
            if size % 32:
                raise OptionError(f"Input sizes must be multiples of 32, found {size}.")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a TOML file; unknown keys and wrong types are a DataError that names them."""
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise DataError(
                f"No recipe at {path}. Expected a TOML file such as recipes/lite0.toml."
            ) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise DataError(f"{path} is no valid TOML: {error}.") from error
        return cls(**_checked(values, path))

    def with_changes(self, **changes: Any) -> Self:  # noqa: ANN401 - values of the fields above
        return replace(self, **changes)


def _checked(values: dict[str, Any], path: Path) -> dict[str, Any]:
    known = {entry.name for entry in fields(Recipe)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise DataError(f"{path} has unknown keys {unknown}. Known keys: {sorted(known)}.")
    try:
        if "network" in values:
            values["network"] = NetworkConfig(**values["network"])
        if "sizes" in values:
            values["sizes"] = tuple(int(size) for size in values["sizes"])
        if "set_weights" in values:
            values["set_weights"] = tuple((str(k), float(v)) for k, v in values["set_weights"].items())
    except (TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{path} has a value of the wrong type: {error}.") from error
    return values
