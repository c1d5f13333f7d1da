"""A recipe: everything that decides a training run, read from a small TOML file."""

import math
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Self

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
        for key, (least, most) in _RANGES.items():
            value = getattr(self, key)
            if not (least <= value <= most and math.isfinite(value)):
                raise OptionError(f"{key} must lie in {least}..{most}, found {value}.")
        if not 0 <= self.negatives_per_batch < self.batch:
            raise OptionError(
                f"negatives_per_batch must lie in 0..batch - 1 = {self.batch - 1}, "
                f"found {self.negatives_per_batch}."
            )
        if not self.sizes:
            raise OptionError("sizes must name at least one input size, found none.")
        for size in (*self.sizes, self.final_size):
            if size % 32 or size < 1:
                raise OptionError(
                    f"Input sizes (sizes, final_size) must be multiples of 32 from 32 on, found {size}."
                )
        for name, weight in self.set_weights:
            if not (weight >= 0 and math.isfinite(weight)):
                raise OptionError(f"set_weights must be 0 or more, found {weight} for {name}.")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a TOML file; unknown keys and wrong types are a DataError that names them."""
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise DataError(
                f"No recipe at {path}. Expected a TOML file such as models/scr-net-lite0/recipe.toml."
            ) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise DataError(f"{path} is no valid TOML: {error}.") from error
        return cls(**_checked(values, path))


_KINDS: Final = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}

_RANGES: Final[dict[str, tuple[float, float]]] = {
    "final_share": (0, 1),
    "batch": (1, math.inf),
    "steps": (1, math.inf),
    "warmup_steps": (0, math.inf),
    "rate": (0, math.inf),
    "encoder_rate": (0, math.inf),
    "weight_decay": (0, math.inf),
    "bce_share": (0, 1),
    "negative_weight": (0, math.inf),
    "ema": (0, 1),
    "seed": (0, math.inf),
    "validate_every": (1, math.inf),
}

_OWN_WIDTH: Final = "own"
"""`width` of a recipe's [network] for the encoder's own channels, as TOML has no None."""


def _checked(values: dict[str, Any], path: Path) -> dict[str, Any]:
    known = {entry.name for entry in fields(Recipe)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise DataError(f"{path} has unknown keys {unknown}. Known keys: {sorted(known)}.")
    defaults = Recipe()
    try:
        return {key: _field(key, value, getattr(defaults, key)) for key, value in values.items()}
    except TypeError as error:
        raise DataError(f"{path} has a value of the wrong type: {error}.") from error


def _field(key: str, value: object, default: object) -> object:
    """The value in the type of its default. TypeError: it has another."""
    match key:
        case "network":
            return _network(value)
        case "sizes" if isinstance(value, list):
            return tuple(_typed(key, size, 0) for size in value)
        case "set_weights" if isinstance(value, dict):
            return tuple((name, _typed(f"{key}.{name}", weight, 1.0)) for name, weight in value.items())
        case "sizes" | "set_weights":
            raise TypeError(
                f"{key} must be a {'list of whole numbers' if key == 'sizes' else 'table of numbers'}, "
                f"found {value!r}"
            )
        case _:
            return _typed(key, value, default)


def _network(value: object) -> NetworkConfig:
    if not isinstance(value, dict):
        raise TypeError(f"network must be a table, found {value!r}")
    default = NetworkConfig().as_dict()
    unknown = sorted(set(value) - set(default))
    if unknown:
        raise TypeError(f"network has unknown keys {unknown}, known are {sorted(default)}")
    own_width = value.get("width") == _OWN_WIDTH
    typed: dict[str, Any] = {
        key: None if key == "width" and own_width else _typed(f"network.{key}", entry, default[key])
        for key, entry in value.items()
    }
    network = NetworkConfig(**typed)
    if network.width is not None and network.width < 1:
        raise TypeError(f"network.width must be 1 or more, or {_OWN_WIDTH!r}, found {network.width}")
    return network


def _typed(key: str, value: object, default: object) -> Any:  # noqa: ANN401 - of the type of `default`
    kind = type(default)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:  # not isinstance: true is no whole number
        raise TypeError(f"{key} must be {_KINDS[kind]}, found {value!r}")
    return value
