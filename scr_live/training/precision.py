"""The arithmetic of a training step: float32, or mixed where the device is faster in half precision."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Self

import torch
from torch import Tensor, nn

_LEAST_POINTWISE: Final = 24
_LEAST_DENSE: Final = 48
"""Channels from which a 1x1 and a dense 3x3 convolution gain in bfloat16 on a CPU; measured with lite0."""

SKIPS_IN_A_ROW: Final = 20
"""float16 steps that may overflow one after another: the scale was halved that often, from 65536."""


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """How the forward pass is computed, and how its gradients are scaled."""

    name: str
    device: str
    dtype: torch.dtype
    """Of autocast; float32: no autocast."""
    scaler: torch.amp.GradScaler
    """Switched off unless the dtype is float16: small gradients would vanish in it."""
    note: str = ""
    """What the user should know."""

    @classmethod
    def of(cls, dtype: torch.dtype, *, device: str, name: str = "", note: str = "") -> Self:
        """The arithmetic of this autocast type."""
        scaler = torch.amp.GradScaler(device, enabled=dtype == torch.float16)
        return cls(name or str(dtype).removeprefix("torch."), device, dtype, scaler, note)

    def autocast(self) -> AbstractContextManager[None]:
        """Around the forward pass."""
        return torch.autocast(self.device, self.dtype, enabled=self.dtype != torch.float32)


def prepare_arithmetic(network: nn.Module, precision: str, *, device: torch.device) -> Arithmetic:
    """The arithmetic of a recipe's `precision` on this device.

    Mixed on a CPU: the convolutions of `network` that gain by it are replaced by ones that compute in
    bfloat16, with the same parameters; autocast would make depthwise ones slower. A CPU without bfloat16
    arithmetic, which would be slower throughout, stays in float32; the note says so.
    """
    kind = device.type
    if precision == "float32":
        return Arithmetic.of(torch.float32, device=kind)
    if kind == "cuda":
        with torch.cuda.device(device):  # of several GPUs, the one that trains is asked
            has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
        half = torch.bfloat16 if has_bfloat16 else torch.float16
        return Arithmetic.of(half, device=kind)
    if kind == "cpu" and cpu_has_bfloat16():
        use_bfloat16_convolutions(network)
        return Arithmetic.of(torch.float32, device=kind, name="float32, large convolutions in bfloat16")
    note = f'precision = "mixed" has no effect: this {kind.upper()} is not faster in half precision.'
    return Arithmetic.of(torch.float32, device=kind, note=note)


def cpu_has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 by itself. Merely emulated it is several times slower."""
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # since torch 2.6 and not public
    return any(getattr(torch.cpu, name, bool)() for name in checks)


def use_bfloat16_convolutions(network: nn.Module) -> None:
    """Replace the convolutions that gain by it, keeping parameters, names and the type of what comes out."""
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.Conv2d and _gains(child):
                setattr(parent, name, _Bfloat16Conv2d.like(child))


class _Bfloat16Conv2d(nn.Conv2d):
    """A convolution in bfloat16 between float32 layers."""

    @classmethod
    def like(cls, other: nn.Conv2d) -> Self:
        with torch.device("meta"):
            conv = cls(
                other.in_channels,
                other.out_channels,
                other.kernel_size,
                stride=other.stride,
                padding=other.padding,
                dilation=other.dilation,
                bias=other.bias is not None,
            )
        conv.weight, conv.bias = other.weight, other.bias
        return conv

    def forward(self, features: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias.bfloat16()
        return self._conv_forward(features.bfloat16(), self.weight.bfloat16(), bias).to(features.dtype)


def _gains(conv: nn.Conv2d) -> bool:
    if conv.groups != 1 or conv.padding_mode != "zeros":
        return False
    if conv.kernel_size == (1, 1):
        return min(conv.in_channels, conv.out_channels) >= _LEAST_POINTWISE
    return conv.kernel_size == (3, 3) and conv.in_channels >= _LEAST_DENSE
