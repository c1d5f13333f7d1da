"""Recipes as TOML: those shipped and those of others, single settings from a command line, and back again."""

import json
import tomllib
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final

from scr_live.errors import DataError, OptionError
from scr_live.network.config import NetworkConfig
from scr_live.training.recipe import Recipe

_SHIPPED: Final = Path(__file__).parent / "recipes"

_KINDS: Final = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}

_OWN_WIDTH: Final = "own"
"""`width` of a recipe's [network] for the encoder's own channels, as TOML has no None."""

_WIDEST: Final = 1024

_OTHER_LENGTH: Final[dict[str, dict[str, Any]]] = {"steps": {"epochs": 0.0}, "epochs": {"steps": 0}}
"""What saying the length of a run in one way takes back of the other."""


def recipe_names() -> list[str]:
    """Names of the shipped recipes."""
    return sorted(path.stem for path in _SHIPPED.glob("*.toml"))


def find_recipe(name_or_path: str) -> Path:
    """A shipped recipe by its name, or any TOML file by its path."""
    if name_or_path in recipe_names():
        return _SHIPPED / f"{name_or_path}.toml"
    path = Path(name_or_path)
    try:
        is_there = path.is_file()
    except OSError:  # a name that is too long, a folder that may not be looked into
        is_there = False
    if not is_there:
        raise DataError(
            f"No recipe {name_or_path!r}. Expected the path of a TOML file, or one of the shipped recipes: "
            f"{', '.join(recipe_names())}."
        )
    return path


def read_recipe(path: Path) -> Recipe:
    """Read a TOML file; unknown keys and wrong types are a DataError that names them."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(f"The recipe {path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"{path} is no valid TOML: {error}.") from error
    if unknown := sorted(set(values) - set(_DEFAULTS)):
        raise DataError(f"{path} has unknown keys {unknown}. Known keys: {', '.join(_DEFAULTS)}.")
    try:
        typed: dict[str, Any] = {key: _typed(key, value) for key, value in values.items()}
    except TypeError as error:
        raise DataError(f"{path} has a value of the wrong type: {error}.") from error
    if "epochs" in typed:
        typed.setdefault("steps", 0)
    try:
        return Recipe(**typed)
    except OptionError as error:
        error.add_note(f"in {path}")
        raise


def with_settings(recipe: Recipe, settings: Sequence[str]) -> Recipe:
    """The recipe with each `key=value`; network.KEY and set_weights.SET reach into the two tables.

    The value is TOML, a text needs no quotes: rate=1e-4, sizes=[256,288], network.scm=false, optimizer=adam.
    OptionError: an unknown key, named with the known ones, or a value of the wrong type.
    """
    changes: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = (part.strip() for part in setting.partition("="))
        if not equals:
            raise OptionError(
                f"--set takes KEY=VALUE, such as rate=1e-4 or network.scm=false; found {setting!r}."
            )
        _change(changes, key, _parsed(text), recipe)
    return replace(recipe, **changes)


def to_toml(recipe: Recipe) -> str:
    """The text of a TOML file that `read_recipe` reads as the same recipe, every value said."""
    values = {entry.name: getattr(recipe, entry.name) for entry in fields(recipe)}
    values.pop("steps" if recipe.epochs else "epochs")
    network = {
        key: _OWN_WIDTH if value is None else value for key, value in values.pop("network").as_dict().items()
    }
    weights = dict(values.pop("set_weights"))
    tables = {"network": network, **({"set_weights": weights} if weights else {})}
    lines = [f"{key} = {_text(value)}" for key, value in values.items()]
    for name, table in tables.items():
        lines += ["", f"[{name}]", *(f"{_key(key)} = {_text(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


_DEFAULTS: Final = {entry.name: getattr(Recipe(), entry.name) for entry in fields(Recipe)}


def _change(changes: dict[str, Any], key: str, value: object, recipe: Recipe) -> None:
    name, dot, inner = key.partition(".")
    if name not in _DEFAULTS:
        raise OptionError(f"--set has the unknown key {key!r}. Known keys: {', '.join(_DEFAULTS)}.")
    before = changes.get(name, getattr(recipe, name))
    try:
        match name:
            case "network":
                table = {inner: value} if dot else value
                changes[name] = _network(table, before)
            case "set_weights" if dot:
                changes[name] = tuple({**dict(before), inner: _scalar(key, value, 1.0)}.items())
            case _ if dot:
                raise OptionError(f"--set {key}: {name} is no table. Tables: network, set_weights.")
            case _:
                changes |= {**_OTHER_LENGTH.get(name, {}), name: _typed(name, value)}
    except TypeError as error:
        raise OptionError(f"--set {key}: {error}.") from error


def _parsed(text: str) -> object:
    """The value as TOML has it, or the bare words themselves."""
    try:
        table = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
    return table["value"] if len(table) == 1 else text


def _typed(key: str, value: object) -> object:
    """The value in the type of the recipe's field. TypeError: it has another."""
    match key:
        case "network":
            return _network(value, NetworkConfig())
        case "sizes" if isinstance(value, list):
            return tuple(_scalar(key, size, 0) for size in value)
        case "set_weights" if isinstance(value, dict):
            return tuple((name, _scalar(f"{key}.{name}", weight, 1.0)) for name, weight in value.items())
        case "sizes" | "set_weights":
            kind = "list of whole numbers" if key == "sizes" else "table of numbers"
            raise TypeError(f"{key} must be a {kind}, found {value!r}")
        case _:
            return _scalar(key, value, _DEFAULTS[key])


def _network(value: object, base: NetworkConfig) -> NetworkConfig:
    if not isinstance(value, dict):
        raise TypeError(f"network must be a table, found {value!r}")
    default = NetworkConfig().as_dict()
    if unknown := sorted(set(value) - set(default)):
        raise TypeError(f"network has unknown keys {unknown}, known are {sorted(default)}")
    own_width = value.get("width") == _OWN_WIDTH
    typed: dict[str, Any] = {
        key: None if key == "width" and own_width else _scalar(f"network.{key}", entry, default[key])
        for key, entry in value.items()
    }
    network = replace(base, **typed)
    if network.width is not None and not 1 <= network.width <= _WIDEST:
        raise TypeError(
            f"network.width must lie in 1..{_WIDEST}, or be {_OWN_WIDTH!r}; found {network.width}"
        )
    return network


def _scalar(key: str, value: object, default: object) -> Any:  # noqa: ANN401 - of the type of `default`
    kind = type(default)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:  # not isinstance: true is no whole number
        raise TypeError(f"{key} must be {_KINDS[kind]}, found {value!r}")
    return value


def _text(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case tuple():
            return f"[{', '.join(map(_text, value))}]"
        case _:
            return repr(value)


def _key(name: str) -> str:
    plain = name.replace("-", "").replace("_", "")
    return name if plain.isascii() and plain.isalnum() else _text(name)
