"""Where the data that ships with scr-live lies, in a checkout or a wheel, and which model a name means."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from scr_live.card import ModelCard, check_hash, file_sha256, find_card, read_card
from scr_live.errors import CardError, ModelNotFoundError
from scr_live.manifest import MANIFEST, Artifact, read_manifest

DEFAULT_MODEL: Final = "scr-net-lite0"

WEIGHTS_SUFFIX: Final = ".safetensors"
RUN_WEIGHTS: Final = "best.safetensors"
"""What is taken of the folder of a training run."""
SHARED_CARD: Final = "card.json"
"""The card of all files of a folder."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model file that was found, with its card, hash checked."""

    path: Path
    card: ModelCard
    sha256: str
    precision: str = "fp32"
    """Of the file, as its manifest says; fp32 where none says anything."""
    form: str = "native"
    """native, which every runtime reads; or plugin, which TensorRT alone does."""
    dice_loss: float | None = None
    """By how much its Dice is lower than that of PyTorch, as its manifest says; None where none does."""

    @property
    def holds_weights(self) -> bool:
        """It is a file of weights, which PyTorch alone runs, and no ONNX file."""
        return self.path.suffix == WEIGHTS_SUFFIX

    def variant(self, *, precision: str, form: str = "native") -> "Model":
        """Another ONNX file of the same export, found and hash-checked through its manifest.

        ModelNotFoundError: there is none, and how to make it. CardError: it is not the file the manifest
        describes.
        """
        manifest = read_manifest(self.path.parent)
        is_of_export = manifest is not None and self.path.name in (one.file for one in manifest.artifacts)
        artifact = manifest.find(precision=precision, form=form) if manifest and is_of_export else None
        if artifact is None or not _is_file(self.path.parent / artifact.file):
            raise ModelNotFoundError(_missing(self, precision, form, artifact))
        return _checked(self.path.parent, artifact, self.card)


def data_dir() -> Path:
    """The folder that holds `export` (and, in a checkout, `models`)."""
    package = Path(__file__).parent
    packed = package / "_data"
    return packed if packed.is_dir() else package.parent


def model_names() -> list[str]:
    """Names of the shipped models."""
    return sorted(card.parent.name for card in (data_dir() / "export").glob("*/card.json"))


def model_for(engine: str, name_or_path: str) -> Model | None:
    """What an engine runs: weights for PyTorch, an ONNX file for others, None where it looks at nothing.

    `auto` takes the weights file or the folder of a training run if that is what is named.
    """
    match engine:
        case "constant":
            return None
        case "pytorch":
            return find_weights(name_or_path)
        case "auto" if name_or_path not in model_names() and _names_weights(Path(name_or_path)):
            return find_weights(name_or_path)
        case _:
            return find_model(name_or_path)


def find_model(name_or_path: str) -> Model:
    """A shipped model by name, or any ONNX file by path with a card beside it."""
    path = data_dir() / "export" / name_or_path / f"{name_or_path}.onnx"
    if name_or_path not in model_names():
        path = Path(name_or_path)
        if _names_weights(path):
            raise ModelNotFoundError(
                f"{name_or_path} holds weights, which --engine pytorch runs; the other engines take an ONNX "
                "file. Give --engine pytorch, or the path of the exported .onnx."
            )
        if not _is_file(path):
            raise ModelNotFoundError(
                f"No model {name_or_path!r}. Expected the path of an ONNX file, of {WEIGHTS_SUFFIX} weights "
                f"or of a training run, which has its {RUN_WEIGHTS} from the first validation on; or one of "
                f"the shipped models: {', '.join(model_names()) or 'none are installed'}."
            )
    return read_model(path)


def find_weights(name_or_path: str) -> Model:
    """Trained weights for PyTorch: a model in `models` by name, or by path a .safetensors file or a run."""
    path = Path(name_or_path)
    if _is_file(path / RUN_WEIGHTS):
        path = path / RUN_WEIGHTS
    elif not _is_file(path):
        path = data_dir() / "models" / name_or_path / "weights.safetensors"
    if path.suffix != WEIGHTS_SUFFIX or not _is_file(path):
        raise ModelNotFoundError(
            f"No weights for {name_or_path!r}: PyTorch runs a .safetensors file with its card.json beside "
            f"it, the folder of a training run with {RUN_WEIGHTS}, or a model of the folder `models` of a "
            "checkout. Give the path of one with --model."
        )
    return read_model(path)


def read_model(path: Path) -> Model:
    """A model file with its card; a CardError if there is none or it describes another file.

    The card of an export describes its fp32 file; the manifest beside it has the hashes of the others.
    """
    origin = find_card(path)
    card = read_card(origin)
    artifact = _variant_at(path) if origin.name == SHARED_CARD and path.stem != card.name else None
    if artifact is not None:
        return _checked(path.parent, artifact, card)
    return Model(path, card, check_hash(path, card))


def _variant_at(path: Path) -> Artifact | None:
    """What the manifest of the folder says of an ONNX file that is not the card's own."""
    manifest = read_manifest(path.parent)
    artifacts = manifest.artifacts if manifest is not None else ()
    return next((one for one in artifacts if one.file == path.name and one.kind == "onnx"), None)


def _checked(folder: Path, artifact: Artifact, card: ModelCard) -> Model:
    path = folder / artifact.file
    found = file_sha256(path)
    if found != artifact.sha256:
        raise CardError(
            f"{path} is not the file of its {MANIFEST}: that states sha256 {artifact.sha256[:16]}..., the "
            f"file has {found[:16]}... It was damaged or exchanged; restore it, or export it again."
        )
    own = replace(card, sha256=found, input_size=artifact.input_size)
    return Model(path, own, found, artifact.precision, artifact.form, artifact.dice_loss)


def _missing(model: Model, precision: str, form: str, artifact: Artifact | None) -> str:
    """Why there is no such variant, and what to do."""
    form_text = "" if form == "native" else f" in {form} form"
    if artifact is not None:
        found = f"{MANIFEST} names {artifact.file}, which is gone"
    else:
        found = f"{model.path.parent} has none (its {MANIFEST} would name it)"
    pictures = " --calibration PICTURES" if precision == "int8" else ""
    command = f"scr-live export --ckpt WEIGHTS --precision {precision}{pictures}"
    return (
        f"There is no {precision} file{form_text} of {model.card.name}: {found}. Write one with `{command}` "
        "and name the .onnx it wrote with --model, or use --precision auto."
    )


def _names_weights(path: Path) -> bool:
    return path.suffix == WEIGHTS_SUFFIX or _is_file(path / RUN_WEIGHTS)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, a folder that may not be looked into
        return False
