"""`--config FILE`: the options of a command from a TOML file; what the command line says goes before them."""

import inspect
import os
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Final

import typer

from scr_live.errors import OptionError

_EXAMPLES: Final = {"segment": "10min", "size": "1280x720"}
"""Of texts that begin with a number, which alone is none."""
_WORDS: Final = {
    str: "text in quotes",
    Path: "a path in quotes",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
}
"""What a value of that type is called, for the types that options have."""


def read_config(context: typer.Context, path: Path | None) -> Path | None:
    """Make the file's values the defaults of the command that is being parsed. OptionError: any is wrong.

    A key is the name of an option without its dashes: `max-overlay-age = 0.2`, `no-display = true`. An option
    that may be repeated takes a list. Relative paths are seen from the folder of the file, so that a service
    needs no working directory.
    """
    if path is not None:
        context.default_map = {**(context.default_map or {}), **_values(path, _keys(context))}
    return path


Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        callback=read_config,
        is_eager=True,
        help="TOML file with any of these options, such as: source = 'rtsp://...'. The command line goes "
        "before it; paths in it are relative to its folder.",
    ),
]


@dataclass(frozen=True, slots=True)
class _Key:
    """A word that may stand left of the equals sign."""

    parameter: str
    kind: type
    repeats: bool = False
    negates: bool = False
    """It is the `no-` form of a flag."""


def _keys(context: typer.Context) -> dict[str, _Key]:
    """Every option of the command but `config` itself, by the words that the command line has for it."""
    command = context.command
    hints = typing.get_type_hints(inspect.unwrap(command.callback)) if command.callback else {}
    keys: dict[str, _Key] = {}
    for parameter in command.params:
        if parameter.name not in hints or "--config" in parameter.opts:
            continue
        kind, repeats = _kind(hints[parameter.name])
        for option in parameter.opts:
            keys[option.lstrip("-")] = _Key(parameter.name, kind, repeats)
        for option in parameter.secondary_opts:
            keys[option.lstrip("-")] = _Key(parameter.name, kind, negates=True)
    return keys


def _kind(hint: object) -> tuple[type, bool]:
    """The plain type of one value, and whether there may be several: list[Path] | None -> Path, True."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        (hint,) = (one for one in typing.get_args(hint) if one is not types.NoneType)
    if typing.get_origin(hint) is list:
        return _kind(typing.get_args(hint)[0])[0], True
    kind = hint if isinstance(hint, type) else str  # a choice of words
    return (kind if kind in _WORDS else str), False


def _values(path: Path, keys: Mapping[str, _Key]) -> dict[str, object]:
    values: dict[str, object] = {}
    said_by: dict[str, str] = {}
    for name, found in _read(path).items():
        if name not in keys:
            raise OptionError(f"{path} has the key {name!r}, which is no option here.{_advice(name, keys)}")
        key = keys[name]
        first = said_by.setdefault(key.parameter, name)
        if first != name:
            raise OptionError(f"{path} has both {first!r} and {name!r}, which are one option. Keep one.")
        values[key.parameter] = _value(path, name, key, found=found)
    return values


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise OptionError(f"--config: there is no file {path}. Give the path of a TOML file.") from error
    except OSError as error:
        raise OptionError(f"--config: cannot read {path}: {error.strerror}. Give a TOML file.") from error
    except ValueError as error:  # TOMLDecodeError, or no UTF-8
        raise OptionError(f"--config: {path} is no valid TOML file: {error}.") from error


def _advice(name: str, keys: Mapping[str, _Key]) -> str:
    wanted = name.lower().replace("_", "-").lstrip("-")
    near = get_close_matches(wanted, keys, n=1)
    return f" Did you mean {near[0]!r}?" if near else f" Expected one of: {', '.join(sorted(keys))}."


def _value(path: Path, name: str, key: _Key, *, found: object) -> object:
    """What click takes as the default of this option."""
    if key.repeats:
        many = found if isinstance(found, list) else [found]
        return [_one(path, name, key, found=one) for one in many]
    return _one(path, name, key, found=found)


def _one(path: Path, name: str, key: _Key, *, found: object) -> object:
    match found:
        case bool() if key.kind is bool:
            return found != key.negates
        case int() if key.kind in (int, float) and not isinstance(found, bool):
            return key.kind(found)
        case float() if key.kind is float:
            return found
        case str() if key.kind is Path:
            return _from(path.parent, found)
        case str() if key.kind is str:
            return _from(path.parent, found) if _names_a_file(path.parent, key.parameter, found) else found
    several = ", or a list of them" if key.repeats else ""
    hint = _hint(name, key, found) if key.kind is str and type(found) in (int, float) else ""
    raise OptionError(f"{path}: {name} must be {_WORDS[key.kind]}{several}; found {_described(found)}.{hint}")


def _hint(name: str, key: _Key, number: object) -> str:
    """What to write in place of a number."""
    example = _EXAMPLES.get(key.parameter)
    return f' Write {name} = "{number}".' if example is None else f' Write it as in {name} = "{example}".'


def _from(folder: Path, text: str) -> str:
    """A path of the file as seen from here; no shell is there to know what ~ means."""
    return str(folder / Path(text).expanduser())


def _names_a_file(folder: Path, parameter: str, text: str) -> bool:
    """Of the options that are no path but may be one: `source`, and `model`, whose names have no slash."""
    from scr_live.sources.opening import kind_of  # noqa: PLC0415 - imports cv2

    match parameter:
        case "source":
            return kind_of(text) in ("file", "images") and text != ""
        case "model":
            return os.path.basename(text) != text or (folder / text).exists()  # noqa: PTH119 - keeps ./
        case _:
            return False


def _described(found: object) -> str:
    match found:
        case dict():
            return "a table"
        case list():
            return "a list"
        case bool():
            return str(found).lower()
        case str():
            return repr(found)
        case _:
            return str(found)
