"""ColonSegNet (Jha et al., IEEE Access 2021): residual blocks, squeeze and excitation, two encoders."""

import torch
from layers import SqueezeExcitation, conv_bn, conv_bn_relu
from torch import Tensor, nn


class ColonSegNet(nn.Module):
    """(b, 3, h, w) -> (b, 1, h, w) logits. h and w: multiples of 8."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder_1 = Encoder(3, 64)
        self.encoder_2 = Encoder(64, 256)
        self.pool = nn.MaxPool2d(2)
        self.up_1 = nn.ConvTranspose2d(256, 128, 4, stride=4)
        self.block_1 = ResidualBlock(192, 128)
        self.up_2 = nn.ConvTranspose2d(256, 128, 4, stride=2, padding=1)
        self.block_2 = ResidualBlock(256, 128)
        self.up_3 = nn.ConvTranspose2d(128, 64, 4, stride=2, padding=1)
        self.block_3 = ResidualBlock(128, 64)
        self.up_4 = nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1)
        self.block_4 = ResidualBlock(96, 32)
        self.classify = nn.Conv2d(32, 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Two encoders, whose four outputs two decoders join."""
        fine_1, coarse_1 = self.encoder_1(image)  # b, 64, h, w and b, 64, h/2, w/2
        fine_2, coarse_2 = self.encoder_2(self.pool(coarse_1))  # b, 256, h/4, w/4 and b, 256, h/8, w/8
        features = self.block_1(torch.cat((self.up_1(coarse_2), coarse_1), dim=1))  # b, 128, h/2, w/2
        features = self.block_2(torch.cat((features, self.up_2(fine_2)), dim=1))
        features = self.block_3(torch.cat((self.up_3(features), fine_1), dim=1))  # b, 64, h, w
        features = self.block_4(torch.cat((features, self.up_4(coarse_1)), dim=1))  # b, 32, h, w
        return self.classify(features)


class Encoder(nn.Module):
    """Two residual blocks with a strided convolution between them."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.fine = ResidualBlock(before, after)
        self.coarse = nn.Sequential(
            conv_bn_relu(after, after, stride=2, bias=True), ResidualBlock(after, after)
        )

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(b, before, h, w) -> (b, after, h, w) and (b, after, h/2, w/2)."""
        fine = self.fine(features)
        return fine, self.coarse(fine)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions; squeeze and excitation stands in the shortcut, as in the authors' code."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            conv_bn_relu(before, after, bias=True), conv_bn(after, after, kernel=3, bias=True)
        )
        self.shortcut = nn.Sequential(
            conv_bn(before, after, bias=True), SqueezeExcitation(after, reduction=16)
        )

    def forward(self, features: Tensor) -> Tensor:
        """(b, before, h, w) -> (b, after, h, w)."""
        return (self.residual(features) + self.shortcut(features)).relu()
