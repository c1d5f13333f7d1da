"""What an export wrote: manifest.json names every file of a folder, with its hash and its parity figures."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Final

from scr_live.card import read_json
from scr_live.errors import CardError
from scr_live.files import write_json

MANIFEST: Final = "manifest.json"

KINDS: Final = ("onnx", "tensorrt", "tensorrt-rtx")
FORMS: Final = ("native", "plugin")
PRECISIONS: Final = ("fp32", "fp16", "bf16", "int8")

_SHA256 = re.compile(r"[0-9a-f]{64}")
_REMEDY = "Restore the file, or export anew into an empty folder with `scr-live export`."


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file of an export."""

    file: str
    """Its name in the folder of the manifest."""
    kind: str
    """One of KINDS: an ONNX file, or what a library made of one."""
    form: str
    """One of FORMS: the warp as GridSample, or as scr::SemanticWarp."""
    precision: str
    """One of PRECISIONS."""
    sha256: str
    bytes: int
    input_size: int
    """s: it takes (batch, s, s, 3) uint8 RGB and answers (batch, s, s) float32 probability."""
    opset: int | None = None
    """Of ONNX; None for what is none."""
    batch: int = 1
    """Pictures at once; 0: any number."""
    parity: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """How far it is from PyTorch, by what computed it, such as `openvino fp32`."""
    builder: Mapping[str, str] = field(default_factory=dict)
    """Of an engine: the versions, GPU and compute capability that it was built for. Else empty."""

    @property
    def dice_loss(self) -> float | None:
        """By how much its Dice is lower than PyTorch's, by what computes it worst; None: not measured."""
        losses = [
            figures["reference_dice"] - figures["dice"]
            for figures in self.parity.values()
            if {"dice", "reference_dice"} <= figures.keys()
        ]
        return max(losses, default=None)

    def as_dict(self) -> dict[str, object]:
        """The artifact as it stands in manifest.json."""
        batch = self.batch or "batch"
        size = self.input_size
        return {
            "file": self.file,
            "kind": self.kind,
            "form": self.form,
            "precision": self.precision,
            "sha256": self.sha256,
            "bytes": self.bytes,
            "opset": self.opset,
            "batch": self.batch,
            "input_size": size,
            "input": {"name": "image", "dtype": "uint8", "shape": [batch, size, size, 3], "meaning": "RGB"},
            "output": {
                "name": "probability",
                "dtype": "float32",
                "shape": [batch, size, size],
                "meaning": "probability of a polyp",
            },
            "parity_with_pytorch": {name: dict(figures) for name, figures in self.parity.items()},
            "builder": dict(self.builder),
        }


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files that were exported from one network."""

    schema: ClassVar[int] = 2

    name: str
    weights_sha256: str
    exporter: Mapping[str, str]
    """Versions of what wrote the files."""
    artifacts: tuple[Artifact, ...]

    def find(self, *, precision: str, kind: str = "onnx", form: str = "native") -> Artifact | None:
        """The artifact of that kind, form and precision; None if there is none."""
        wanted = (kind, form, precision)
        return next((one for one in self.artifacts if (one.kind, one.form, one.precision) == wanted), None)

    def as_dict(self) -> dict[str, object]:
        """The manifest as it stands in its file."""
        return {
            "schema": self.schema,
            "name": self.name,
            "weights_sha256": self.weights_sha256,
            "exporter": dict(self.exporter),
            "artifacts": [one.as_dict() for one in self.artifacts],
        }


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a folder; None where there is none. CardError: it is damaged, or another version's."""
    path = folder / MANIFEST
    if not os.path.lexists(path):
        return None
    values = read_json(path)
    found = values.get("schema") if isinstance(values, dict) else None
    if not isinstance(values, dict) or found != Manifest.schema:
        raise CardError(
            f"{path} is no manifest that this version reads: expected schema {Manifest.schema}, found "
            f"{found!r}. Update scr-live, or export anew into an empty folder with `scr-live export`."
        )
    try:
        return Manifest(
            name=_text(values, "name"),
            weights_sha256=_taken(values, "weights_sha256", _is_sha256, "64 hexadecimal digits"),
            exporter=_texts(values, "exporter"),
            artifacts=tuple(map(_artifact, _taken(values, "artifacts", _is_objects, "a list of objects"))),
        )
    except ValueError as error:
        raise CardError(f"{path} is damaged: {error}. {_REMEDY}") from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write manifest.json whole or not at all. OutputUnwritableError: an older one is left as it was."""
    write_json(folder / MANIFEST, manifest.as_dict())


def _artifact(values: Mapping[str, Any]) -> Artifact:
    return Artifact(
        file=_taken(values, "file", _is_file_name, "the name of a file in the same folder"),
        kind=_one_of(values, "kind", KINDS),
        form=_one_of(values, "form", FORMS),
        precision=_one_of(values, "precision", PRECISIONS),
        sha256=_taken(values, "sha256", _is_sha256, "64 hexadecimal digits"),
        bytes=_taken(values, "bytes", _is_count, "whole, from 0"),
        input_size=_taken(values, "input_size", _is_count, "whole, from 0"),
        opset=_taken(values, "opset", lambda opset: opset is None or _is_count(opset), "whole, or null"),
        batch=_taken(values, "batch", _is_count, "whole, from 0"),
        parity=_taken(values, "parity_with_pytorch", _is_parity, "numbers by name, by engine"),
        builder=_texts(values, "builder"),
    )


def _taken(values: Mapping[str, Any], key: str, fits: Callable[[object], bool], expected: str) -> Any:  # noqa: ANN401 - JSON
    found = values.get(key, "nothing")
    if not fits(found):
        raise ValueError(f"{key} must be {expected}; found {found!r}")
    return found


def _text(values: Mapping[str, Any], key: str) -> str:
    text: str = _taken(values, key, lambda found: isinstance(found, str) and key in values, "a text")
    return text


def _texts(values: Mapping[str, Any], key: str) -> Mapping[str, str]:
    found = _taken(values, key, _is_texts, "an object of texts")
    return MappingProxyType(found)


def _one_of(values: Mapping[str, Any], key: str, allowed: tuple[str, ...]) -> str:
    found: str = _taken(values, key, lambda one: one in allowed, f"one of {', '.join(allowed)}")
    return found


def _is_texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _is_objects(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


def _is_sha256(value: object) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_file_name(value: object) -> bool:
    """A name alone: a manifest must not lead out of its folder."""
    return isinstance(value, str) and value not in ("", ".", "..") and not set(value) & set("/\\\0")


def _is_parity(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(figures, dict) and all(map(_is_number, figures.values())) for figures in value.values()
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
