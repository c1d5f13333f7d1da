"""ResUNet++ (Jha et al., ISM 2019): residual units that begin with normalisation, ASPP, attention."""

import torch
from layers import Normalise, SqueezeExcitation, conv_bn
from torch import Tensor, nn

WIDTHS = (16, 32, 64, 128, 256)
RATES = (1, 6, 12, 18)


class ResUNetPlusPlus(nn.Module):
    """(b, 3, h, w) -> (b, 1, h, w) logits. h and w: multiples of 8."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d, e = WIDTHS
        self.stem = ResidualUnit(3, a, first=True)
        self.down = nn.ModuleList(ResidualUnit(*pair, stride=2) for pair in ((a, b), (b, c), (c, d)))
        self.bridge = Pyramid(d, e)
        self.up = nn.ModuleList(Decoder(*widths) for widths in ((c, e, d), (b, d, c), (a, c, b)))
        self.last_pyramid = Pyramid(b, a)
        self.classify = nn.Conv2d(a, 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Three times down, three times up."""
        levels = [self.stem(image)]
        for unit in self.down:
            levels.append(unit(levels[-1]))
        features = self.bridge(levels.pop())  # b, 256, h/8, w/8
        for decoder in self.up:
            features = decoder(levels.pop(), features)
        return self.classify(self.last_pyramid(features))  # from b, 32, h, w


class ResidualUnit(nn.Module):
    """Normalisation, ReLU, convolution, twice; the first of the network begins with its convolution."""

    def __init__(self, before: int, after: int, *, stride: int = 1, first: bool = False) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.Identity() if first else nn.Sequential(Normalise(before), nn.ReLU()),
            conv_bn(before, after, kernel=3, stride=stride, bias=True),
            nn.ReLU(),
            nn.Conv2d(after, after, 3, padding=1),
        )
        self.shortcut = conv_bn(before, after, stride=stride, bias=True)
        self.attention = SqueezeExcitation(after, reduction=8)

    def forward(self, features: Tensor) -> Tensor:
        """(b, before, h, w) -> (b, after, h / stride, w / stride)."""
        return self.attention(self.residual(features) + self.shortcut(features))


class Pyramid(nn.Module):
    """ASPP: dilated convolutions, summed."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            conv_bn(before, after, kernel=3, dilation=rate, bias=True) for rate in RATES
        )
        self.join = nn.Conv2d(after, after, 1)

    def forward(self, features: Tensor) -> Tensor:
        """(b, before, h, w) -> (b, after, h, w)."""
        return self.join(sum(branch(features) for branch in self.branches))


class Decoder(nn.Module):
    """The coarser level, gated by the finer, enlarged (nearest neighbour) and joined to it."""

    def __init__(self, fine: int, coarse: int, after: int) -> None:
        super().__init__()
        self.from_fine = _normalised_conv(fine, coarse).append(nn.MaxPool2d(2))
        self.from_coarse = _normalised_conv(coarse, coarse)
        self.gate = _normalised_conv(coarse, coarse)
        self.enlarge = nn.Upsample(scale_factor=2)
        self.unit = ResidualUnit(fine + coarse, after)

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """fine: (b, fine, h, w); coarse: (b, coarse, h/2, w/2) -> (b, after, h, w)."""
        gated = self.gate(self.from_fine(fine) + self.from_coarse(coarse)) * coarse
        return self.unit(torch.cat((self.enlarge(gated), fine), dim=1))


def _normalised_conv(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(Normalise(before), nn.ReLU(), nn.Conv2d(before, after, 3, padding=1))
