"""Average the weights of runs that began from one another ("model soup", Wortsman et al. 2022).

    python scripts/average_weights.py RUN1/last.safetensors RUN2/last.safetensors --out average.safetensors

Each run counts alike; name one twice to count it double. The card of the last is written beside the result.
Whether an average is better than its parts, `scr-live evaluate` on validation pictures has to say.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from scr_live.card import file_sha256
from scr_live.files import write_json
from scr_live.network.weights import read_network, save_weights
from scr_live.shipped import read_model


def main() -> None:
    """Read all, average, write weights and card."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    models = [read_model(path) for path in arguments.weights]
    if any(model.card.network != models[0].card.network for model in models):
        raise SystemExit("Only weights of one network can be averaged; their cards name different ones.")
    states = [read_network(model.path, model.card).state_dict() for model in models]
    save_weights(arguments.out, average(states))
    card = replace(models[-1].card, name=arguments.out.stem, sha256=file_sha256(arguments.out))
    write_json(arguments.out.with_suffix(".json"), card.as_dict())


def average(states: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Mean of each floating-point tensor; the others (counters) are the last one's."""
    return {
        name: torch.stack([state[name] for state in states]).mean(dim=0) if last.is_floating_point() else last
        for name, last in states[-1].items()
    }


if __name__ == "__main__":
    main()
