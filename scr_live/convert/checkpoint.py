"""Which weights an export starts from: a file with its card, or the folder of a training run."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from scr_live.card import LARGEST_INPUT, ModelCard, check_hash, file_sha256, find_card, read_card
from scr_live.errors import CardError, ModelError, ModelNotFoundError, OptionError
from scr_live.network.weights import PT_SUFFIXES
from scr_live.shipped import RUN_WEIGHTS, WEIGHTS_SUFFIX, Model, find_weights

SIZE_STEP: Final = 32
"""Sides of the network's input are multiples of this: it halves its levels up to five times."""

_WAY = (
    f"Give a {WEIGHTS_SUFFIX} or .pt file with its card (NAME.json or card.json) beside it, or the folder of "
    f"a training run, which has its {RUN_WEIGHTS} from the first validation on."
)


def find_checkpoint(path: Path, *, size: int | None = None) -> Model:
    """The weights and their card, hash checked, the card of another input size if one is asked for.

    ModelNotFoundError, CardError, ModelError or OptionError say what is wrong; no weight is read yet.
    """
    model = _find(path)
    _check_name(model.card, path)
    if model.card.network is None:
        raise CardError(
            f"The card of {model.path} has no `network`, so it cannot be told which network these "
            "weights are of. Take the card that training wrote beside its weights."
        )
    wanted = model.card.input_size if size is None else size
    if wanted % SIZE_STEP or not SIZE_STEP <= wanted <= LARGEST_INPUT:
        where = "The input_size of the card" if size is None else "--size"
        raise OptionError(
            f"{where} must be a multiple of {SIZE_STEP} from {SIZE_STEP} to {LARGEST_INPUT}; found {wanted}."
        )
    return replace(model, card=replace(model.card, input_size=wanted))


def _find(path: Path) -> Model:
    try:
        is_file = path.is_file()
        there = is_file or path.exists()
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        raise ModelNotFoundError(f"{path} cannot be read: {error.strerror}. {_WAY}") from error
    if is_file and path.suffix in PT_SUFFIXES:
        return _read_pt_model(path)
    if is_file and path.suffix != WEIGHTS_SUFFIX:
        raise ModelError(f"{path} is no checkpoint that can be exported. {_WAY}")
    if not is_file and there and not (path / RUN_WEIGHTS).is_file():
        raise ModelNotFoundError(f"The folder {path} holds no {RUN_WEIGHTS}. {_WAY}")
    try:
        return find_weights(str(path))  # a model of the folder `models` has its name for a path
    except ModelNotFoundError as error:
        raise ModelNotFoundError(f"No checkpoint at {path}. {_WAY}") from error


def _read_pt_model(path: Path) -> Model:
    card = read_card(find_card(path))
    if path.with_suffix(WEIGHTS_SUFFIX).is_file():  # the card's hash is that file's
        return Model(path, card, file_sha256(path))
    return Model(path, card, check_hash(path, card))


def _check_name(card: ModelCard, path: Path) -> None:
    """A name becomes a file's: it must not lead elsewhere."""
    if card.name.startswith((".", "-")) or not card.name.isprintable() or set(card.name) & set('/\\:*?"<>|'):
        raise CardError(
            f"The name in the card of {path}, {card.name!r}, cannot be a file's. Use letters, digits, dots "
            "and hyphens."
        )
