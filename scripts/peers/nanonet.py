"""NanoNet-C (Jha et al., CBMS 2021): the begin of MobileNetV2 x 0.35 and three small decoder blocks."""

import torch
from layers import SqueezeExcitation, conv_bn, conv_bn_relu, enlarge
from torch import Tensor, nn

WIDTHS = (32, 24, 16)
"""Of the decoder, from the bottom up."""
BRIDGE = 48


class NanoNetC(nn.Module):
    """(b, 3, h, w) -> (b, 1, h, w) logits. h and w: multiples of 8."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _conv_relu6(3, 16, kernel=3, stride=2)
        self.block_0 = nn.Sequential(_depthwise(16), conv_bn(16, 8))
        self.expand_1 = _conv_relu6(8, 48)
        self.block_1 = nn.Sequential(_depthwise(48, stride=2), conv_bn(48, 8))
        self.block_2 = Inverted(8, 48)
        self.expand_3 = _conv_relu6(8, 48)
        self.block_3 = nn.Sequential(_depthwise(48, stride=2), conv_bn(48, 16))
        self.blocks_4_5 = nn.Sequential(Inverted(16, 96), Inverted(16, 96))
        self.expand_6 = _conv_relu6(16, 96)
        self.bridge = ResidualBlock(96, BRIDGE)
        self.skips = nn.ModuleList(
            conv_bn_relu(before, width, kernel=1, bias=True)
            for before, width in zip((48, 48, 3), WIDTHS, strict=True)
        )
        self.decode = nn.ModuleList(
            ResidualBlock(before + width, width)
            for before, width in zip((BRIDGE, *WIDTHS), WIDTHS, strict=False)
        )
        self.classify = nn.Conv2d(WIDTHS[-1], 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Three shortcuts: from two of the encoder's widened maps, and from the picture itself."""
        half = self.expand_1(self.block_0(self.stem(image)))  # b, 48, h/2, w/2
        quarter = self.expand_3(self.block_2(self.block_1(half)))  # b, 48, h/4, w/4
        eighth = self.expand_6(self.blocks_4_5(self.block_3(quarter)))  # b, 96, h/8, w/8
        features = self.bridge(eighth)
        for taken, skip, decode in zip((quarter, half, image), self.skips, self.decode, strict=True):
            features = decode(torch.cat((enlarge(features, 2), skip(taken)), dim=1))
        return self.classify(features)


class Inverted(nn.Module):
    """MobileNetV2's block with its shortcut."""

    def __init__(self, channels: int, wide: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(_conv_relu6(channels, wide), _depthwise(wide), conv_bn(wide, channels))

    def forward(self, features: Tensor) -> Tensor:
        """(b, c, h, w) -> the same shape."""
        return features + self.residual(features)


class ResidualBlock(nn.Module):
    """1x1 and 3x3 at a quarter of the width, 3x3 to the width, squeeze and excitation behind the sum."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            conv_bn_relu(before, after // 4, kernel=1, bias=True),
            conv_bn_relu(after // 4, after // 4, bias=True),
            conv_bn(after // 4, after, kernel=3, bias=True),
        )
        self.shortcut = conv_bn(before, after, bias=True)
        self.attention = SqueezeExcitation(after, reduction=16)

    def forward(self, features: Tensor) -> Tensor:
        """(b, before, h, w) -> (b, after, h, w)."""
        return self.attention((self.residual(features) + self.shortcut(features)).relu())


def _conv_relu6(before: int, after: int, *, kernel: int = 1, stride: int = 1) -> nn.Sequential:
    return conv_bn(before, after, kernel=kernel, stride=stride).append(nn.ReLU6(inplace=True))


def _depthwise(channels: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU6(inplace=True),
    )
