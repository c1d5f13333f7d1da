"""ModelCard: what a model expects and answers, kept beside its file and read by every engine."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from math import isfinite
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from scr_live.errors import CardError, InferenceError, ModelError
from scr_live.frames import Mask

Triple: TypeAlias = tuple[float, float, float]

CHOICES: Final = {
    "layout": ("NHWC", "NCHW"),
    "dtype": ("uint8", "float32"),
    "color": ("RGB", "BGR"),
    "output": ("probability", "logits", "class_logits"),
}
LARGEST_INPUT: Final = 4096

_SHA256 = re.compile(r"[0-9a-f]{64}|")
_LONGEST_SHOWN = 120
_RANGE_SLACK = 1e-3  # what rounding in half precision may add to a probability


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Facts of one model file. A JSON file with these keys beside an ONNX file makes it run here."""

    name: str
    input_size: int
    """s: the network takes a square of s x s pixels."""
    layout: str = "NHWC"
    """NHWC or NCHW."""
    dtype: str = "uint8"
    """uint8: 0..255, as it is. float32: (x - mean) / std with x in 0..255."""
    color: str = "RGB"
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)
    output: str = "probability"
    """probability; logits (a sigmoid follows); class_logits (a softmax over channels follows)."""
    output_channel: int = 0
    """Which channel is the polyp's, where there are several."""
    threshold: float = 0.5
    """Recommended probability threshold."""
    sha256: str = ""
    """Of the model file; empty: not checked."""
    network: Mapping[str, str | int | bool | None] | None = None
    """For weights (.safetensors): the fields of NetworkConfig that the weights belong to."""

    def __post_init__(self) -> None:
        for key, allowed in CHOICES.items():
            if getattr(self, key) not in allowed:
                raise CardError(
                    f"{key} of a model card must be one of {', '.join(allowed)}; "
                    f"found {_shown(getattr(self, key))}."
                )
        for key, value, fits, expected in self._facts():
            if not fits:
                raise CardError(f"{key} of a model card must be {expected}; found {_shown(value)}.")

    @classmethod
    def from_dict(cls, values: object, *, origin: str) -> Self:
        """Build a card from parsed JSON; anything unknown, missing or of the wrong type is a CardError."""
        if not isinstance(values, dict):
            raise CardError(f"{origin} must be a JSON object with the keys of a model card.")
        known = {entry.name for entry in fields(cls)}
        unknown, missing = sorted(set(values) - known), sorted({"name", "input_size"} - set(values))
        if unknown or missing:
            raise CardError(
                f"{origin} does not fit: unknown keys {unknown}, missing keys {missing}. "
                f"Known keys: {', '.join(sorted(known))}."
            )
        try:
            return cls(**{key: _plain(key, value) for key, value in values.items()})
        except (TypeError, ValueError) as error:
            raise CardError(f"{origin}: {error}") from error

    def as_dict(self) -> dict[str, Any]:
        """Return the card as it stands in its JSON file."""
        return asdict(self)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of the model's input, with the leading batch of one."""
        size = self.input_size
        return (1, 3, size, size) if self.layout == "NCHW" else (1, size, size, 3)

    def check_inputs(self, inputs: Sequence[tuple[Sequence[int | None], str]]) -> None:
        """Raise a CardError unless the file's inputs, (shape, dtype) each, are the one of this card.

        None in a shape is a side that the file leaves open. Some runtimes would convert without a word.
        """
        shape = inputs[0][0] if len(inputs) == 1 else ()
        same_sides = (found in (None, wanted) for found, wanted in zip(shape, self.input_shape, strict=False))
        if len(shape) == len(self.input_shape) and all(same_sides) and inputs[0][1] == self.dtype:
            return
        found = " and ".join(f"{kind} of {_shape_text(sides)}" for sides, kind in inputs) or "nothing"
        raise CardError(
            f"Model {self.name} takes {found}; its card promises one input, {self.dtype} of "
            f"{_shape_text(self.input_shape)}. Correct input_size, layout or dtype in the card."
        )

    def to_input(self, image: NDArray[np.uint8]) -> NDArray[np.uint8] | NDArray[np.float32]:
        """(s, s, 3) uint8 RGB -> the model's input, with a leading batch of one. InferenceError: not so."""
        if image.shape != (self.input_size, self.input_size, 3) or image.dtype != np.uint8:
            raise InferenceError(
                f"Model {self.name} takes ({self.input_size}, {self.input_size}, 3) uint8, got {image.shape} "
                f"{image.dtype}; this is a mistake in the program that calls it."
            )
        ordered = image[..., ::-1] if self.color == "BGR" else image
        if self.dtype == "uint8":
            return np.ascontiguousarray(self._arranged(ordered), np.uint8)
        scaled = (ordered - np.array(self.mean, np.float32)) / np.array(self.std, np.float32)
        return np.ascontiguousarray(self._arranged(scaled), np.float32)

    def to_probability(self, output: NDArray[np.floating[Any]]) -> Mask:
        """Turn the model's output into (s, s) float32 probability, own memory. InferenceError: it is none.

        What is not a number, or far from 0..1, is none: no mark is better than a mark drawn from nonsense.
        """
        values = np.asarray(output, np.float32)
        planes = values.reshape(-1, *values.shape[-2:]) if values.ndim > 1 else values[None, None]
        if planes.shape[1:] != (self.input_size, self.input_size) or self.output_channel >= planes.shape[0]:
            raise InferenceError(
                f"Model {self.name} answered an array of shape {values.shape}; its card promises "
                f"{self.input_size} x {self.input_size} with polyps in channel {self.output_channel}."
            )
        plane = planes[self.output_channel]
        if self.output == "logits":
            plane = _sigmoid(plane)
        elif self.output == "class_logits":
            plane = _softmax(planes, self.name)[self.output_channel]
        check_range(plane, f"Model {self.name} should answer probabilities")
        return np.array(plane, np.float32)

    def _facts(self) -> tuple[tuple[str, object, bool, str], ...]:
        """Key, value, whether it fits, and what was expected."""
        size, channel, network = self.input_size, self.output_channel, self.network
        numbers = all(map(_is_real, (*self.mean, *self.std)))
        is_threshold = _is_share(self.threshold)
        is_plain = self.dtype == "float32" or (not any(self.mean) and set(self.std) == {1})
        return (
            ("name", self.name, _is_text(self.name), "a text"),
            ("input_size", size, _is_whole(size, 1, LARGEST_INPUT), f"whole, from 1 to {LARGEST_INPUT}"),
            ("output_channel", channel, _is_whole(channel, 0, 4095), "whole, from 0"),
            ("threshold", self.threshold, is_threshold, "between 0 and 1"),
            ("mean", self.mean, numbers, "three numbers"),
            ("std", self.std, numbers and min(self.std) > 0, "three numbers above zero"),
            ("mean and std", (self.mean, self.std), is_plain, "left out for uint8, which goes in as it is"),
            ("sha256", self.sha256, _is_sha256(self.sha256), "64 hexadecimal digits, or empty"),
            ("network", network, network is None or _is_mapping(network), "an object"),
        )

    def _arranged(self, pixels: NDArray[Any]) -> NDArray[Any]:
        return (pixels.transpose(2, 0, 1) if self.layout == "NCHW" else pixels)[None]


def check_range(probability: NDArray[np.floating[Any]], promise: str) -> None:
    """Raise an InferenceError that begins with `promise` unless all numbers are from 0 to 1."""
    lowest, highest = float(probability.min()), float(probability.max())
    if not (lowest >= -_RANGE_SLACK and highest <= 1 + _RANGE_SLACK):  # so written, NaN fails too
        raise InferenceError(
            f"{promise} from 0 to 1, and answered values from {lowest:g} to {highest:g}. Try --precision "
            "fp32 or another engine; if the model ends before its sigmoid, its card must say so (output: "
            "logits)."
        )


def find_card(model: Path) -> Path:
    """The card of a model file: NAME.json beside NAME.onnx, else card.json in the same folder."""
    candidates = (model.with_suffix(".json"), model.with_name("card.json"))
    for path in candidates:
        if path.is_file():
            return path
    raise CardError(
        f"{model} has no card, so its input size, colour order and normalisation are unknown. Expected "
        f"{candidates[0].name} or {candidates[1].name} beside it, with at least name, input_size, layout, "
        "dtype, mean, std and output; see export/README.md."
    )


def read_card(path: Path) -> ModelCard:
    """Read one card file."""
    return ModelCard.from_dict(read_json(path), origin=str(path))


def read_json(path: Path) -> object:
    """Parse a JSON file; what is not JSON is a CardError."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))  # some editors begin with a byte-order mark
    except FileNotFoundError as error:
        raise CardError(f"{path} does not exist; expected a JSON file.") from error
    except (OSError, ValueError, RecursionError) as error:  # ValueError: also a number of 5000 digits
        raise CardError(f"{path} cannot be read as JSON: {error}.") from error


def file_sha256(path: Path) -> str:
    """Hex digest of a file; one that cannot be read is a ModelError."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.") from error


def check_hash(model: Path, card: ModelCard) -> str:
    """Return the file's sha256; a CardError if the card states another one."""
    found = file_sha256(model)
    if card.sha256 and card.sha256.lower() != found:
        raise CardError(
            f"{model} is not the file its card describes: the card states sha256 {card.sha256[:16]}..., the "
            f"file has {found[:16]}... It was damaged or exchanged; restore it, or correct the card if you "
            "changed it."
        )
    return found


def _shown(value: object) -> str:
    """The value as a person may read it, whatever its length or depth."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        return "something too long to show"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _plain(key: str, value: object) -> Any:  # noqa: ANN401 - JSON values; ModelCard checks them
    if key in ("mean", "std"):
        if not isinstance(value, list) or len(value) != 3 or not all(map(_is_real, value)):  # noqa: PLR2004 - RGB
            raise CardError(f"{key} of a model card must be a list of three numbers; found {_shown(value)}.")
        return tuple(float(entry) for entry in value)
    return value


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and 0 < value < 1


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _is_whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_real(value: object) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    except OverflowError:  # a whole number beyond the largest float
        return False


def _is_mapping(value: object) -> bool:
    return isinstance(value, Mapping)


def _is_sha256(value: object) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value.lower()) is not None


def _shape_text(sides: Sequence[int | None]) -> str:
    return " x ".join("any" if side is None else str(side) for side in sides) or "one number"


def _softmax(planes: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    if len(planes) < 2:  # noqa: PLR2004 - one class among others
        raise InferenceError(
            f"Model {name} answered a single plane; its card promises class_logits, which have one for each "
            "class. If it is the polyp's, its card must say output: logits."
        )
    powers = np.exp(planes - planes.max(axis=0))
    return np.asarray(powers / powers.sum(axis=0), np.float32)


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    half = np.float32(0.5)
    # No overflow, unlike 1 / (1 + exp(-x)).
    return np.asarray(half * (1 + np.tanh(half * logits)), np.float32)
