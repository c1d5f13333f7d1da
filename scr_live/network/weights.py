"""Weights on disk: safetensors, so that loading a file never runs code from it."""

import contextlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from scr_live.card import ModelCard
from scr_live.errors import CardError, ModelError, ModelNotFoundError, OptionError, OutputUnwritableError
from scr_live.network.config import NetworkConfig
from scr_live.network.scr_net import ScrNet


def read_network(path: Path, card: ModelCard) -> ScrNet:
    """The network that the card describes, with these weights, ready for inference."""
    if card.network is None:
        raise CardError(f"The card of {path} has no `network`: it cannot be told which network it holds.")
    try:
        network = ScrNet(NetworkConfig(**card.network))  # type: ignore[arg-type]
    except (TypeError, OptionError) as error:  # unknown or badly typed fields, unknown encoder
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
    """Load weights of exactly this network; anything else is a ModelError that says what differs."""
    if not path.is_file():
        raise ModelNotFoundError(f"No weights at {path}. Expected a .safetensors file.")
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} is no readable safetensors file: {error}.") from error
    float_state = {k: v.float() if v.dtype == torch.float16 else v for k, v in state.items()}
    try:
        network.load_state_dict(float_state)
    except RuntimeError as error:
        raise ModelError(f"{path} holds weights of another network. {error}") from error


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
