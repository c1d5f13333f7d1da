"""U-Net (Ronneberger, Fischer and Brox, MICCAI 2015), with padded convolutions.

The paper's convolutions are not padded, so that 572 x 572 in gives 388 x 388 out; everybody who compares with
it pads, and so does this, since an answer must have the size of its picture. One class instead of two.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

WIDTHS = (64, 128, 256, 512, 1024)


class UNet(nn.Module):
    """(b, 3, h, w) -> (b, 1, h, w) logits. h and w: multiples of 16."""

    def __init__(self) -> None:
        super().__init__()
        self.contract = nn.ModuleList(double_conv(*pair) for pair in pairwise((3, *WIDTHS)))
        pairs = list(pairwise(reversed(WIDTHS)))  # (deeper, shallower), from the bottom up
        self.up_conv = nn.ModuleList(
            nn.ConvTranspose2d(deep, shallow, 2, stride=2) for deep, shallow in pairs
        )
        self.expand = nn.ModuleList(double_conv(2 * shallow, shallow) for _, shallow in pairs)
        self.pool = nn.MaxPool2d(2)
        self.classify = nn.Conv2d(WIDTHS[0], 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Four times down, four times up, each level joined to its equal."""
        levels: list[Tensor] = []
        for block in self.contract:
            levels.append(block(self.pool(levels[-1]) if levels else image))
        features = levels.pop()  # b, 1024, h/16, w/16
        for up_conv, expand in zip(self.up_conv, self.expand, strict=True):
            features = expand(torch.cat((levels.pop(), up_conv(features)), dim=1))
        return self.classify(features)  # from b, 64, h, w


def double_conv(before: int, after: int) -> nn.Sequential:
    """Two 3x3 convolutions with ReLU; the paper has no normalisation."""
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(after, after, 3, padding=1),
        nn.ReLU(inplace=True),
    )
