"""Where the data that ships with scr-live lies, in a checkout or a wheel, and which model a name means."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scr_live.card import ModelCard, check_hash, find_card, read_card
from scr_live.errors import ModelNotFoundError

DEFAULT_MODEL: Final = "scr-net-lite0"

WEIGHTS_SUFFIX: Final = ".safetensors"
RUN_WEIGHTS: Final = "best.safetensors"
"""What is taken of the folder of a training run."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model file that was found, with its card, hash checked."""

    path: Path
    card: ModelCard
    sha256: str

    @property
    def holds_weights(self) -> bool:
        """It is a file of weights, which PyTorch alone runs, and no ONNX file."""
        return self.path.suffix == WEIGHTS_SUFFIX


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
    """A model file with its card; a CardError if there is none or it describes another file."""
    card = read_card(find_card(path))
    return Model(path, card, check_hash(path, card))


def _names_weights(path: Path) -> bool:
    return path.suffix == WEIGHTS_SUFFIX or _is_file(path / RUN_WEIGHTS)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, a folder that may not be looked into
        return False
