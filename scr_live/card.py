"""ModelCard: what a model expects and answers, kept beside its file and read by every engine."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from scr_live.errors import CardError, InferenceError
from scr_live.frames import Mask

Triple: TypeAlias = tuple[float, float, float]

CHOICES: Final = {
    "layout": ("NHWC", "NCHW"),
    "dtype": ("uint8", "float32"),
    "color": ("RGB", "BGR"),
    "output": ("probability", "logits", "class_logits"),
}


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
                    f"found {getattr(self, key)!r}."
                )
        if not isinstance(self.input_size, int) or not 1 <= self.input_size <= 4096:  # noqa: PLR2004 - see text
            raise CardError(f"input_size must be a whole number from 1 to 4096; found {self.input_size!r}.")
        if not 0 < self.threshold < 1:
            raise CardError(f"threshold must lie between 0 and 1; found {self.threshold!r}.")
        if not all(self.std):
            raise CardError(f"std must not be zero; found {self.std!r}.")

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

    def to_input(self, image: NDArray[np.uint8]) -> NDArray[np.uint8] | NDArray[np.float32]:
        """(s, s, 3) uint8 RGB -> the model's input, with a leading batch of one."""
        ordered = image[..., ::-1] if self.color == "BGR" else image
        if self.dtype == "uint8":
            return np.ascontiguousarray(self._arranged(ordered), np.uint8)
        scaled = (ordered - np.array(self.mean, np.float32)) / np.array(self.std, np.float32)
        return np.ascontiguousarray(self._arranged(scaled), np.float32)

    def to_probability(self, output: NDArray[np.floating[Any]]) -> Mask:
        """Turn the model's output into (s, s) float32 probability, own memory. InferenceError: it is none."""
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
            powers = np.exp(planes - planes.max(axis=0))
            plane = powers[self.output_channel] / powers.sum(axis=0)
        return np.array(plane, np.float32)

    def _arranged(self, pixels: NDArray[Any]) -> NDArray[Any]:
        return (pixels.transpose(2, 0, 1) if self.layout == "NCHW" else pixels)[None]


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
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CardError(f"{path} does not exist; expected a JSON file.") from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CardError(f"{path} cannot be read as JSON: {error}.") from error


def file_sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def check_hash(model: Path, card: ModelCard) -> str:
    """Return the file's sha256; a CardError if the card states another one."""
    found = file_sha256(model)
    if card.sha256 and card.sha256 != found:
        raise CardError(
            f"{model} is not the file its card describes: the card states sha256 {card.sha256[:16]}..., the "
            f"file has {found[:16]}... It was damaged or exchanged; restore it, or correct the card if you "
            "changed it."
        )
    return found


def _plain(key: str, value: object) -> Any:  # noqa: ANN401 - JSON values; ModelCard checks them
    if key in ("mean", "std"):
        if not isinstance(value, list) or len(value) != 3:  # noqa: PLR2004 - one a colour
            raise CardError(f"{key} must be a list of three numbers; found {value!r}.")
        return tuple(float(entry) for entry in value)
    return value


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    half = np.float32(0.5)
    return np.asarray(
        half * (1 + np.tanh(half * logits)), np.float32
    )  # no overflow, unlike 1 / (1 + exp(-x))
