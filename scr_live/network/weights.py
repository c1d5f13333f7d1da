"""Weights on disk: safetensors, or torch's own files read as tensors alone. Nothing in a file is ever run."""

import contextlib
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from scr_live.card import ModelCard
from scr_live.errors import CardError, ModelError, ModelNotFoundError, OutputUnwritableError
from scr_live.network.config import NetworkConfig
from scr_live.network.scr_net import ScrNet

PT_SUFFIXES: Final = (".pt", ".pth")
"""Torch's own files: zip archives with a pickle inside."""

_STATES: Final = ("average", "network", "state_dict", "model")
"""Where a training state keeps its weights, the averaged ones of our own first: they are what is shipped."""

_MOST_SHOWN: Final = 3


def read_network(path: Path, card: ModelCard) -> ScrNet:
    """The network that the card describes, with these weights, ready for inference."""
    if card.network is None:
        raise CardError(f"The card of {path} has no `network`: it cannot be told which network it holds.")
    try:
        network = ScrNet(NetworkConfig(**card.network))  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError) as error:  # badly typed or unknown fields, unknown encoder
        raise CardError(
            f"The card of {path} describes a network this version does not know: {error}."
        ) from error
    load_weights(network, path)
    return network.eval()


def save_weights(path: Path, state: Mapping[str, Tensor], *, half: bool = False) -> None:
    """Write all tensors, whole or not at all. half: float32 is stored as float16, half the size.

    ModelError: a value does not fit into float16. OutputUnwritableError: an older file is left as it was.
    """
    tensors = {
        name: (_halved(name, value) if half else value).contiguous().cpu() for name, value in state.items()
    }
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(save(tensors))  # safetensors' own file writer makes it unreadable to other users
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise OutputUnwritableError(f"Cannot write the weights {path}: {error}.") from error


def load_weights(network: nn.Module, path: Path) -> None:
    """Load finite weights of exactly this network; anything else is a ModelError that says what differs."""
    state = read_state(path)
    _check_numbers(state, network.state_dict(), path)
    state = {name: value.float() if value.is_floating_point() else value for name, value in state.items()}
    if differences := _differences(network.state_dict(), state):
        more = len(differences) - _MOST_SHOWN
        raise ModelError(
            f"{path} holds weights of another network than its card describes: "
            f"{'; '.join(differences[:_MOST_SHOWN])}{f'; and {more} more' if more > 0 else ''}. Give the "
            "card that belongs to the weights."
        )
    network.load_state_dict(state)


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors file, or of a .pt: a state dict, or a training state that holds one.

    Tensors and plain values only: a file that holds code is a ModelError, and nothing of it was run.
    """
    if not path.is_file():
        raise ModelNotFoundError(f"No weights at {path}. Expected a .safetensors or .pt file.")
    return _read_pt(path) if path.suffix in PT_SUFFIXES else _read_safetensors(path)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} is no readable safetensors file: {error}.") from error
    return tensors


def _read_pt(path: Path) -> dict[str, Tensor]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickles that are not torch's own
            values: object = torch.load(path, weights_only=True, map_location="cpu")
    except pickle.UnpicklingError as error:  # torch's own text proposes to run the file's code after all
        raise ModelError(
            f"{path} holds no weights that can be read: it is damaged, or holds code instead of tensors and "
            "plain values. Nothing of it was run. Save the state dict of the network, best as .safetensors."
        ) from error
    except Exception as error:  # whatever the bytes of a damaged file lead torch's reader into
        reason = " ".join(str(error).split()) or "it is cut off"
        raise ModelError(
            f"{path} is damaged and cannot be read: {reason.rstrip('.')}. Copy it anew."
        ) from error
    for name in _STATES:
        if isinstance(values, dict) and isinstance(values.get(name), dict):
            values = values[name]
            break
    if not isinstance(values, dict) or not values or not _are_tensors(values):
        raise ModelError(
            f"{path} holds no state dict: expected tensors by name, as such or under one of "
            f"{', '.join(_STATES)}. Save `network.state_dict()`."
        )
    return values


def _are_tensors(values: Mapping[object, object]) -> bool:
    return all(isinstance(key, str) and isinstance(value, Tensor) for key, value in values.items())


def _check_numbers(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], path: Path) -> None:
    """Torch copies some of these without a word, and fails on others with words of its own."""
    for name, value in state.items():
        if value.layout != torch.strided or value.is_meta or value.is_quantized or value.is_nested:
            found = "a tensor that is sparse, nested, quantised or without data"
        elif name in wanted and value.is_floating_point() != wanted[name].is_floating_point():
            found = str(value.dtype)
        elif not torch.isfinite(value.float()).all():
            found = "NaN or infinity: the training diverged"
        else:
            continue
        raise ModelError(
            f"{name} in {path} cannot be computed with: expected finite real numbers, found {found}. Give "
            "weights as training writes them."
        )


def _differences(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[str]:
    """What keeps these tensors from being those, a line each."""
    lines = [f"{name} is missing" for name in wanted if name not in found]
    lines += [f"{name} is unknown" for name in found if name not in wanted]
    return lines + [
        f"{name} has the shape {tuple(found[name].shape)} instead of {tuple(value.shape)}"
        for name, value in wanted.items()
        if name in found and found[name].shape != value.shape
    ]


def _halved(name: str, value: Tensor) -> Tensor:
    if value.dtype != torch.float32:
        return value
    half = value.half()
    if not torch.equal(torch.isfinite(half), torch.isfinite(value)):
        raise ModelError(
            f"{name} reaches {value.abs().max().item():.3g}, beyond the 65504 of float16. Store these "
            "weights in float32."
        )
    return half
