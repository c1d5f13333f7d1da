"""PraNet (Fan et al., MICCAI 2020): Res2Net-50, partial decoder, reverse attention.

Of its four side outputs only the last is what it answers; the others are of training alone.
"""

from layers import conv_bn, conv_bn_relu, enlarge
from partial_decoder import PartialDecoder, ReceptiveField
from res2net import Res2Net50
from torch import Tensor, nn

WIDTH = 32


class PraNet(nn.Module):
    """(b, 3, h, w) -> (b, 1, h, w) logits. h and w: multiples of 32."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Res2Net50()
        self.receptive = nn.ModuleList(ReceptiveField(channels, WIDTH) for channels in Res2Net50.channels)
        self.decoder = PartialDecoder(WIDTH)
        stride_8, stride_16, stride_32 = Res2Net50.channels
        self.reverse_32 = ReverseAttention(stride_32, 256, convolutions=3, kernel=5, last_kernel=1)
        self.reverse_16 = ReverseAttention(stride_16, 64, convolutions=2, kernel=3, last_kernel=3)
        self.reverse_8 = ReverseAttention(stride_8, 64, convolutions=2, kernel=3, last_kernel=3)

    def forward(self, image: Tensor) -> Tensor:
        """A coarse map, refined three times where it says there is nothing."""
        maps = self.encoder(image)
        coarse = self.decoder(*(block(level) for block, level in zip(self.receptive, maps, strict=True)))
        logits = self.reverse_32(maps[2], enlarge(coarse, 0.25))  # b, 1, h/32, w/32
        logits = self.reverse_16(maps[1], enlarge(logits, 2))  # b, 1, h/16, w/16
        logits = self.reverse_8(maps[0], enlarge(logits, 2))  # b, 1, h/8, w/8
        return enlarge(logits, 8)


class ReverseAttention(nn.Module):
    """RA: features where the coarse map sees no polyp correct that map."""

    def __init__(
        self, channels: int, inner: int, *, convolutions: int, kernel: int, last_kernel: int
    ) -> None:
        super().__init__()
        self.correct = nn.Sequential(
            conv_bn(channels, inner),
            *(conv_bn_relu(inner, inner, kernel=kernel) for _ in range(convolutions)),
            conv_bn(inner, 1, kernel=last_kernel),
        )

    def forward(self, features: Tensor, coarse: Tensor) -> Tensor:
        """features: (b, c, h, w); coarse: (b, 1, h, w) logits -> (b, 1, h, w) logits."""
        return self.correct(features * (1 - coarse.sigmoid())) + coarse
