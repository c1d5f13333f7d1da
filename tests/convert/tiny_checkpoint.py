"""A network of some thousand weights in a checkpoint, as if it had been trained."""

import json
from pathlib import Path

import torch

from scr_live.card import ModelCard, file_sha256
from scr_live.network.config import NetworkConfig
from scr_live.network.scr_net import ScrNet
from scr_live.network.weights import save_weights

SIZE = 32
CONFIG = NetworkConfig(encoder="plain", width=4)


def trained_like(config=CONFIG):
    """Random, but with flows, norms and side outputs of a size that errors would show in."""
    torch.manual_seed(0)
    network = ScrNet(config)
    with torch.no_grad():
        for name, value in network.named_parameters():
            if ".offset." in name or name.startswith("side."):
                value.copy_(torch.randn(value.shape) * 0.3)
        for name, value in network.named_buffers():
            if name.endswith("running_mean"):
                value.copy_(torch.randn(value.shape) * 0.1)
    return network.eval()


def write_checkpoint(folder: Path, *, network=None, name="tiny", file="w.safetensors", **options) -> Path:
    """Write weights and card; `options` are those of ModelCard."""
    folder.mkdir(parents=True, exist_ok=True)
    network = network or trained_like()
    path = folder / file
    if path.suffix == ".safetensors":
        save_weights(path, network.state_dict())
    else:
        torch.save(network.state_dict(), path)
    known = {"input_size": SIZE, "threshold": 0.4, "network": network.config.as_dict(), **options}
    card = ModelCard(name=name, sha256=file_sha256(path), **known)
    path.with_suffix(".json").write_text(json.dumps(card.as_dict()))
    return path
