"""Receptive field blocks and the parallel partial decoder (Wu, Su and Huang, CVPR 2019).

PraNet and HarDNet-MSEG share them. Convolutions have batch normalisation and, but for the block's end, no
ReLU, as in the authors' code.
"""

import torch
from layers import conv_bn, enlarge
from torch import Tensor, nn

REACHES = (3, 5, 7)
"""Of the branches: lengths of the two flat kernels, and dilation of the 3x3 behind them."""


class ReceptiveField(nn.Module):
    """RFB: four branches of growing reach, and a shortcut."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList([conv_bn(before, after)])
        for reach in REACHES:
            self.branches.append(
                nn.Sequential(
                    conv_bn(before, after),
                    conv_bn(after, after, kernel=(1, reach)),
                    conv_bn(after, after, kernel=(reach, 1)),
                    conv_bn(after, after, kernel=3, dilation=reach),
                )
            )
        self.join = conv_bn(len(self.branches) * after, after, kernel=3)
        self.shortcut = conv_bn(before, after)

    def forward(self, features: Tensor) -> Tensor:
        """(b, before, h, w) -> (b, after, h, w)."""
        joined = self.join(torch.cat([branch(features) for branch in self.branches], dim=1))
        return (joined + self.shortcut(features)).relu()


class PartialDecoder(nn.Module):
    """PPD: three levels of equal width, each the double of the next in size, become one map of logits."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.high_to_middle = conv_bn(channels, channels, kernel=3)
        self.high_to_low = conv_bn(channels, channels, kernel=3)
        self.middle_to_low = conv_bn(channels, channels, kernel=3)
        self.beside_middle = conv_bn(channels, channels, kernel=3)
        self.beside_low = conv_bn(2 * channels, 2 * channels, kernel=3)
        self.join_middle = conv_bn(2 * channels, 2 * channels, kernel=3)
        self.join_low = conv_bn(3 * channels, 3 * channels, kernel=3)
        self.refine = conv_bn(3 * channels, 3 * channels, kernel=3)
        self.classify = nn.Conv2d(3 * channels, 1, 1)

    def forward(self, low: Tensor, middle: Tensor, high: Tensor) -> Tensor:
        """low: (b, c, h, w), middle: h/2, high: h/4 -> (b, 1, h, w)."""
        high_up = _double(high)  # b, c, h/2, w/2
        both = self.high_to_middle(high_up) * middle
        all_three = self.high_to_low(_double(high_up)) * self.middle_to_low(_double(middle)) * low
        joined = self.join_middle(torch.cat((both, self.beside_middle(high_up)), dim=1))  # b, 2c, h/2, w/2
        joined = self.join_low(torch.cat((all_three, self.beside_low(_double(joined))), dim=1))  # b, 3c, h, w
        return self.classify(self.refine(joined))


def _double(features: Tensor) -> Tensor:
    return enlarge(features, 2, align_corners=True)
