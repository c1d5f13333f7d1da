"""Attention U-Net (Oktay et al., MIDL 2018), in the two-dimensional form that polyp papers compare with.

The paper's own network is three-dimensional and gates at the coarser grid. Its usual 2-D form (34.9 M
parameters) has U-Net's widths, batch normalisation, upsampling by nearest neighbour with a 3x3 convolution
behind it, and the gate at the finer grid, after upsampling.
"""

from itertools import pairwise

import torch
from layers import conv_bn, conv_bn_relu
from torch import Tensor, nn

WIDTHS = (64, 128, 256, 512, 1024)


class AttentionUNet(nn.Module):
    """(b, 3, h, w) -> (b, 1, h, w) logits. h and w: multiples of 16."""

    def __init__(self) -> None:
        super().__init__()
        self.contract = nn.ModuleList(_double_conv(*pair) for pair in pairwise((3, *WIDTHS)))
        pairs = list(pairwise(reversed(WIDTHS)))  # (deeper, shallower), from the bottom up
        self.up_conv = nn.ModuleList(
            nn.Sequential(nn.Upsample(scale_factor=2), conv_bn_relu(deep, shallow, bias=True))
            for deep, shallow in pairs
        )
        self.gate = nn.ModuleList(AttentionGate(shallow) for _, shallow in pairs)
        self.expand = nn.ModuleList(_double_conv(2 * shallow, shallow) for _, shallow in pairs)
        self.pool = nn.MaxPool2d(2)
        self.classify = nn.Conv2d(WIDTHS[0], 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        """U-Net, whose shortcuts pass through gates."""
        levels: list[Tensor] = []
        for block in self.contract:
            levels.append(block(self.pool(levels[-1]) if levels else image))
        features = levels.pop()  # b, 1024, h/16, w/16
        for up_conv, gate, expand in zip(self.up_conv, self.gate, self.expand, strict=True):
            signal = up_conv(features)
            features = expand(torch.cat((gate(levels.pop(), signal), signal), dim=1))
        return self.classify(features)  # from b, 64, h, w


class AttentionGate(nn.Module):
    """Additive attention, equations 1 and 2: x * sigmoid(psi(relu(W_x x + W_g g)))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = channels // 2
        self.w_g = conv_bn(channels, inner, bias=True)
        self.w_x = conv_bn(channels, inner, bias=True)
        self.psi = conv_bn(inner, 1, bias=True)

    def forward(self, shortcut: Tensor, signal: Tensor) -> Tensor:
        """Both (b, c, h, w) -> (b, c, h, w)."""
        together = (self.w_x(shortcut) + self.w_g(signal)).relu()  # b, c/2, h, w
        return shortcut * self.psi(together).sigmoid()


def _double_conv(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(conv_bn_relu(before, after, bias=True), conv_bn_relu(after, after, bias=True))
