"""The weights that are validated and saved: a moving average of those that are trained."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Average:
    """Exponential moving average of all parameters and buffers; decay 0: they are the trained ones."""

    def __init__(self, network: nn.Module, *, decay: float) -> None:
        self._decay = decay
        self._source: dict[str, Tensor] = network.state_dict()  # views: they follow the network
        self.values = {name: value.clone() for name, value in self._source.items()}
        self._averaged = [name for name, value in self._source.items() if value.dtype.is_floating_point]
        self._copied = [name for name in self._source if name not in set(self._averaged)]

    def update(self, step: int) -> None:
        """Take in the weights after step number `step`; the first ones, far from their goal, fade sooner."""
        decay = min(self._decay, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(  # as torch's own swa_utils: 400 tensors in one call
                [self.values[name] for name in self._averaged],
                [self._source[name] for name in self._averaged],
                1 - decay,
            )
            for name in self._copied:
                self.values[name].copy_(self._source[name])

    def load(self, values: Mapping[str, Tensor]) -> None:
        """Take over saved values. LookupError, RuntimeError: they are of another network."""
        for name, value in self.values.items():
            value.copy_(values[name])
