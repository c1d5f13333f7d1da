"""Engines that were built on this machine, kept in the user's cache folder with what they depend on."""

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scr_live.card import read_json
from scr_live.errors import CardError, EngineUnavailableError, OutputUnwritableError
from scr_live.file_lock import locked
from scr_live.files import PARTIAL, make_folder, write_json

LIMIT_BYTES: Final = 1 << 30
"""Some fifty engines of the shipped networks; the ones not used for longest go first."""

SCHEMA: Final = 1

Facts = Mapping[str, str]
"""What an engine depends on, by name: see `engine_facts`, and precision, form and batch."""

_SUFFIX = ".engine"
_KEY_DIGITS = 16
_LABELS: Final = {
    "library": "the library",
    "version": "version",
    "gpu": "the GPU",
    "compute_capability": "compute capability",
    "driver": "driver",
    "precision": "precision",
    "form": "form",
    "batch": "batch",
    "onnx_sha256": "the model file",
    "warp_kernel_sha256": "the warp kernel",
}
_SHOWN_OF_A_HASH = 12


@dataclass(frozen=True, slots=True)
class CachedEngine:
    """A serialised engine, its hash checked."""

    path: Path
    plan: bytes
    said: str
    """Where it comes from, and why it was built if it was."""


class EngineCache:
    """One folder. Any number of processes may use it at once; only one of them builds."""

    def __init__(self, folder: Path | None = None, *, limit_bytes: int = LIMIT_BYTES) -> None:
        self.folder = user_folder() if folder is None else folder
        self._limit_bytes = limit_bytes

    def path_for(self, name: str, facts: Facts) -> Path:
        """Where the engine of these facts lies, or would lie. Other facts give another path."""
        return self.folder / f"{_as_file_name(name)}-{key_of(facts)[:_KEY_DIGITS]}{_SUFFIX}"

    def obtain(
        self,
        name: str,
        facts: Facts,
        build: Callable[[Path], object],
        *,
        progress: Callable[[str], None] | None = None,
    ) -> CachedEngine:
        """The engine of these facts; `build` writes it to the path it is given if there is none that fits.

        Two builds at once would falsify each other's timing, so all wait for the one lock.
        EngineUnavailableError: the folder cannot be written. Whatever `build` raises leaves no engine.
        """
        path = self.path_for(name, facts)
        tell = progress or (lambda _: None)
        with contextlib.suppress(_Unfit):
            return self._found(path, facts)
        try:
            make_folder(self.folder)
            with locked(
                self.folder / "building.lock",
                lambda: tell("waiting for another process that builds an engine"),
            ):
                return self._found_or_built(path, facts, build, _as_file_name(name))
        except OutputUnwritableError as error:
            raise EngineUnavailableError(
                f"The engine cannot be kept: {error} The folder is {self.folder}; set XDG_CACHE_HOME (on "
                "Windows LOCALAPPDATA) to one that can be written, or use --engine openvino."
            ) from error

    def _found(self, path: Path, facts: Facts) -> CachedEngine:
        plan = read_engine(path, facts)
        with contextlib.suppress(OSError):
            os.utime(path)  # it was used: others go before it
        return CachedEngine(path, plan, f"engine from the cache, {path.name}")

    def _found_or_built(
        self, path: Path, facts: Facts, build: Callable[[Path], object], stem: str
    ) -> CachedEngine:
        try:
            return self._found(path, facts)  # another process has built it meanwhile
        except _Unfit as unfit:
            why = str(unfit) if unfit.told else self._why_none(stem, facts)
        _remove(manifest_of(path))
        build(path)
        plan = path.read_bytes()
        write_json(manifest_of(path), describe(path.name, plan, facts))
        with contextlib.suppress(OSError):  # another process was quicker: room is made next time
            self._prune(path)
        return CachedEngine(path, plan, f"engine built now because {why}")

    def _why_none(self, stem: str, facts: Facts) -> str:
        """What is new compared with the latest engine of the same name."""
        engines = self.folder.glob(f"{stem}-{'?' * _KEY_DIGITS}{_SUFFIX}")
        for engine in sorted(engines, key=_used_at, reverse=True):
            with contextlib.suppress(CardError):
                return f"the cache holds one that {difference(facts, _stated(engine)[1])}"
        return "the cache held none"

    def _prune(self, kept: Path) -> None:
        """Delete what was not used for longest; and what killed processes left."""
        for partial in self.folder.glob(f"*{PARTIAL}"):
            partial.unlink(missing_ok=True)
        total = sum(path.stat().st_size for path in self._files())
        engines = sorted(self.folder.glob(f"*{_SUFFIX}"), key=_used_at)
        for engine in engines:
            if total <= self._limit_bytes or engine == kept:
                continue
            for path in sorted(self.folder.glob(f"{engine.name}*"), reverse=True):  # the engine itself last
                total -= path.stat().st_size
                path.unlink(missing_ok=True)

    def _files(self) -> Iterator[Path]:
        return (path for path in self.folder.iterdir() if path.is_file())


def user_folder() -> Path:
    """The folder for engines in the user's cache folder. EngineUnavailableError: platformdirs is missing."""
    try:
        from platformdirs import user_cache_path  # noqa: PLC0415 - an extra
    except ImportError as missing:
        raise EngineUnavailableError(
            "The cache of engines needs the package platformdirs. Install it with "
            '`pip install "scr-live[tensorrt]"` or, for RTX GPUs, `pip install "scr-live[rtx]"`.'
        ) from missing
    return Path(user_cache_path("scr-live", appauthor=False)) / "engines"


def key_of(facts: Facts) -> str:
    """Hash of all facts."""
    return hashlib.sha256(json.dumps(dict(facts), sort_keys=True).encode()).hexdigest()


def difference(wanted: Facts, stated: Facts) -> str:
    """Say in what an engine differs from the one that is wanted; empty: in nothing."""
    parts = [
        f"{_LABELS.get(key, key)} {_shown(stated.get(key))}, here it is {_shown(wanted.get(key))}"
        for key in sorted({*wanted, *stated}, key=_order)
        if wanted.get(key) != stated.get(key)
    ]
    return f"was built for {'; for '.join(parts)}" if parts else ""


def manifest_of(engine: Path) -> Path:
    """The JSON file beside an engine."""
    return engine.with_name(f"{engine.name}.json")


def describe(name: str, plan: bytes, facts: Facts) -> dict[str, object]:
    """The manifest of an engine, as it stands in its file."""
    return {
        "schema": SCHEMA,
        "engine": name,
        "sha256": hashlib.sha256(plan).hexdigest(),
        "bytes": len(plan),
        "built_for": dict(facts),
    }


def read_engine(engine: Path, facts: Facts) -> bytes:
    """Read an engine whose manifest states these very facts and its hash; else `_Unfit` says why not."""
    try:
        plan = engine.read_bytes()
        sha256, stated = _stated(engine)
    except FileNotFoundError as error:
        raise _Unfit from error
    except OSError as error:
        raise _Unfit(f"{engine.name} cannot be read ({error.strerror})") from error
    except CardError as error:
        raise _Unfit(f"the manifest of {engine.name} is missing or damaged") from error
    if differs := difference(facts, stated):
        raise _Unfit(f"{engine.name} {differs}")
    if hashlib.sha256(plan).hexdigest() != sha256:
        raise _Unfit(f"{engine.name} is damaged: it is not the file that its manifest describes")
    return plan


class _Unfit(Exception):  # noqa: N818 - no error: it says why an engine is built again
    """The engine cannot be used. No text: there is none."""

    @property
    def told(self) -> bool:
        return bool(self.args)


def _stated(engine: Path) -> tuple[str, Facts]:
    values = read_json(manifest_of(engine))
    if not isinstance(values, dict) or values.get("schema") != SCHEMA:
        raise CardError(f"{manifest_of(engine)} is no manifest that this version reads.")
    sha256, facts = values.get("sha256"), values.get("built_for")
    if not isinstance(sha256, str) or not isinstance(facts, dict):
        raise CardError(f"{manifest_of(engine)} is damaged.")
    return sha256, {str(key): str(value) for key, value in facts.items()}


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputUnwritableError(f"Cannot replace {path}: {error.strerror}.") from error


def _order(key: str) -> tuple[int, str]:
    known = list(_LABELS)
    return (known.index(key) if key in known else len(known), key)


def _shown(value: str | None) -> str:
    if value is None:
        return "nothing"
    is_hash = re.fullmatch(r"[0-9a-f]{64}", value) is not None
    return f"{value[:_SHOWN_OF_A_HASH]}..." if is_hash else value


def _used_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _as_file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:80].lstrip(".") or "model"
